"""Whether an account accepts a signature: its key, or its contract (EIP-1271), as contracts/vaults/signature.vy.

Only the chain notices a contract that would write while it is asked: its order is refused when it is filled.
"""

from __future__ import annotations

from eth_abi.abi import encode

from bulkhead import orders, signatures
from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.chain.messages import to_hex
from bulkhead.chain.rpc import Rpc
from bulkhead.orders import Domain, Order

#: `isValidSignature(bytes32,bytes)`, which is also what a contract answers in 32 bytes.
MAGIC = bytes.fromhex("1626ba7e")
#: Gas that the contract has for it, and the longest signature that is asked about.
CHECK_GAS, LONGEST = 400_000, 1_024
#: Gas of the call around it: a transaction's own, and each byte's.
BASE_GAS, BYTE_GAS = 21_000, 16


def is_signed(rpc: Rpc, order: Order, domain: Domain, signature: bytes) -> bool:
    """Whether the signer of an order signed it, as the Exchange will see it. A key's signature is asked of no node.

    Args:
        rpc: The node that is asked about contracts.
        order: The order, of valid form.
        domain: The Exchange's.
        signature: Of 64 or 65 bytes by a key, up to 1,024 bytes by a contract.

    Raises:
        NodeUnavailable: The node does not answer.
    """
    if _by_key(order, domain, signature):
        return True
    if len(signature) > LONGEST or not rpc.code(order.signer):
        return False
    return _accepts(rpc, order.signer, orders.order_hash(order, domain), signature)


def _by_key(order: Order, domain: Domain, signature: bytes) -> bool:
    try:
        # the twin of a signature, with s in the upper half, is refused on chain
        whole = signatures.expand(signature)
        signatures.compact(whole)
        return orders.recover(order, domain, whole).lower() == order.signer.lower()
    except ValueError:
        return False


def _accepts(rpc: Rpc, signer: str, digest: bytes, signature: bytes) -> bool:
    data = MAGIC + encode(["bytes32", "bytes"], [digest, signature])
    gas = CHECK_GAS + BASE_GAS + BYTE_GAS * len(data)
    try:
        answer = rpc.call("eth_call", {"to": signer, "data": "0x" + data.hex(), "gas": to_hex(gas)}, "latest")
    except NodeUnavailable:
        raise
    except BulkheadError:  # it reverted or ran out of gas
        return False
    return isinstance(answer, str) and answer.lower() == "0x" + MAGIC.hex() + "00" * 28
