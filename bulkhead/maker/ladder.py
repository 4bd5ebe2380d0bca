"""Which quotes to show: strikes around spot, a bid below and an ask above the mark of each series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from bulkhead import pricing
from bulkhead.risk import marks
from bulkhead.risk.scales import BPS_IN_ONE, MICRO
from bulkhead.risk.words import LINEAR, WAD, Kind, Leg, Snapshot, Units


@dataclass(frozen=True)
class Style:
    """How a maker quotes.

    Attributes:
        edge_bps: Distance of bid and ask from mark, of spot.
        spread_bps: More distance, of the mark itself.
        band_bps: How far spot may move before the quotes are dead.
        size: Packages a quote offers [1e-6].
        strikes: Strikes on either side of spot.
        step: Between strikes [1e-8 quote], a multiple of the market's tick.
        seconds: Life of a quote.
        skew_bps: How far prices lean against a desk whose delta is at its limit, of spot for a contract of delta.
        impact_bps: More distance for each time that a request is as large as a quote, of spot.
        in_the_money: Calls below spot and puts above it are quoted too.
    """

    edge_bps: int = 20
    spread_bps: int = 300
    band_bps: int = 30
    size: int = 5 * MICRO
    strikes: int = 3
    step: int = 50 * 10**8
    seconds: int = 30
    skew_bps: int = 10
    impact_bps: int = 5
    in_the_money: bool = False


@dataclass(frozen=True)
class Quote:
    """One side of one series.

    Attributes:
        kind: CALL, PUT or the market's delta leg: FUTURE, in coins CASH.
        strike: [1e-8 quote].
        is_bid: The maker buys.
        price: Per contract [wad token].
        mark: What the mirror says it is worth [wad token].
        spot_min: Below this spot the quote is dead [wad quote].
        spot_max: Above this spot the quote is dead [wad quote].
    """

    kind: Kind
    strike: int
    is_bid: bool
    price: int
    mark: int
    spot_min: int
    spot_max: int


def strikes(spot: int, style: Style) -> list[int]:
    """Multiples of the step around spot [1e-8 quote]."""
    middle = round(spot / (style.step * 10**10)) * style.step
    around = range(-style.strikes, style.strikes + 1)
    return [middle + i * style.step for i in around if middle + i * style.step > 0]


def band(spot: int, style: Style) -> tuple[int, int]:
    """Lowest and highest spot at which a quote made at `spot` is good [wad]."""
    return spot * (BPS_IN_ONE - style.band_bps) // BPS_IN_ONE, spot * (BPS_IN_ONE + style.band_bps) // BPS_IN_ONE


def edge(legs: tuple[Leg, ...], value: int, snapshot: Snapshot, style: Style, units: Units = LINEAR) -> int:
    """How far from its mark a package is bought or sold [wad token].

    Args:
        legs: Of one package.
        value: Its mark [wad token].
        snapshot: Prices.
        style: How the maker quotes.
        units: What the market counts in.
    """
    half = pricing.notional(legs, snapshot, units) * style.edge_bps // (BPS_IN_ONE * MICRO)
    if any(leg.kind in (Kind.CALL, Kind.PUT) for leg in legs):
        half += abs(value) * style.spread_bps // BPS_IN_ONE
    return half


def skew(delta: int, spot: int, style: Style, lean: Decimal, units: Units = LINEAR) -> int:
    """How far the middle of a package's prices lies from its mark [wad token].

    Args:
        delta: Of the package [wad].
        spot: Spot [wad].
        style: How the maker quotes.
        lean: How full the desk's delta is, between -1 and 1: one that is long sells its delta cheaper.
        units: What the market counts in.
    """
    one = WAD if units.inverse else spot
    return -int(Decimal(delta * one * style.skew_bps // (BPS_IN_ONE * WAD)) * lean)


def ladder(snapshot: Snapshot, style: Style, lean: Decimal = Decimal(0), units: Units = LINEAR) -> Iterator[Quote]:
    """Bids and asks of calls above, puts below (or both everywhere), and the future; nothing without an active price.

    In coins the future is CASH, quoted by the contract of one quote. A bid that would not be above zero is left out.
    """
    if not snapshot.is_active or snapshot.seconds == 0:
        return
    spot = snapshot.spot
    low, high = band(spot, style)
    setting = marks.setting_of(snapshot)
    series = [(Kind.CASH if units.inverse else Kind.FUTURE, 0)]
    for strike in strikes(spot, style):
        out, into = (Kind.CALL, Kind.PUT) if strike * 10**10 >= spot else (Kind.PUT, Kind.CALL)
        series += [(kind, strike) for kind in ((out, into) if style.in_the_money else (out,))]
    for kind, strike in series:
        legs = (Leg(kind, strike, MICRO),)
        found = pricing.sensitivities(legs, snapshot, units, setting)
        mark, half = found.value, edge(legs, found.value, snapshot, style, units)
        middle = mark + skew(found.delta, spot, style, lean, units) if lean else mark
        yield Quote(kind, strike, False, middle + half, mark, low, high)
        if middle > half:
            yield Quote(kind, strike, True, middle - half, mark, low, high)
