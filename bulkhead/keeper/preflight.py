"""What settings and chain say together before a keeper begins: what could never work, and what cannot yet."""

from __future__ import annotations

from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.parameters import ParameterSet
from bulkhead.chain.rpc import to_int
from bulkhead.keeper.complaints import node_complaints
from bulkhead.keeper.service import Keeper
from bulkhead.risk.scales import MICRO, WAD


async def check_start(keeper: Keeper) -> None:
    """Tells of nodes that will not do, and of accounts without coins, which may still get some.

    Raises:
        BadInput: A limit keeps every take from being made.
        BulkheadError: The nodes failed.
    """
    for node, kind, text in node_complaints(keeper.providers):
        keeper.alerts(kind, node, text)
    head = await keeper.providers.head()
    block = hex(head.number)
    asked = [("eth_getBalance", (address, block)) for address in keeper.wallets.addresses]
    for address, found in zip(keeper.wallets.addresses, await keeper.providers.read(asked, head.number), strict=True):
        if not isinstance(found, BulkheadError) and to_int(found) == 0 and not keeper.dry_run:
            keeper.alerts(
                "no-funds", address, f"{address} has no coins for gas: it can send nothing until it has some."
            )
    await _check_capital(keeper, head.number)


async def _check_capital(keeper: Keeper, block: int) -> None:
    """Whether the tokens that an own vault may hold are enough for the deposit that its first leg locks."""
    capitals = [c for c in (keeper.policy.max_capital, *(wallet.capital for wallet in keeper.wallets)) if c]
    markets = list(keeper.chain.deployment.markets.values())
    if not capitals or "take" not in keeper.policy.roles or not markets:
        return
    queries = [keeper.chain["RiskParameters"].query("words", entry.index) for entry in markets]
    words = await keeper.providers.read_each(queries, block)
    deposits = [ParameterSet.unpack(told).values["deposit"] for told in words if not isinstance(told, BulkheadError)]
    least = min(deposits, default=0)
    if min(capitals) * MICRO < least * WAD:
        raise BadInput(
            f"max_capital is {min(capitals) / WAD:g}, and the first leg of an own vault locks {least / MICRO:g}: "
            "no take could ever be made."
        )
