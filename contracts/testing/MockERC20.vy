# pragma version 0.4.3
"""
@title Test token: an ordinary ERC-20 with open minting and ERC-2612 permits
@license AGPL-3.0-only
@notice For local chains and tests. Anyone may mint. No fee, no rebase, decimals as constructed.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

implements: IERC20
implements: IERC20Detailed

PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
VERSION: constant(String[1]) = "1"
# half of the curve's order; a larger s is a malleable signature
MALLEABILITY_BOUND: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)

name: public(String[32])
symbol: public(String[32])
decimals: public(immutable(uint8))
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
# next permit nonce of an owner
nonces: public(HashMap[address, uint256])


@deploy
def __init__(name_: String[32], symbol_: String[32], decimals_: uint8):
    self.name = name_
    self.symbol = symbol_
    decimals = decimals_


@external
def mint(to: address, amount: uint256):
    """
    @notice Creates tokens; open to anyone.
    @param to Receiver.
    @param amount Tokens [native].
    """
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=empty(address), receiver=to, value=amount)


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Moves the caller's tokens.
    @return Always True; a failure reverts.
    """
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Moves an owner's tokens within the caller's allowance; an allowance of 2**256-1 is not reduced.
    @return Always True; a failure reverts.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "token/allowance"
        self.allowance[owner][msg.sender] = allowed - amount
    self._transfer(owner, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Sets the allowance of a spender.
    @return Always True.
    """
    self._approve(msg.sender, spender, amount)
    return True


@external
def permit(
    owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32
):
    """
    @notice ERC-2612: sets an allowance by the owner's signature.
    @param deadline Last second at which the permit is good [unix seconds].
    """
    assert block.timestamp <= deadline, "token/permit-expired"
    assert convert(s, uint256) <= MALLEABILITY_BOUND, "token/permit-signature"
    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = nonce + 1
    digest: bytes32 = keccak256(
        concat(
            b"\x19\x01",
            self._domain_separator(),
            keccak256(abi_encode(PERMIT_TYPEHASH, owner, spender, amount, nonce, deadline)),
        )
    )
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address) and signer == owner, "token/permit-signature"
    self._approve(owner, spender, amount)


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice EIP-712 domain separator on this chain.
    """
    return self._domain_separator()


@external
@view
def eip712Domain() -> (bytes1, String[32], String[1], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice ERC-5267 description of the signing domain.
    """
    return (0x0f, self.name, VERSION, chain.id, self, empty(bytes32), [])


@internal
@view
def _domain_separator() -> bytes32:
    return keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(self.name), keccak256(VERSION), chain.id, self)
    )


@internal
def _transfer(owner: address, to: address, amount: uint256):
    assert to != empty(address), "token/empty-receiver"
    held: uint256 = self.balanceOf[owner]
    assert held >= amount, "token/balance"
    self.balanceOf[owner] = held - amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=owner, receiver=to, value=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)
