"""Whether an order can be filled, as OrderLens and FillCheck say it, and whom it would still pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bulkhead import orders
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read
from bulkhead.chain.errors import Reverted
from bulkhead.chain.reasons import sentence
from bulkhead.client.signed_order import SignedOrder
from bulkhead.orders import Order
from bulkhead.risk.words import Leg, Series

#: Words of `OrderLens.order_states`, by number.
STATUSES = ("invalid", "open", "closing only", "not now", "filled", "cancelled", "expired")
#: Nothing but another order helps an order in these.
DEAD = frozenset({"invalid", "filled", "cancelled", "expired"})
#: Orders in one call of the lens.
CHUNK = 16
#: What the numbers of a preview show better than a refusal: too little margin, or too few tokens.
SHORTFALLS = ("margin/", "clearinghouse/transfer-refused")


def order_states(chain: Connection, signed: Sequence[SignedOrder], taker: str, vault_id: int) -> list[Any]:
    """`OrderLens.order_states` of any number of orders, in one post."""
    lens = chain["OrderLens"]
    chunks = [signed[i : i + CHUNK] for i in range(0, len(signed), CHUNK)]
    queries = [
        lens.query("order_states", [s.order.to_tuple() for s in part], [s.signature for s in part], taker, vault_id)
        for part in chunks
    ]
    return [state for states in read(chain.rpc, queries) for state in states]


@dataclass(frozen=True)
class Fill:
    """A fill that somebody thinks of.

    Attributes:
        order: The order.
        signature: Its signature, None before it is signed.
        size: Packages [1e-6], None for all that is left.
        taker: Who would fill; the zero address for anyone.
        vault_id: The vault to fill into; 0 for any, or one still to be opened.
        round_id: Round by whose age the order's slip has grown; 0 for none.
    """

    order: Order
    signature: bytes | None
    size: int | None
    taker: str = orders.ZERO_ADDRESS
    vault_id: int = 0
    round_id: int = 0


def check_fill(chain: Connection, fill: Fill) -> tuple[int, str]:
    """The packages of a fill [1e-6] and the reason it would meet for want of margin or tokens, "" for none.

    Raises:
        Reverted: The fill would be refused for another reason.
    """
    order = fill.order
    orders.check(order, None)
    domain = orders.Domain(chain.deployment.chain_id, chain["Exchange"].address)
    now = chain.rpc.timestamp()
    if now > order.expiry:
        raise _refused("exchange/order-expired")
    if now >= Series.unpack(order.legs[0].series).expiry:
        raise _refused("exchange/series-expired")
    if fill.signature is not None:
        signed = SignedOrder(order, fill.signature, domain.chain_id, domain.exchange)
        (state,) = order_states(chain, [signed], fill.taker, 0)
        if STATUSES[state["status"]] in DEAD:
            raise _refused(state["reason"])
    filled = chain["Exchange"].call("filled_of", order.signer, orders.order_key(order, domain)).packages
    reducible = orders.MAX_UINT
    if order.flags & orders.Flags.REDUCE_ONLY:
        legs = [(leg.series, leg.ratio) for leg in order.legs]
        reducible = chain["TradeLimits"].call("reducible", order.maker_vault, legs, order.is_bid)
    size = min(order.size - filled, reducible) if fill.size is None else fill.size
    reason = orders.size_refusal(order, filled, size, reducible)
    if reason:
        raise _refused(reason)
    reason = _lens_refusal(chain, fill, size, opens=fill.vault_id == 0)
    if reason.startswith(SHORTFALLS) or not reason:
        return size, reason
    if fill.vault_id == 0 and not _lens_refusal(chain, fill, size, opens=False) and _somebody_closes(chain, order):
        return size, reason
    raise _refused(reason)


def _refused(reason: str) -> Reverted:
    return Reverted(reason, sentence(reason))


def _lens_refusal(chain: Connection, fill: Fill, size: int, opens: bool) -> str:
    try:
        order = fill.order.to_tuple()
        chain["FillCheck"].call("check_fill", order, size, fill.taker, fill.vault_id, opens, fill.round_id)
    except Reverted as error:
        if not error.reason:
            raise
        return error.reason
    return ""


def _somebody_closes(chain: Connection, order: Order) -> bool:
    """Whether another vault holds what the order would take off it."""
    first = Series.unpack(order.legs[0].series)
    # the taker gives what the buyer of a bid receives, and receives what the seller of an ask gives
    sign = 1 if order.is_bid else -1
    wanted = [(Series.unpack(leg.series), sign * leg.ratio) for leg in order.legs]
    inverse = chain.units(first.market).inverse
    wanted = [(series, ratio) for series, ratio in wanted if not series.kind.is_money(inverse)]

    def holds(legs: Sequence[Leg]) -> bool:
        held = {(leg.kind, leg.strike): leg.quantity for leg in legs}
        return all(held.get((series.kind, series.strike), 0) * ratio > 0 for series, ratio in wanted)

    return any(
        vault.cell == (first.market, first.expiry) and vault.vault_id != order.maker_vault and holds(vault.legs)
        for vault in chain.book().vaults.values()
    )
