"""What a fill of an order costs: price, premium, fees and legs, equal to contracts/exchange/order_pricing.vy.

Amounts are in the market's token: quote, or in an inverse market coins.
All in integers: wad = 1e18, sizes 1e-6 packages, token amounts native.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bulkhead.orders import Order, PremiumStyle
from bulkhead.risk import marks, series_grid
from bulkhead.risk.fixed import divide
from bulkhead.risk.scales import BPS_IN_ONE, MICRO
from bulkhead.risk.words import LINEAR, WAD, Kind, Leg, Series, Snapshot, Status, Units


@dataclass(frozen=True)
class Fees:
    """Fee terms of a market, out of the packed trading word (contracts/exchange/trading_word.vy).

    Attributes:
        taker_bps: Of notional.
        maker_bps: Of notional.
        cap_bps: Largest fee as a share of max(|price|, |mark|).
    """

    taker_bps: int
    maker_bps: int
    cap_bps: int

    @classmethod
    def unpack(cls, trading: int) -> Fees:
        """From `Exchange.trading(market)`."""
        return cls(trading & 65535, trading >> 16 & 65535, trading >> 32 & 65535)


@dataclass(frozen=True)
class OpeningRules:
    """What a fill that raises open interest must meet, out of the packed trading word.

    Attributes:
        tick: Step of strikes [1e-8 quote].
        no_open_seconds: Before an expiry nothing is opened for so long.
        paused_until: Nothing is opened before [unix seconds].
    """

    tick: int
    no_open_seconds: int
    paused_until: int

    @classmethod
    def unpack(cls, trading: int) -> OpeningRules:
        """From `Exchange.trading(market)`."""
        return cls(trading >> 48 & 2**56 - 1, trading >> 104 & 2**24 - 1, trading >> 208 & 2**40 - 1)

    def opens(self, expiry: int, now: int) -> bool:
        """Whether positions of an expiry can be opened."""
        in_time = now >= self.paused_until and now + self.no_open_seconds < expiry
        return in_time and series_grid.on_grid(expiry, now)

    def off_grid(self, series: Iterable[Series], now: int, spot: int) -> str:
        """Why none of these series can be opened however long one waits: a reason of the Exchange, "" when they can.

        Args:
            series: Of one expiry.
            now: [unix seconds].
            spot: Price of the underlying [wad]; 0 when unknown: then any strike on the tick is near enough.
        """
        for one in series:
            if not series_grid.on_grid(one.expiry, now):
                return "exchange/expiry-off-grid"
            if not series_grid.strike_valid(one.kind, one.strike, self.tick, spot or one.strike * marks.STRIKE_WAD):
                return "exchange/strike-off-grid"
        return ""


@dataclass(frozen=True)
class Marked:
    """What legs are worth and how that moves.

    Attributes:
        value: [wad token].
        delta: Contracts of spot [wad].
        gamma: Contracts per quote [wad].
        vega: Quote per 1.00 vol [wad].
    """

    value: int
    delta: int
    gamma: int
    vega: int


@dataclass(frozen=True)
class Terms:
    """What an order asks for at one moment.

    Attributes:
        price: Per package [wad token].
        premium: What the buyer pays [native, or 1e-6 token when deferred].
        cash: Tokens from seller to buyer [native].
        maker_fee: Fee of the maker [native].
        taker_fee: Fee of the taker [native].
        legs: What the buyer receives, a deferred premium included.
    """

    price: int
    premium: int
    cash: int
    maker_fee: int
    taker_fee: int
    legs: tuple[Leg, ...]

    def received(self, buyer: bool) -> tuple[tuple[Leg, ...], int]:
        """(legs, tokens before fees) that one side receives."""
        if buyer:
            return self.legs, self.cash
        return tuple(Leg(leg.kind, leg.strike, -leg.quantity) for leg in self.legs), -self.cash


def legs_of(order: Order, size: int) -> tuple[Leg, ...]:
    """Legs that the buyer of `size` packages receives, before a deferred premium."""
    found = []
    for leg in order.legs:
        series = Series.unpack(leg.series)
        found.append(Leg(series.kind, series.strike, leg.ratio * size))
    return tuple(found)


def mark(legs: tuple[Leg, ...], snapshot: Snapshot, units: Units = LINEAR) -> int:
    """Value of the legs [wad token]: all models mark alike."""
    return marks.mark(legs, snapshot, units.inverse)


def notional(legs: Sequence[Leg], snapshot: Snapshot, units: Units = LINEAR) -> int:
    """Options and delta legs in the market's token [wad * 1e-6], CASH of an inverse market at 1/F (leg._notional)."""
    total, forward = 0, snapshot.settling()[1]
    for leg in legs:
        if leg.is_money(units.inverse):
            continue
        size = abs(leg.quantity)
        if not units.inverse:
            total += size * snapshot.spot
        elif leg.is_option:
            total += size * WAD
        else:
            total += size * WAD * WAD // forward
    return total


def sensitivities(
    legs: tuple[Leg, ...], snapshot: Snapshot, units: Units = LINEAR, setting: marks.Setting | None = None
) -> Marked:
    """Value and Greeks of the legs, without a margin; Greeks are in quote in both kinds of market.

    `setting` is the snapshot's, for who asks about many legs.
    """
    setting = setting or marks.setting_of(snapshot)
    found = marks.mark_legs(legs, snapshot, setting)
    worth = marks.in_token(found.value, setting.forward, units.inverse)
    return Marked(divide(worth, MICRO), found.delta, found.gamma, found.vega)


def _div_up(a: int, b: int) -> int:
    return -(-a // b)


def _bound(order: Order, total: int, size: int) -> int:
    """The better for the maker of the signed price and one of the whole size [wad * 1e-6]."""
    return min(order.price, total // size) if order.is_bid else max(order.price, _div_up(total, size))


def slip_allowed(order: Order, size: int, age: int) -> int:
    """How far from mark an order trades [wad * 1e-6], by the age of the round that its filler names [s]; 0 for none.

    Args:
        order: The order.
        size: Notional of its legs [wad * 1e-6].
        age: Of the round.
    """
    allowed = size * order.slip // BPS_IN_ONE
    return allowed * min(age, order.patience) // order.patience if order.patience else allowed


def _price(order: Order, legs: tuple[Leg, ...], size: int, snapshot: Snapshot, age: int, units: Units) -> int:
    if order.slip:
        allowed = slip_allowed(order, notional(legs, snapshot, units), age)
        return _bound(order, mark(legs, snapshot, units) * MICRO + (allowed if order.is_bid else -allowed), size)
    if order.iv == 0:
        return order.price
    return _bound(order, mark(legs, flat(snapshot, order.iv), units) * MICRO, size)


def flat(snapshot: Snapshot, iv: int) -> Snapshot:
    """The snapshot with one vol for every strike [wad], as an order with `iv` is priced."""
    status = snapshot.status & ~Status.SURFACE_SVI
    return replace(snapshot, surface_near=iv, surface_far=0, surface_weight=0, status=status)


#: The taker's fee is at least the full rate over this.
LEAST_FEE = 10


def terms(
    order: Order,
    size: int,
    decimals: int,
    fees: Fees,
    snapshot: Snapshot,
    age: int = 0,
    units: Units = LINEAR,
) -> Terms:
    """Price, premium and fees of a fill of `size` packages [1e-6]; a vault below zero pays none.

    Args:
        order: The order.
        size: Packages [1e-6].
        decimals: Of the market's token.
        fees: Of the market.
        snapshot: Prices of the cell.
        age: Of the round that the filler of an order with patience names [s]; 0 for none.
        units: What the market counts in.
    """
    legs = legs_of(order, size)
    price = _price(order, legs, size, snapshot, age, units)
    # fees are counted at the undisputed price where none is active; without one there is none
    at = snapshot if snapshot.is_usable else snapshot.at(snapshot.undisputed)
    traded = notional(legs, at, units)
    most = abs(price) * size
    if traded * max(fees.taker_bps, fees.maker_bps) > most * fees.cap_bps:
        most = max(most, abs(mark(legs, at, units)) * MICRO)
    most *= fees.cap_bps
    unit = MICRO * 10 ** (18 - decimals)
    full = traded * fees.taker_bps
    taker_fee = _div_up(min(full, max(most, full // LEAST_FEE)), unit * BPS_IN_ONE)
    maker_fee = _div_up(min(traded * fees.maker_bps, most), unit * BPS_IN_ONE)
    upfront = order.premium_style == PremiumStyle.UPFRONT
    divisor = unit if upfront else 10**18
    # against the taker: up when it buys, down when it sells
    premium = price * size // divisor if order.is_bid else _div_up(price * size, divisor)
    if upfront:
        return Terms(price, premium, -premium, maker_fee, taker_fee, legs)
    return Terms(price, premium, 0, maker_fee, taker_fee, with_money(legs, -premium, units))


def with_money(legs: tuple[Leg, ...], amount: int, units: Units) -> tuple[Leg, ...]:
    """Legs with an amount of the market's money leg [1e-6], beside what they have of it (order._with_money)."""
    if not any(leg.is_money(units.inverse) for leg in legs):
        return (*legs, Leg(Kind.FUTURE if units.inverse else Kind.CASH, 0, amount))
    return tuple(replace(leg, quantity=leg.quantity + amount) if leg.is_money(units.inverse) else leg for leg in legs)
