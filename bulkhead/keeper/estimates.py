"""Gas limits of calls by a node, which simulates them for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted
from bulkhead.chain.rpc import Call as RpcCall
from bulkhead.chain.rpc import to_hex, to_int
from bulkhead.keeper.calls import Call
from bulkhead.keeper.fees import GAS_SHARE
from bulkhead.keeper.plan import Flag
from bulkhead.keeper.providers import Providers


async def gas_limits(
    providers: Providers, sender: str, calls: Sequence[Call]
) -> tuple[list[tuple[Call, int]], list[tuple[Call, BulkheadError]]]:
    """(calls with their gas limits, calls that fail with the reason), both in the order of the calls.

    Args:
        providers: The nodes.
        sender: Who would send them.
        calls: The calls.
    """
    if not calls:
        return [], []
    plans: list[RpcCall] = [("eth_estimateGas", (_transaction(sender, call),)) for call in calls]
    try:
        answers = await providers.read(plans)
    except NodeUnavailable as error:
        answers = [error] * len(calls)
    await _ask_others(providers, calls, plans, answers)
    ready: list[tuple[Call, int]] = []
    failed: list[tuple[Call, BulkheadError]] = []
    for call, answer in zip(calls, answers, strict=True):
        if isinstance(answer, BulkheadError):
            failed.append((call, answer))
            continue
        try:
            ready.append((call, int(to_int(answer) * GAS_SHARE) + call.room))
        except NodeUnavailable as error:
            failed.append((call, error))
    return ready, failed


async def _ask_others(
    providers: Providers, calls: Sequence[Call], plans: Sequence[RpcCall], answers: list[Any]
) -> None:
    """Asks every node about flags that one of them refuses: it may be the one that does not know better."""
    doubtful = [i for i, call in enumerate(calls) if isinstance(call.action, Flag) and isinstance(answers[i], Reverted)]
    if not doubtful or len(providers.nodes) < 2:
        return
    for i, told in zip(doubtful, await providers.broadcast([plans[i] for i in doubtful]), strict=True):
        answers[i] = next((reply for reply in told if isinstance(reply, str)), answers[i])


def _transaction(sender: str, call: Call) -> dict[str, str]:
    coins = {"value": to_hex(call.value)} if call.value else {}
    return {"from": sender, "to": call.to, "data": "0x" + call.data.hex(), **coins}
