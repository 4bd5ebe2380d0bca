"""Exact-integer mirror of EsEngine: expected shortfall over 24 scenarios, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import mul

from bulkhead.risk.assessment import FORCE_FULL, Assessment
from bulkhead.risk.coefficients import MOVE
from bulkhead.risk.fixed import divide, exp_q64
from bulkhead.risk.marks import (
    Marks,
    Setting,
    decay_of,
    floor_of,
    in_coins,
    in_token,
    mark_legs,
    move_of,
    setting_of,
    vol_scale,
)
from bulkhead.risk.nodes import NODES, WEIGHTS
from bulkhead.risk.normal import CELLS_PER_UNIT, CENTRE, phi_38
from bulkhead.risk.payoff import covered, max_loss
from bulkhead.risk.words import WAD, Leg, RiskWord, Snapshot

BODY_DOWN = 15 * 10**16
BODY_UP = 20 * 10**16
TAIL_UP = 40 * 10**16
LEAST_VOL = 20 * 10**16


def is_tail(node: int) -> bool:
    """Whether vols move in a node as they do in the tails: the three on either side."""
    return node < 3 or node > 8


@dataclass(frozen=True)
class Parts:
    """What the margin of the ES model is made of [wad * 1e-6].

    Attributes:
        losses: Loss of scenario 2*i + b: node i, branch b.
        shortfall: Mean of the worst of them, at least 0.
        decay: What the legs lose when nothing moves; None without long options.
        floor: Gap risk of short options.
    """

    losses: tuple[int, ...]
    shortfall: int
    decay: int | None
    floor: int

    @property
    def margin(self) -> int:
        """MM before the max-loss cap."""
        return max(self.shortfall, self.decay or 0) + self.floor


def tail_weights(losses: Sequence[int], weights: Sequence[int], tail: int) -> list[int]:
    """How much of each scenario's probability lies in the tail: the worst ones', until their mass is `tail` [wad].

    Args:
        losses: Loss of scenario 2*i + b.
        weights: Probability of node i [wad]; each branch has half, an odd unit goes to the second.
        tail: alpha [wad].
    """
    if tail <= 0:
        raise ValueError("es/tail-range")
    found, left = [0] * len(losses), tail
    for i in sorted(range(len(losses)), key=lambda i: losses[i], reverse=True):
        found[i] = min((weights[i // 2] + i % 2) // 2, left)
        left -= found[i]
        if left == 0:
            break
    return found


def shortfall(losses: Sequence[int], weights: Sequence[int], tail: int) -> int:
    """Mean of the worst losses until their mass is `tail` [wad], at least 0, rounded up; see `tail_weights`."""
    total = sum(map(mul, losses, tail_weights(losses, weights, tail)))
    return 0 if total <= 0 else (total + tail - 1) // tail


def scenario_vols(iv: int, setting: Setting, iv_floor: int) -> tuple[int, int, int, int]:
    """Vol after the moves of (tail, body) in the first and in the second branch [wad]."""
    scale = vol_scale(setting)
    floored = max(iv, iv_floor)
    return (
        iv,
        iv * max(WAD - (BODY_DOWN * scale >> 64), LEAST_VOL) // WAD,
        iv + floored * (TAIL_UP * scale >> 64) // WAD,
        iv + floored * (BODY_UP * scale >> 64) // WAD,
    )


def parts(
    marks: Marks,
    setting: Setting,
    snapshot: Snapshot,
    risk: RiskWord,
    nodes: Sequence[int] = NODES,
    weights: Sequence[int] = WEIGHTS,
    inverse: bool = False,
) -> Parts:
    """Scenarios, decay and floor of the legs of one vault, in coins when the market is inverse."""
    losses = scenario_losses(marks, setting, snapshot, risk, nodes, inverse)
    return Parts(
        losses=tuple(losses),
        shortfall=shortfall(losses, weights, risk.tail_bps * 10**14),
        decay=in_token(decay_of(marks, setting, risk), setting.forward, inverse) if marks.longs else None,
        floor=floor_of(risk, WAD if inverse else setting.spot, marks.short),
    )


def scenario_losses(
    marks: Marks,
    setting: Setting,
    snapshot: Snapshot,
    risk: RiskWord,
    nodes: Sequence[int] = NODES,
    inverse: bool = False,
) -> list[int]:
    """Loss of scenario 2*i + b [wad * 1e-6]: node i, branch b."""
    rest = marks.value - marks.slope * setting.forward  # what a coin's price moves: the slope is coins at any price
    now = in_coins(rest, setting.forward)
    move = move_of(risk, snapshot)
    shifts = [divide(z * move, WAD) for z in nodes]
    shocked = [setting.base * exp_q64(shift, MOVE) >> 64 for shift in shifts]

    losses = [0] * (2 * len(nodes))
    for branch in range(2):
        sums = [0] * len(nodes)
        for option in marks.options:
            vols = scenario_vols(option.iv, setting, risk.iv_floor_bps * 10**14)
            terms = []
            for vol in vols[2 * branch : 2 * branch + 2]:
                total_vol = max(divide(vol * setting.root, WAD), 1)
                rate, width = (CELLS_PER_UNIT << 96) // total_vol, total_vol * CELLS_PER_UNIT << 32
                terms.append((option.log_ratio * rate + (width >> 1) + CENTRE, rate, width))
            for j, price in enumerate(shocked):
                base, rate, width = terms[0] if is_tail(j) else terms[1]
                d1 = base + shifts[j] * rate
                sums[j] += option.quantity * (price * phi_38(d1) - option.strike * phi_38(d1 - width))
        for j, price in enumerate(shocked):
            if inverse:
                left = rest - marks.calls + (sums[j] >> 38)
                losses[2 * j + branch] = now - in_coins(left, setting.averaged + price)
                continue
            losses[2 * j + branch] = marks.calls - marks.slope * (price - setting.base) - (sums[j] >> 38)
    return losses


def assess(
    legs: Sequence[Leg],
    snapshot: Snapshot,
    risk: RiskWord,
    collateral: int = FORCE_FULL,
    nodes: Sequence[int] = NODES,
    weights: Sequence[int] = WEIGHTS,
    *,
    decay: bool = True,
    inverse: bool = False,
) -> Assessment:
    """Value, margin and maximum loss of the legs of one vault (EsEngine.assess).

    Args:
        legs: Legs of one cell, each series at most once.
        snapshot: Prices of the cell.
        risk: Risk parameters of the market.
        collateral: C of the vault [wad]; `FORCE_FULL` forces the full assessment.
        nodes: Scenario nodes of the engine [wad].
        weights: Their probabilities [wad].
        decay: Whether time counts; False is the number the GREEKS model takes a share of (parameters.DECAY_APART).
        inverse: The market counts coins of the underlying (InverseEsEngine).
    """
    if early := covered(legs, collateral, inverse):
        return early
    setting = setting_of(snapshot)
    marks = mark_legs(legs, snapshot, setting)
    made = parts(marks, setting, snapshot, risk, nodes, weights, inverse)
    if not decay:
        made = replace(made, decay=None)
    return marks.assessed(max_loss(legs, inverse), made.margin, worth=in_token(marks.value, setting.forward, inverse))
