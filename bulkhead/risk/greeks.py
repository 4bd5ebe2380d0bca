"""Exact-integer mirror of GreeksEngine: delta, gamma, vega and decay, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bulkhead.risk import es
from bulkhead.risk.assessment import FORCE_FULL, Assessment
from bulkhead.risk.fixed import ONE, divide, ln_ratio
from bulkhead.risk.marks import (
    UNITS,
    floor_of,
    in_coins,
    in_token,
    mark_legs,
    move_of,
    setting_of,
    vol_scale,
    worth_later,
)
from bulkhead.risk.normal import CELLS_PER_UNIT, CENTRE, density, phi_38
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord, Snapshot

DEEPEST = ONE * 99 // 100
TERM = 24 * UNITS << 38


@dataclass(frozen=True)
class Terms:
    """What the margin of the GREEKS model is made of [wad].

    Attributes:
        delta: Loss of the worst move by the delta at S alone; may be negative.
        gamma: The rest of that loss; `delta + gamma` is not negative.
        vega: What the vol move costs.
        decay: What the legs lose over the horizon when nothing moves; 0 for who holds no options.
        floor: Gap risk of short options.
        es: 0.7 times the margin of the ES model without decay, which is counted above in full.
    """

    delta: int
    gamma: int
    vega: int
    decay: int
    floor: int
    es: int

    @property
    def own(self) -> int:
        """What the Greeks ask by themselves."""
        return self.delta + self.gamma + self.vega + self.decay + self.floor

    @property
    def margin(self) -> int:
        """MM before the max-loss cap."""
        return max(self.own, self.es)


def terms(legs: Sequence[Leg], snapshot: Snapshot, risk: RiskWord, inverse: bool = False) -> Terms:
    """The terms of the margin of one vault (GreeksEngine.terms), in coins when the market is inverse."""
    return _terms(legs, snapshot, risk, es.assess(legs, snapshot, risk, decay=False, inverse=inverse), inverse)


def _terms(
    legs: Sequence[Leg], snapshot: Snapshot, risk: RiskWord, assessed: Assessment, inverse: bool = False
) -> Terms:
    setting = setting_of(snapshot)
    marks = mark_legs(legs, snapshot, setting)
    up = divide(risk.greeks_move * 10**17 * move_of(risk, snapshot), WAD)
    down = min(up, DEEPEST)
    shifts = [ln_ratio(ONE + change, ONE) for change in (up >> 1, up, -(down >> 1), -down)]
    scale = vol_scale(setting)

    here, there, vega = 0, [0] * 4, 0
    for option in marks.options:
        log_ratio, iv = ln_ratio(setting.base, option.strike), option.iv
        total_vol = max(divide(iv * setting.root, WAD), 1)
        rate = (CELLS_PER_UNIT << 96) // total_vol
        at = log_ratio * rate + (total_vol * CELLS_PER_UNIT << 32 >> 1) + CENTRE
        here += option.quantity * phi_38(at)
        for i, shift in enumerate(shifts):
            there[i] += option.quantity * phi_38(at + shift * rate)
        change = (max(iv, risk.iv_floor_bps * 10**14) >> 2) * scale >> 64
        total_vol = divide((iv + (change >> 1)) * setting.root, WAD)
        d1 = divide(log_ratio << 64, total_vol) + (total_vol >> 1)
        vega += option.quantity * (density(d1) * change // WAD)

    slope = marks.slope << 38
    here += slope

    def lost(loss: int, amount: int) -> int:
        # what is left is worth less of a coin the higher the price
        if not inverse:
            return loss
        left = divide(assessed.value * setting.forward, WAD) - divide(loss, TERM)
        return assessed.value - in_coins(left, setting.forward + amount)

    worst = straight = 0
    for i, size in enumerate((up, down)):
        amount = (size * setting.base >> 64) * (1 if i == 0 else -1)
        middle, end = there[2 * i] + slope, there[2 * i + 1] + slope
        full, half = -4 * (here + 4 * middle + end), end - (5 * here + 8 * middle)
        for found, alone, moved in ((amount * full, -24, amount), (amount * half, -12, amount >> 1)):
            loss = lost(found, moved)
            if loss > worst:
                worst, straight = loss, lost(amount * alone * here, moved)

    move = worst
    if not inverse:
        move, straight = (worst + TERM - 1) // TERM, divide(straight, TERM)
    vega = in_token((setting.base * abs(vega) >> 64) * setting.root >> 64, setting.forward, inverse)
    decay = 0
    if any(leg.kind <= Kind.PUT and leg.quantity > 0 for leg in legs):
        still = marks.value - marks.calls  # futures, cash and what has left the surface, where they are
        later = in_token(still + worth_later(marks.options, setting, risk), setting.forward, inverse)
        decay = max(assessed.value * UNITS - later, 0)
    return Terms(
        delta=straight,
        gamma=move - straight,
        vega=(vega + UNITS - 1) // UNITS,
        decay=(decay + UNITS - 1) // UNITS,
        floor=(floor_of(risk, WAD if inverse else setting.spot, marks.short) + UNITS - 1) // UNITS,
        es=(assessed.margin * 7 + 9) // 10,
    )


def assess(
    legs: Sequence[Leg], snapshot: Snapshot, risk: RiskWord, collateral: int = FORCE_FULL, inverse: bool = False
) -> Assessment:
    """Value, margin and maximum loss of the legs of one vault (GreeksEngine.assess); see `es.assess`."""
    assessed = es.assess(legs, snapshot, risk, collateral, decay=False, inverse=inverse)
    if assessed.covered:
        return assessed
    return replace(assessed, margin=_terms(legs, snapshot, risk, assessed, inverse).margin)
