# pragma version 0.4.3
"""
@title Signatures of accounts and contracts
@license AGPL-3.0-only
@notice Says whether `signer` signed `digest`, and never reverts: ECDSA of 65 bytes (r, s, v) or 64 bytes (EIP-2098),
        low s only; EIP-1271 for accounts with code; either for accounts that delegate by EIP-7702.
        Nothing may use a signature as an identifier: one digest has many valid signatures.
@dev snekmate's `ecdsa` reverts on a bad signature, which a batch view cannot use; its bound on s is the same (EIP-2).
"""

# half of the order of secp256k1; a larger s is the malleable twin of a smaller one
MAX_S: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
# `isValidSignature(bytes32,bytes)`, also the answer that means yes
MAGIC: constant(bytes4) = 0x1626BA7E
# gas an EIP-1271 contract gets: enough for a passkey in plain bytecode, too little to grief with
CHECK_GAS: constant(uint256) = 400_000
# an EIP-7702 account's code is this prefix and an address
DELEGATION: constant(bytes3) = 0xef0100
DELEGATION_SIZE: constant(uint256) = 23


@internal
@pure
def _recover(digest: bytes32, signature: Bytes[1024]) -> address:
    """
    @notice Address whose key made the signature, empty when it is malformed or malleable.
    """
    size: uint256 = len(signature)
    if size != 65 and size != 64:
        return empty(address)
    r: uint256 = extract32(signature, 0, output_type=uint256)
    s: uint256 = extract32(signature, 32, output_type=uint256)
    v: uint256 = 0
    if size == 65:
        v = convert(slice(signature, 64, 1), uint256)
    else:
        v = (s >> 255) + 27
        s &= 2**255 - 1
    if s > MAX_S or (v != 27 and v != 28):
        return empty(address)
    return ecrecover(digest, v, r, s)


@internal
@view
def _is_delegated(account: address) -> bool:
    return account.codesize == DELEGATION_SIZE and convert(slice(account.code, 0, 3), bytes3) == DELEGATION


@internal
@view
def _contract_accepts(signer: address, digest: bytes32, signature: Bytes[1024]) -> bool:
    """
    @notice EIP-1271: a static call with bounded gas that must answer with the magic word.
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        signer,
        abi_encode(digest, signature, method_id=MAGIC),
        max_outsize=32,
        gas=CHECK_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    # the magic word stands left-aligned in 32 bytes
    return success and len(answer) == 32 and convert(answer, bytes32) == convert(MAGIC, bytes32)


@internal
@view
def _is_valid(signer: address, digest: bytes32, signature: Bytes[1024]) -> bool:
    """
    @notice True when `signer` signed `digest`.
    """
    has_code: bool = signer.is_contract
    # code that is no delegation speaks for the account alone: its key, if there ever was one, is retired
    if not has_code or self._is_delegated(signer):
        recovered: address = self._recover(digest, signature)
        if recovered != empty(address) and recovered == signer:
            return True
    return has_code and self._contract_accepts(signer, digest, signature)
