"""From an assessment to equity, margins and target: the mirror of contracts/margin/standing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bulkhead.risk.exact import UNBOUNDED, Assessment, assess
from bulkhead.risk.fixed import divide
from bulkhead.risk.words import BPS, LINEAR, WAD, Leg, Model, RiskWord, Snapshot, Status, Units

#: IM/MM that sets the target of a model with an IM of its own [wad].
STATIC_KAPPA = 13 * 10**17


@dataclass(frozen=True)
class Standing:
    """Where a vault stands [wad].

    Attributes:
        equity: E = C + v, signed.
        maintenance_margin: A, after the max-loss cap.
        initial_margin: IM with concentration and, when asked for, proximity.
        target: R_t, the equity a liquidation restores.
    """

    equity: int
    maintenance_margin: int
    initial_margin: int
    target: int

    @property
    def health_wad(self) -> int | None:
        """Equity over MM [wad]; None when it is infinite (no margin needed and equity not negative)."""
        if self.maintenance_margin == 0:
            return None if self.equity >= 0 else 0
        scaled = abs(self.equity) * WAD // self.maintenance_margin
        return scaled if self.equity >= 0 else -scaled


def kappa(vol_ratio: int, risk: RiskWord) -> int:
    """IM/MM [wad]: the calm value up to a vol ratio of 1, linear to the stressed value at 3."""
    calm, stress = risk.kappa_calm_bps * BPS, risk.kappa_stress_bps * BPS
    if vol_ratio <= WAD or stress <= calm:
        return calm
    return calm + (stress - calm) * min(vol_ratio - WAD, 2 * WAD) // (2 * WAD)


def _mul_up(a: int, b: int) -> int:
    return (a * b + (WAD - 1)) // WAD


def exposure(assessment: Assessment, snapshot: Snapshot, inverse: bool) -> int:
    """What the vault's value moves by when the price doubles, along its delta [wad token] (standing._exposure)."""
    if not inverse:
        return abs(assessment.delta) * snapshot.spot // WAD
    settled, forward = snapshot.settling()
    moved = divide(assessment.delta * snapshot.spot, forward)
    return abs(moved - divide((forward - settled) * WAD // forward * assessment.value, WAD))


def resolve(
    assessment: Assessment,
    collateral: int,
    risk: RiskWord,
    snapshot: Snapshot,
    proximity: bool = False,
    units: Units = LINEAR,
) -> Standing:
    """Equity, MM, IM and target of a vault (margin._resolve).

    Args:
        assessment: What the engine returned; not a `covered` one.
        collateral: C [wad].
        risk: Risk parameters of the market.
        snapshot: Prices of the cell.
        proximity: The action withdraws or adds risk: IM grows below a health of 1.5.
        units: What the market counts in.
    """
    if assessment.covered:
        raise ValueError("margin/covered: a covered assessment has no value or margin")
    room = 2**256 - 1
    if assessment.v_min != UNBOUNDED:
        room = max(assessment.value - assessment.v_min, 0)
    mm = min(assessment.margin, room)
    equity = collateral + assessment.value
    ratio = kappa(snapshot.vol_ratio, risk)

    im = _mul_up(assessment.margin, ratio)
    if assessment.initial:
        im, ratio = assessment.initial, STATIC_KAPPA
    scale = risk.liquidity_scale * units.unit
    if scale:
        size = max(exposure(assessment, snapshot, units.inverse), 4 * mm)
        if size > scale:
            factor = WAD + risk.lambda_bps * BPS * (size - scale) // scale
            im = _mul_up(im, min(factor, 2 * WAD))
    if proximity and mm != 0 and equity > 0:
        health = equity * WAD // mm
        if health < 3 * WAD // 2:
            distance = min(3 * WAD // 2 - health, WAD // 2)
            im = _mul_up(im, WAD + risk.proximity_bps * BPS * 2 * distance // WAD)

    target = min(_mul_up(mm, (WAD + ratio) // 2), room)
    return Standing(equity, mm, min(im, room), target)


def required(
    legs: Sequence[Leg],
    snapshot: Snapshot,
    risk: RiskWord,
    collateral: int,
    model: Model = Model.ES,
    units: Units = LINEAR,
) -> int:
    """What equity must reach to withdraw or to add risk [wad] (Lens._required, row 1 of the margin table).

    By the vault's own model and, of a STATIC vault, by ES as well; each also at the current vol and at the surface as
    it was last live, and at each point of an uncertain price.

    Args:
        legs: Legs of one cell.
        snapshot: Prices of the cell.
        risk: Risk parameters of the market; a STATIC vault brings its own ratios (`RiskWord.stamped`).
        collateral: C [wad].
        model: The vault's margin model.
        units: What the market counts in.
    """
    if not legs:
        return 0
    seen, needed = [], [0]
    for prices in snapshot.points():
        here = [prices]
        if snapshot.sigma_now > snapshot.sigma:
            here.append(replace(prices, sigma=snapshot.sigma_now))
        if snapshot.status & Status.SURFACE_SVI and snapshot.surface_weight >> 64:
            live = snapshot.surface_weight & (2**64 - 1)
            here.append(replace(here[-1], surface_weight=live))
        seen += here
    equity = collateral + assess(legs, snapshot, risk, model=model, inverse=units.inverse).value
    for engine in (model, Model.ES) if model == Model.STATIC else (model,):
        for prices in seen:
            found = assess(legs, prices, risk, model=engine, inverse=units.inverse)
            standing = resolve(found, collateral, risk, prices, proximity=True, units=units)
            asked = standing.initial_margin + equity - standing.equity
            if len(legs) <= 4 and found.v_min != UNBOUNDED:
                # so few legs need no more than pays their worst settlement
                asked = min(asked, equity - collateral - found.v_min)
            needed.append(asked)
    return max(needed)
