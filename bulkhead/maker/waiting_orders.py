"""Orders of others that wait for a price: from the QuoteBoard or by POST, filled when the desk's own marks allow."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from bulkhead import orders, pricing
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.rpc import Rpc
from bulkhead.client import SignedOrder, from_wad
from bulkhead.client.contract_signature import is_signed
from bulkhead.client.exposure import Exposure
from bulkhead.client.fill_check import DEAD, STATUSES, order_states
from bulkhead.client.signed_order import posted_orders
from bulkhead.maker.desk import Desk, Look, Maker
from bulkhead.maker.ladder import edge, skew
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
    """Orders of others, kept by what they are counted under. One thread may add while another fills."""

    def __init__(self, maker: Maker, asks: Rpc | None = None) -> None:
        """Keeps none yet.

        Args:
            maker: Who fills; its connection is that of the fills.
            asks: Asks contracts about their signatures while fills wait; without it the maker's connection does.
        """
        self._maker = maker
        self._asks = asks or maker.client.chain.rpc
        self._lock = threading.Lock()
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
        signed.check_domain(domain)
        try:
            orders.check(signed.order, self._maker.units.inverse)
        except orders.OrderError as error:
            raise BadInput(f"The order cannot be taken: {error}.") from None
        order = signed.order
        first = Series.unpack(order.legs[0].series)
        if first.market != self._maker.index or first.expiry not in self._maker.desks:
            raise BadInput("That expiry or market is not quoted here.")
        if order.taker not in (orders.ZERO_ADDRESS, self._maker.client.address):
            raise BadInput("The order is for another taker.")
        # before anything is asked of the chain; only for a contract's signature the contract itself is
        if not is_signed(self._asks, order, domain, signed.signature):
            raise BadInput("The signature is not that of the order's signer.")
        with self._lock:
            self._keep(_place(order, domain), signed)

    def _keep(self, key: bytes, signed: SignedOrder) -> None:
        order = signed.order
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

    def fill(self, look: Look, is_newest: Callable[[], bool] = lambda: True) -> list[Taken]:
        """Fills what is in its band and pays the desk's edge; forgets what is over.

        Args:
            look: What the maker knows.
            is_newest: Whether there is no newer look: a fill waits for its block, and what is old then is left.
        """
        taken: list[Taken] = []
        for expiry, desk in look.desks.items():
            if desk.cell.snapshot.is_usable and is_newest():
                taken += self._fill_desk(expiry, desk, look, is_newest)
        with self._lock:
            self._kept = {key: one for key, one in self._kept.items() if one.order.expiry >= look.now}
        return taken

    def _near(self, expiry: int, desk: Desk, look: Look) -> list[tuple[bytes, SignedOrder]]:
        """What is in its band and would pay, of which the lens is asked now."""
        with self._lock:
            kept = list(self._kept.items())
        near = [
            (key, one)
            for key, one in kept
            if _concerns(one.order, expiry, desk, look.now) and self._worth(one.order, desk, look)
        ]
        if near:
            # each look begins where the last one ended, so that nobody's orders keep others' from being asked about
            start = self._turn % len(near)
            near = (near[start:] + near[:start])[:MOST_ASKED]
            self._turn += len(near)
        return near

    def _fill_desk(self, expiry: int, desk: Desk, look: Look, is_newest: Callable[[], bool]) -> list[Taken]:
        """Fills what one desk can; what it took counts against its limits at once."""
        taken: list[Taken] = []
        near = self._near(expiry, desk, look)
        client, vault = self._maker.client, desk.vault.vault_id
        states = order_states(client.chain, [one for _, one in near], client.address, vault) if near else []
        for (key, one), state in zip(near, states, strict=True):
            status = STATUSES[state["status"]]
            if status in DEAD:
                with self._lock:
                    self._kept.pop(key, None)
            elif status == "open" and state["fillable"] and is_newest():
                found = self._fill(one, int(state["fillable"]), desk, look)
                if found is not None:
                    taken.append(found)
                    desk = replace(desk, held=desk.held + _change(found, desk))
        return taken

    def _fill(self, signed: SignedOrder, packages: int, desk: Desk, look: Look) -> Taken | None:
        """Fills an order if its price leaves the edge and the desk may hold what comes."""
        order, client, snapshot = signed.order, self._maker.client, desk.cell.snapshot
        named = client.chain["FillCheck"].call("round_of", order.to_tuple()) if order.patience else None
        age = client.chain.rpc.timestamp() - named["stamp"] if named and named["id"] else 0
        price = pricing.terms(order, packages, look.decimals, look.fees, snapshot, age, desk.cell.units).price
        limit = self._limit(order, desk)
        if not _pays(order, price, limit):
            return None
        found = Taken(signed, packages, price)
        if not self._maker.limits.allows(desk.held, _change(found, desk)):
            return None
        try:
            client.orders.fill(signed, desk.vault.vault_id, from_wad(packages * 10**12), limit_price=from_wad(limit))
        except BulkheadError:  # somebody was first, or the price moved: the next look sees
            return None
        return found

    def _limit(self, order: Order, desk: Desk) -> int:
        """The worst price at which the maker takes the other side of an order [wad]."""
        style, snapshot = self._maker.style, desk.cell.snapshot
        one = pricing.legs_of(order, MICRO)
        units = desk.cell.units
        found = pricing.sensitivities(one, snapshot, units)
        half = edge(one, found.value, snapshot, style, units)
        middle = found.value + skew(found.delta, snapshot.spot, style, self._maker.limits.lean(desk.held), units)
        return middle + half if order.is_bid else middle - half

    def _worth(self, order: Order, desk: Desk, look: Look) -> bool:
        """Whether an order pays at the most it can slip to."""
        best = pricing.terms(
            order, order.size, look.decimals, look.fees, desk.cell.snapshot, order.patience, desk.cell.units
        ).price  # fmt: skip
        return _pays(order, best, self._limit(order, desk))


def _pays(order: Order, price: int, limit: int) -> bool:
    """Whether a price of an order is at the maker's limit or better for him."""
    return price >= limit if order.is_bid else price <= limit


def _change(taken: Taken, desk: Desk) -> Exposure:
    """What a fill adds to a desk."""
    legs = pricing.legs_of(taken.signed.order, taken.packages)
    bought = Exposure.of(legs, desk.cell.snapshot, desk.cell.units)
    return -bought if taken.signed.order.is_bid else bought


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
