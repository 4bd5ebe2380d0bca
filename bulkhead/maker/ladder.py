"""Which quotes to show: strikes around spot, a bid below and an ask above the mark of each series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bulkhead import pricing
from bulkhead.risk.scales import BPS_IN_ONE, MICRO
from bulkhead.risk.words import Kind, Leg, Snapshot


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
    """

    edge_bps: int = 20
    spread_bps: int = 300
    band_bps: int = 30
    size: int = 5 * MICRO
    strikes: int = 3
    step: int = 50 * 10**8
    seconds: int = 30


@dataclass(frozen=True)
class Quote:
    """One side of one series.

    Attributes:
        kind: CALL, PUT or FUTURE.
        strike: [1e-8 quote].
        is_bid: The maker buys.
        price: Per contract [wad quote].
        mark: What the mirror says it is worth [wad quote].
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


def ladder(snapshot: Snapshot, style: Style) -> Iterator[Quote]:
    """Bids and asks of calls above, puts below and the future; nothing while the price is not active.

    A bid that would not be above zero is left out.
    """
    if not snapshot.is_active or snapshot.seconds == 0:
        return
    spot = snapshot.spot
    low, high = spot * (BPS_IN_ONE - style.band_bps) // BPS_IN_ONE, spot * (BPS_IN_ONE + style.band_bps) // BPS_IN_ONE
    series = [(Kind.FUTURE, 0)]
    for strike in strikes(spot, style):
        series.append((Kind.CALL if strike * 10**10 >= spot else Kind.PUT, strike))
    for kind, strike in series:
        mark = pricing.mark((Leg(kind, strike, MICRO),), snapshot)
        half = spot * style.edge_bps // BPS_IN_ONE
        if kind != Kind.FUTURE:
            half += mark * style.spread_bps // BPS_IN_ONE
        yield Quote(kind, strike, False, mark + half, mark, low, high)
        if mark > half:
            yield Quote(kind, strike, True, mark - half, mark, low, high)
