"""Orders that wait for a price: stops, takes of profit and trailing stops of an own position.

A stop is a reduce-only order that is good from its trigger on, however far the price jumps beyond it. It is priced
at mark with a slip that grows in the time a round has stood in its band (docs/orders.md), so that somebody fills it
at what was needed. Makers fill it when the slip covers their edge; nobody must, and no price is promised. Orders of
one position share a salt: they take from one another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from bulkhead import orders, pricing
from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import CellView, VaultView, read_cells
from bulkhead.client.amounts import MAX_UINT, Number, from_wad, to_quantity, to_wad
from bulkhead.client.signed_order import SignedOrder
from bulkhead.orders import Flags, OrderLeg, PremiumStyle
from bulkhead.risk.scales import BPS_IN_ONE
from bulkhead.risk.words import Leg, Series

if TYPE_CHECKING:
    from bulkhead.client.account import Account
    from bulkhead.client.orders import Orders
    from bulkhead.client.vaults import Vaults

#: What a client signs by default: slip [bps of spot per contract] and the time in which it grows to that [s].
SLIP_BPS, PATIENCE = 300, 1_800


@dataclass(frozen=True)
class Position:
    """What a vault holds, as a package that can be sold.

    Attributes:
        vault: The vault.
        cell: Its prices.
        legs: Legs of one package as the vault holds them.
        packages: Packages held [1e-6].
    """

    vault: VaultView
    cell: CellView
    legs: tuple[OrderLeg, ...]
    packages: int

    def value(self, spot: int | None = None) -> int:
        """What one package is worth to its holder, at the present spot or at another [wad]."""
        snapshot = self.cell.snapshot if spot is None else self.cell.snapshot.at(spot)
        one = tuple(Leg(s.kind, s.strike, leg.ratio * 10**6) for s, leg in self._series)
        return pricing.mark(one, snapshot, self.cell.units)

    def notional(self, spot: int) -> int:
        """Options and delta legs of one package at a spot [wad token]."""
        held = tuple(Leg(s.kind, s.strike, leg.ratio * 10**6) for s, leg in self._series)
        return pricing.notional(held, self.cell.snapshot.at(spot), self.cell.units) // 10**6

    @property
    def _series(self) -> list[tuple[Series, OrderLeg]]:
        return [(Series.unpack(leg.series), leg) for leg in self.legs]

    @property
    def style(self) -> PremiumStyle:
        """How closing it is paid: what holds a delta leg was bought on deferred premium."""
        futures = any(series.kind.is_delta(self.cell.units.inverse) for series, _ in self._series)
        return PremiumStyle.DEFERRED if futures else PremiumStyle.UPFRONT


#: The outermost price is right for a gap of half the trigger.
GAP = 2


class Stops:
    """Stops, takes of profit and trailing stops."""

    def __init__(self, account: Account, vaults: Vaults, signing: Orders) -> None:
        self._account = account
        self._vaults = vaults
        self._orders = signing

    def position(self, vault_id: int) -> Position:
        """What a vault holds, its money leg aside.

        Raises:
            BadInput: It holds nothing, more than one order can close, or there is no active price.
        """
        view = self._vaults.view(vault_id)
        held = [leg for leg in view.legs if not leg.is_money(view.units.inverse)]
        if not held:
            raise BadInput(f"Vault {vault_id} holds no option and no future that a stop could close.")
        if len(held) > orders.MAX_LEGS:
            raise BadInput(
                f"Vault {vault_id} holds {len(held)} legs and an order has at most {orders.MAX_LEGS}: split it first."
            )
        (cell,) = read_cells(self._account.chain, [view.cell]).values()
        if not cell.snapshot.is_active:
            raise BadInput("The price is not active, so no trigger can be set beside it; `bulkhead markets` says why.")
        packages = math.gcd(*(leg.quantity for leg in held))
        legs = sorted(
            (Series(view.market, leg.kind, view.expiry, leg.strike).pack(), leg.quantity // packages) for leg in held
        )
        return Position(view, cell, tuple(OrderLeg(*leg) for leg in legs), packages)

    def stop(
        self,
        vault_id: int,
        *,
        below: Number | None = None,
        above: Number | None = None,
        size: Number | None = None,
        slip: int = SLIP_BPS,
        patience: int = PATIENCE,
        worst: Number | None = None,
        good_for: int | None = None,
        salt: int | None = None,
    ) -> SignedOrder:
        """Signs a stop of a whole position.

        Args:
            vault_id: Own vault.
            below: It closes from this spot downwards.
            above: It closes from this spot upwards; one of the two is given.
            size: Packages; None closes all.
            slip: How far from mark it trades at most [bps of spot per contract].
            patience: Seconds in which the slip grows to that.
            worst: Lowest price of a package [token]; None for mark after a gap of half the trigger, less the full slip.
            good_for: Seconds from now; None until the expiry.
            salt: That of the position's other orders.

        Raises:
            BadInput: It would close at once, or it stands where the position gains.
        """
        position = self.position(vault_id)
        trigger, is_below = _trigger(position, below, above)
        if worst is None:
            far = trigger // GAP if is_below else trigger + trigger // GAP
            floor = position.value(far) - position.notional(far) * slip // BPS_IN_ONE
        else:
            floor = to_wad(worst)
        band = {"spot_min": 0, "spot_max": trigger} if is_below else {"spot_min": trigger, "spot_max": MAX_UINT}
        return self._sign(position, floor, size, good_for, salt, slip=slip, patience=patience, **band)

    def take_profit(
        self,
        vault_id: int,
        price: Number,
        *,
        size: Number | None = None,
        good_for: int | None = None,
        salt: int | None = None,
    ) -> SignedOrder:
        """Signs a reduce-only order that sells a whole position at a price.

        Args:
            vault_id: Own vault.
            price: Of one package [token]; below zero the vault pays to be rid of it.
            size: Packages; None closes all.
            good_for: Seconds from now; None until the expiry.
            salt: That of the position's other orders, such as its stop.

        Raises:
            BadInput: It is not above what the position is worth now.
        """
        position = self.position(vault_id)
        limit = to_wad(price)
        if limit <= position.value():
            raise BadInput(
                f"A package is worth {from_wad(position.value()):.6f} now: a take of profit stands above that; to "
                f"close now, take a bid (`bulkhead order close`)."
            )
        return self._sign(position, limit, size, good_for, salt)

    def trail(self, stop: SignedOrder, distance: Number) -> SignedOrder | None:
        """Signs the next level of a stop when the price has moved away from it; the older one lies inside it.

        Args:
            stop: The newest level.
            distance: How far behind spot the trigger follows [quote].

        Returns:
            The new level, good as long as the old one; None when it would not be better.
        """
        old, step = stop.order, to_wad(distance)
        if step <= 0:
            raise BadInput("A stop trails by a distance above 0.")
        if not (old.flags & Flags.TOGETHER and old.flags & Flags.REDUCE_ONLY and orders.has_band(old)):
            raise BadInput("That order is no stop that could trail: it lacks a trigger, or a salt to share.")
        spot = self.position(old.maker_vault).cell.snapshot.spot
        is_below = old.spot_max != MAX_UINT
        trigger = spot - step if is_below else spot + step
        if trigger <= old.spot_max if is_below else trigger >= old.spot_min:
            return None
        now = self._account.chain.rpc.timestamp()
        band = {"spot_max": trigger} if is_below else {"spot_min": trigger}
        return self._orders.sign_order(orders.with_changes(old, **band, since=now))

    def _sign(
        self,
        position: Position,
        price: int,
        size: Number | None,
        good_for: int | None,
        salt: int | None,
        **bounds: int,
    ) -> SignedOrder:
        packages = position.packages if size is None else to_quantity(size)
        if not 0 < packages <= position.packages:
            held = Decimal(position.packages).scaleb(-6).normalize()
            raise BadInput(f"The vault holds {held:f} packages; sell at most those.")
        order = self._orders.order_of(
            position.vault,
            [(leg.series, leg.ratio) for leg in position.legs],
            is_bid=False,
            price=price,
            size=packages,
            good_for=good_for,
            opens=False,
            flags=Flags.REDUCE_ONLY | Flags.TOGETHER,
            premium_style=position.style,
            **({} if salt is None else {"salt": salt}),
            **bounds,
        )
        return self._orders.sign_order(order)


def _trigger(position: Position, below: Number | None, above: Number | None) -> tuple[int, bool]:
    """(trigger [wad], it closes below), looked at from where the price is."""
    given = below if above is None else above
    if given is None or (below is not None and above is not None):
        raise BadInput("A stop closes below a spot or above one: give one of the two.")
    is_below, trigger = above is None, to_wad(given)
    snapshot = position.cell.snapshot
    if trigger <= 0:
        raise BadInput("A stop has a trigger above 0.")
    # with a half-width of the price an order with slip needs both its ends in the band
    if trigger >= snapshot.spot if is_below else trigger <= snapshot.spot:
        raise BadInput(
            f"Spot is {from_wad(snapshot.spot):.2f}, already in the band of that stop: it would close at once. To "
            f"close now, take a bid (`bulkhead order close`)."
        )
    if position.value(trigger) >= position.value():
        raise BadInput(
            f"At {from_wad(trigger):.2f} the position is worth more than now: that is the wrong side for a stop. A "
            f"take of profit is signed with `bulkhead order take-profit`."
        )
    return trigger, is_below
