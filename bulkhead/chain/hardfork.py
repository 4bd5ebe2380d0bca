"""Whether a chain runs what the contracts are compiled to, asked of the chain itself before anything is sent."""

from __future__ import annotations

from bulkhead.chain.errors import BulkheadError, NodeUnavailable, WrongNetwork
from bulkhead.chain.rpc import Rpc, to_bytes

#: Creation code that uses each opcode of Cancun and Shanghai that Vyper emits, and returns 1: TSTORE(0, 1), TLOAD(0),
#: PUSH0, MSTORE, MCOPY of that word, RETURN of the copy.
PROBE = bytes.fromhex("60015f5d5f5c5f5260205f60205e60206020f3")
#: Chains that announced these opcodes, by id: for the sentence that refuses another one.
CHAINS = {
    1: "Ethereum", 10: "OP Mainnet", 56: "BNB Smart Chain", 100: "Gnosis", 137: "Polygon PoS", 8453: "Base",
    42161: "Arbitrum One", 43114: "Avalanche C", 534352: "Scroll", 11155111: "Sepolia", 31337: "Anvil",
}  # fmt: skip


def require_cancun(rpc: Rpc) -> None:
    """Refuses a chain without the opcodes of Cancun.

    Raises:
        WrongNetwork: It lacks one of them.
        NodeUnavailable: The node does not answer.
    """
    try:
        found = to_bytes(rpc.call("eth_call", {"data": "0x" + PROBE.hex()}, "latest"))
    except NodeUnavailable:
        raise
    except BulkheadError as error:
        raise _refused(rpc, str(error)) from None
    if found != (1).to_bytes(32, "big"):
        raise _refused(rpc, "what they computed is wrong")


def _refused(rpc: Rpc, why: str) -> WrongNetwork:
    known = ", ".join(CHAINS[chain] for chain in sorted(CHAINS))
    name = CHAINS.get(rpc.chain_id)
    return WrongNetwork(
        f"Chain {rpc.chain_id}{f' ({name})' if name else ''} at {rpc.url} does not run the opcodes of Cancun (PUSH0, "
        f"TLOAD, TSTORE, MCOPY), which the contracts need; nothing was sent. Chains that have them: {known}. "
        f"The node said: {why.rstrip('.')}."
    )
