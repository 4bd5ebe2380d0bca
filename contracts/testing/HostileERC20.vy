# pragma version 0.4.3
"""
@title Test token that breaks its word
@license AGPL-3.0-only
@notice Ordinary until told otherwise: it can freeze addresses (transfers from or to them revert), answer false instead
        of reverting, keep a fee of every transfer, refuse to change an allowance that is not zero as USDT does, or call
        somebody before it moves anything. For tests only.
"""

decimals: public(immutable(uint8))
symbol: public(String[8])
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
# addresses whose transfers fail
frozen: public(HashMap[address, bool])
# a failure answers false instead of reverting
quiet: public(bool)
# kept of every transfer
fee_bps: public(uint256)
# an allowance changes only from zero or to zero
strict: public(bool)
# called once before the next transfer moves anything, as a hook of ERC-777 would be
hook: address
hook_data: Bytes[2048]
hook_calls: public(uint256)
hook_passed: public(bool)
hook_refusal: public(Bytes[256])


@deploy
def __init__(decimals_: uint8):
    decimals = decimals_
    self.symbol = "BAD"


@external
def mint(to: address, amount: uint256):
    """
    @notice Creates tokens; open to anyone.
    """
    self.totalSupply += amount
    self.balanceOf[to] += amount


@external
def freeze(holder: address, frozen: bool):
    """
    @notice Freezes or thaws an address.
    """
    self.frozen[holder] = frozen


@external
def misbehave(quiet: bool, fee_bps: uint256):
    """
    @notice Chooses how to fail and what to keep.
    """
    self.quiet = quiet
    self.fee_bps = fee_bps


@external
def be_strict(strict: bool):
    """
    @notice Chooses whether an allowance may change from one amount to another.
    """
    self.strict = strict


@external
def arm(target: address, data: Bytes[2048]):
    """
    @notice Sets what is called, as this token, before the next transfer.
    """
    self.hook = target
    self.hook_data = data
    self.hook_calls = 0
    self.hook_passed = False


@external
def act(target: address, data: Bytes[2048]) -> Bytes[32]:
    """
    @notice Calls anything as this token.
    """
    return raw_call(target, data, max_outsize=32)


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Sets the allowance of a spender.
    """
    if self.strict and amount != 0 and self.allowance[msg.sender][spender] != 0:
        # USDT gives no reason
        raw_revert(b"")
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Moves the caller's tokens, or does not.
    """
    return self._transfer(msg.sender, to, amount)


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Moves an owner's tokens within the caller's allowance, or does not.
    """
    assert self.allowance[owner][msg.sender] >= amount, "token/allowance"
    self.allowance[owner][msg.sender] -= amount
    return self._transfer(owner, to, amount)


@internal
def _transfer(owner: address, to: address, amount: uint256) -> bool:
    if self.frozen[owner] or self.frozen[to] or self.balanceOf[owner] < amount:
        assert self.quiet, "token/frozen"
        return False
    target: address = self.hook
    if target != empty(address):
        self.hook = empty(address)
        self.hook_calls += 1
        passed: bool = False
        answer: Bytes[256] = b""
        passed, answer = raw_call(
            target, self.hook_data, max_outsize=256, revert_on_failure=False
        )
        self.hook_passed = passed
        self.hook_refusal = answer
    kept: uint256 = amount * self.fee_bps // 10_000
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount - kept
    return True
