"""Exact-integer mirror of StaticEngine: fixed ratios, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

from bulkhead.risk.assessment import FORCE_FULL, Assessment
from bulkhead.risk.marks import STRIKE_WAD, mark_legs, setting_of
from bulkhead.risk.payoff import covered, max_loss
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord, Snapshot

#: Vol at which the ratios apply as they are, and the most they are multiplied by [wad].
STATIC_VOL = 6 * 10**17
STATIC_MOST = 25 * 10**17
_LARGEST = 1023


def stamp(risk: RiskWord, sigma: int) -> int:
    """The ratios at this vol as a STATIC vault keeps them, 3 x 10 bits [1e-3 of spot] (MarginGate._stamp)."""
    factor = min(max(sigma * WAD // STATIC_VOL, WAD), STATIC_MOST)
    word = 0
    for i, ratio in enumerate((risk.static_otm, risk.static_least, risk.static_future)):
        scaled = ratio * 10**15 * factor // WAD
        word |= min((scaled + 10**15 - 1) // 10**15, _LARGEST) << 10 * i
    return word


def share(ratio: int, price: int) -> int:
    """A ratio [1e-3] of a price, rounded up [wad]."""
    return (ratio * 10**15 * price + WAD - 1) // WAD


def assess(legs: Sequence[Leg], snapshot: Snapshot, risk: RiskWord, collateral: int = FORCE_FULL) -> Assessment:
    """Value, margins and maximum loss of the legs of one vault (StaticEngine.assess).

    Args:
        legs: Legs of one cell, each series at most once.
        snapshot: Prices of the cell.
        risk: Risk parameters with the vault's own ratios in them (`RiskWord.stamped`).
        collateral: C of the vault [wad]; `FORCE_FULL` forces the full assessment.
    """
    if early := covered(legs, collateral):
        return early
    setting = setting_of(snapshot)
    marks = mark_legs(legs, snapshot, setting)
    spot, shorts = setting.spot, 0
    for leg in legs:
        if leg.kind == Kind.FUTURE:
            shorts += abs(leg.quantity) * share(risk.static_future, spot)
        elif leg.kind <= Kind.PUT and leg.quantity < 0:
            strike = leg.strike * STRIKE_WAD
            put = leg.kind == Kind.PUT
            out = spot - strike if put else strike - spot
            least = share(risk.static_least, min(spot, strike) if put else spot)
            shorts -= leg.quantity * max(share(risk.static_otm, spot) - max(out, 0), least)
    return marks.assessed(max_loss(legs), (shorts * 10 + 12) // 13 + marks.longs, shorts + marks.longs)
