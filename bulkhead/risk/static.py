"""Exact-integer mirror of StaticEngine: fixed ratios, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

from bulkhead.risk.assessment import FORCE_FULL, Assessment
from bulkhead.risk.marks import STRIKE_WAD, in_coins, in_token, mark_legs, setting_of
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


def delta_leg(risk: RiskWord, spot: int, forward: int, inverse: bool) -> int:
    """What one contract of the market's future needs, long or short [wad]; of CASH one quote's share of a coin."""
    if inverse:
        return (share(risk.static_future, WAD) * WAD + forward - 1) // forward
    return share(risk.static_future, spot)


def short_option(risk: RiskWord, put: bool, strike: int, spot: int, inverse: bool) -> int:
    """What one short option needs: a share of the underlying less what it is out of the money, or more [wad]."""
    out = spot - strike if put else strike - spot
    money, least = spot, min(spot, strike) if put else spot
    if inverse:
        # in coins a put moves by K/S of the price
        money = max(WAD, (strike * WAD + spot - 1) // spot) if put else WAD
        least, out = money, in_coins(out, spot)
    return max(share(risk.static_otm, money) - max(out, 0), share(risk.static_least, least))


def assess(
    legs: Sequence[Leg], snapshot: Snapshot, risk: RiskWord, collateral: int = FORCE_FULL, inverse: bool = False
) -> Assessment:
    """Value, margins and maximum loss of the legs of one vault (StaticEngine.assess).

    Args:
        legs: Legs of one cell, each series at most once.
        snapshot: Prices of the cell.
        risk: Risk parameters with the vault's own ratios in them (`RiskWord.stamped`).
        collateral: C of the vault [wad]; `FORCE_FULL` forces the full assessment.
        inverse: The market counts coins of the underlying.
    """
    if early := covered(legs, collateral, inverse):
        return early
    setting = setting_of(snapshot)
    marks = mark_legs(legs, snapshot, setting)
    spot, forward, shorts = setting.spot, setting.forward, 0
    for leg in legs:
        if leg.is_delta(inverse):
            shorts += abs(leg.quantity) * delta_leg(risk, spot, forward, inverse)
        elif leg.is_option and leg.quantity < 0:
            strike = leg.strike * STRIKE_WAD
            shorts -= leg.quantity * short_option(risk, leg.kind == Kind.PUT, strike, spot, inverse)
    longs = in_token(marks.longs, forward, inverse)
    return marks.assessed(
        max_loss(legs, inverse),
        (shorts * 10 + 12) // 13 + longs,
        shorts + longs,
        worth=in_token(marks.value, forward, inverse),
    )
