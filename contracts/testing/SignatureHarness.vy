# pragma version 0.4.3
"""
@title Test harness: the signature module by itself
@license AGPL-3.0-only
@notice For chains that have EIP-7702, which the in-process EVM of the unit tests does not.
"""
from contracts.vaults import signature as signer_of


@external
@view
def is_valid(signer: address, digest: bytes32, signature: Bytes[1024]) -> bool:
    """
    @notice True when `signer` signed `digest`.
    """
    return signer_of._is_valid(signer, digest, signature)
