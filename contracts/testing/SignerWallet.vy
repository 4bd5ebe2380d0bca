# pragma version 0.4.3
"""
@title Test wallet: an EIP-1271 signer that can misbehave
@license AGPL-3.0-only
@notice Accepts a digest when the signature's keccak256 was stored for it, so signatures of any length can be tried.
        Anyone may write; `set_mode` turns the wallet bad in the ways the Exchange has to survive.
@dev Modes: 0 honest, 1 reverts, 2 burns all gas, 3 answers the magic in 4 bytes, 4 answers the magic and more,
     5 answers 1, 6 writes storage first, 7 answers nothing.
"""

MAGIC: constant(bytes4) = 0x1626BA7E

# digest -> keccak256 of the signature that is accepted for it
accepted: public(HashMap[bytes32, bytes32])
mode: public(uint256)
writes: public(uint256)


@external
def accept(digest: bytes32, signature: Bytes[2048]):
    """
    @notice Accepts one signature of one digest.
    """
    self.accepted[digest] = keccak256(signature)


@external
def set_mode(mode: uint256):
    """
    @notice Turns a bad behaviour on, or off with 0; the list is in the title.
    """
    self.mode = mode


@external
@raw_return
def isValidSignature(digest: bytes32, signature: Bytes[2048]) -> Bytes[96]:
    """
    @notice EIP-1271: the magic word for an accepted signature, zeros for any other.
    """
    mode: uint256 = self.mode
    assert mode != 1, "wallet/reverts"
    if mode == 2:
        sum: uint256 = 1
        for i: uint256 in range(2**64 - 1):
            sum = unsafe_mul(sum, 3)
        assert sum != 0
    if mode == 6:
        self.writes += 1
    if mode == 7:
        return b""
    magic: Bytes[32] = abi_encode(MAGIC)
    if mode == 3:
        return slice(magic, 0, 4)
    if mode == 4:
        return concat(magic, magic)
    if mode == 5:
        return abi_encode(convert(1, uint256))
    if self.accepted[digest] != keccak256(signature):
        return abi_encode(empty(bytes32))
    return magic
