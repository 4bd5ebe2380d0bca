"""Orders of others that wait for a price: from the QuoteBoard or by POST, filled when the desk's own marks allow."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from bulkhead import orders, pricing
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.client import SignedOrder, from_wad
from bulkhead.client.fill_check import DEAD, STATUSES, order_states
from bulkhead.client.signed_order import posted_orders
from bulkhead.maker.desk import Desk, Look, Maker
from bulkhead.maker.ladder import edge, skew
from bulkhead.maker.limits import Exposure
from bulkhead.orders import Flags, Order
from bulkhead.risk.scales import MICRO
from bulkhead.risk.words import Series

#: Orders kept of one signer, and in all.
MOST_OF_SIGNER, MOST = 100, 5_000
#: Orders about which the lens is asked in one look.
MOST_ASKED = 64


@dataclass(frozen=True)
class Taken:
    """A fill by the maker.

    Attributes:
        signed: The order.
        packages: Filled [1e-6].
        price: Per package [wad].
    """

    signed: SignedOrder
    packages: int
    price: int


class WaitingOrders:
    """Orders of others, kept by what they are counted under."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._kept: dict[bytes, SignedOrder] = {}
        self._seen_block: int | None = None
        self._turn = 0

    def __len__(self) -> int:
        """Orders kept."""
        return len(self._kept)

    def add(self, signed: SignedOrder) -> None:
        """Keeps an order; one that is signed for the same position and trigger side replaces the one kept.

        Raises:
            BadInput: It is not for this Exchange, nobody has signed it, it is over, or there are too many.
        """
        domain = self._maker.client.domain
        if (signed.chain_id, signed.exchange.lower()) != (domain.chain_id, domain.exchange.lower()):
            raise BadInput("The order was signed for another Exchange.")
        try:
            orders.check(signed.order)
            by = orders.recover(signed.order, domain, signed.signature)
        except ValueError as error:
            raise BadInput(f"The order cannot be taken: {error}.") from None
        order = signed.order
        if by.lower() != order.signer.lower():
            raise BadInput("The signature is not that of the order's signer.")
        first = Series.unpack(order.legs[0].series)
        if first.market != self._maker.index or first.expiry not in self._maker.desks:
            raise BadInput("That expiry or market is not quoted here.")
        if order.taker not in (orders.ZERO_ADDRESS, self._maker.client.address):
            raise BadInput("The order is for another taker.")
        key = _place(order, domain)
        if key in self._kept and self._kept[key].order.since > order.since:
            raise BadInput("A newer level of that order waits here.")
        if key not in self._kept:
            if len(self._kept) >= MOST:
                raise BadInput("There are too many orders here; post it on the QuoteBoard.")
            mine = sum(1 for one in self._kept.values() if one.order.signer == order.signer)
            if mine >= MOST_OF_SIGNER:
                raise BadInput(f"{MOST_OF_SIGNER} orders of that signer wait here already.")
        self._kept[key] = signed

    def watch_board(self) -> None:
        """Takes what was posted on the QuoteBoard since the last time; what is of no use is left."""
        first = None if self._seen_block is None else self._seen_block + 1
        orders_there, self._seen_block = posted_orders(self._maker.client.chain, first)
        for signed in orders_there:
            with contextlib.suppress(BadInput):
                self.add(signed)

    def fill(self, look: Look) -> list[Taken]:
        """Fills what is in its band and pays the desk's edge; forgets what is over."""
        taken: list[Taken] = []
        for expiry, desk in look.desks.items():
            if not desk.cell.snapshot.is_usable:
                continue
            near = [
                (key, one)
                for key, one in self._kept.items()
                if _concerns(one.order, expiry, desk, look.now) and self._worth(one.order, desk, look)
            ]
            if not near:
                continue
            # each look begins where the last one ended, so that nobody's orders keep others' from being asked about
            start = self._turn % len(near)
            near = (near[start:] + near[:start])[:MOST_ASKED]
            self._turn += len(near)
            client, vault = self._maker.client, desk.vault.vault_id
            states = order_states(client.chain, [one for _, one in near], client.address, vault)
            for (key, one), state in zip(near, states, strict=True):
                status = STATUSES[state["status"]]
                if status in DEAD:
                    del self._kept[key]
                elif status == "open" and state["fillable"]:
                    found = self._fill(one, int(state["fillable"]), desk, look)
                    taken += [found] if found else []
        self._kept = {key: one for key, one in self._kept.items() if one.order.expiry >= look.now}
        return taken

    def _fill(self, signed: SignedOrder, packages: int, desk: Desk, look: Look) -> Taken | None:
        """Fills an order if its price leaves the edge and the desk may hold what comes."""
        order, client, snapshot = signed.order, self._maker.client, desk.cell.snapshot
        named = client.chain["FillCheck"].call("round_of", order.to_tuple()) if order.patience else None
        age = client.chain.rpc.timestamp() - named["stamp"] if named and named["id"] else 0
        price = pricing.terms(order, packages, look.decimals, look.fees, snapshot, age).price
        limit = self._limit(order, desk)
        if not _pays(order, price, limit):
            return None
        change = Exposure.of(pricing.legs_of(order, packages), snapshot)
        if not self._maker.limits.allows(desk.held, -change if order.is_bid else change):
            return None
        try:
            client.orders.fill(signed, desk.vault.vault_id, from_wad(packages * 10**12), limit_price=from_wad(limit))
        except BulkheadError:  # somebody was first, or the price moved: the next look sees
            return None
        return Taken(signed, packages, price)

    def _limit(self, order: Order, desk: Desk) -> int:
        """The worst price at which the maker takes the other side of an order [wad]."""
        style, snapshot = self._maker.style, desk.cell.snapshot
        one = pricing.legs_of(order, MICRO)
        found = pricing.sensitivities(one, snapshot)
        half = edge(one, found.value, snapshot.spot, style)
        middle = found.value + skew(found.delta, snapshot.spot, style, self._maker.limits.lean(desk.held))
        return middle + half if order.is_bid else middle - half

    def _worth(self, order: Order, desk: Desk, look: Look) -> bool:
        """Whether an order pays at the most it can slip to."""
        best = pricing.terms(
            order, order.size, look.decimals, look.fees, desk.cell.snapshot, order.patience
        ).price  # fmt: skip
        return _pays(order, best, self._limit(order, desk))


def _pays(order: Order, price: int, limit: int) -> bool:
    """Whether a price of an order is at the maker's limit or better for him."""
    return price >= limit if order.is_bid else price <= limit


def _place(order: Order, domain: orders.Domain) -> bytes:
    """What an order is kept under: newer levels of one stop replace one another, its take of profit stands beside."""
    side = b"\0" if not orders.has_band(order) else b"\1" if order.spot_min == 0 else b"\2"
    trails = order.flags & Flags.TOGETHER
    return orders.order_key(order, domain) + (side + order.signer.encode() if trails else b"")


def _concerns(order: Order, expiry: int, desk: Desk, now: int) -> bool:
    snapshot = desk.cell.snapshot
    low, high = snapshot.spot - snapshot.half_width, snapshot.spot + snapshot.half_width
    inside = order.spot_min <= low and high <= order.spot_max
    return inside and order.expiry >= now and Series.unpack(order.legs[0].series).expiry == expiry
