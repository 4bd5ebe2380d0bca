"""Gas limits of calls by a node, which simulates them for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bulkhead.chain.errors import BulkheadError, NodeUnavailable, Reverted
from bulkhead.chain.rpc import Call as RpcCall
from bulkhead.chain.rpc import to_hex, to_int
from bulkhead.keeper.calls import Call
from bulkhead.keeper.fees import GAS_SHARE
from bulkhead.keeper.providers import Providers


async def gas_limits(
    providers: Providers, sender: str, calls: Sequence[Call], doubted: Callable[[str], bool] = lambda key: False
) -> tuple[list[tuple[Call, int]], list[tuple[Call, BulkheadError]]]:
    """(calls with their gas limits, calls that fail with the reason), both in the order of the calls.

    Args:
        providers: The nodes.
        sender: Who would send them.
        calls: The calls.
        doubted: Whether a call of that key was mined and reverted of late: then every node has to find that it passes.
    """
    if not calls:
        return [], []
    plans: list[RpcCall] = [("eth_estimateGas", (_transaction(sender, call),)) for call in calls]
    try:
        answers = await providers.read(plans)
    except NodeUnavailable as error:
        answers = [error] * len(calls)
    await believe_the_willing(providers, plans, answers)
    await _believe_the_strict(providers, plans, answers, [i for i, call in enumerate(calls) if doubted(call.key)])
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


async def believe_the_willing(providers: Providers, plans: Sequence[RpcCall], answers: list[Any]) -> None:
    """Of calls that one node refuses every node is asked: what only one finds without purpose has not lost it.

    Args:
        providers: The nodes.
        plans: The calls.
        answers: What the first node said; changed where another one says otherwise.
    """
    await _second(providers, plans, answers, [i for i, answer in enumerate(answers) if isinstance(answer, Reverted)])


async def _believe_the_strict(
    providers: Providers, plans: Sequence[RpcCall], answers: list[Any], doubtful: Sequence[int]
) -> None:
    """Of calls that were wrongly found to pass, what the node says that wants most."""
    doubtful = [i for i in doubtful if isinstance(answers[i], str)]
    if not doubtful or len(providers.nodes) < 2:
        return
    for i, told in zip(doubtful, await providers.broadcast([plans[i] for i in doubtful]), strict=True):
        amounts = [answers[i], *(reply for reply in told if isinstance(reply, str))]
        answers[i] = next((reply for reply in told if isinstance(reply, Reverted)), max(amounts, key=to_int))


async def _second(providers: Providers, plans: Sequence[RpcCall], answers: list[Any], doubtful: Sequence[int]) -> None:
    if not doubtful or len(providers.nodes) < 2:
        return
    for i, told in zip(doubtful, await providers.broadcast([plans[i] for i in doubtful]), strict=True):
        answers[i] = next((reply for reply in told if isinstance(reply, str)), answers[i])


def _transaction(sender: str, call: Call) -> dict[str, str]:
    coins = {"value": to_hex(call.value)} if call.value else {}
    return {"from": sender, "to": call.to, "data": "0x" + call.data.hex(), **coins}
