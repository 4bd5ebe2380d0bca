# pragma version 0.4.3
"""
@title From an engine's assessment to equity, margins and target
@license AGPL-3.0-only
@notice The one place that turns (value, margin, v_min, ...) of an engine into equity, MM, IM and the target of a
        liquidation. Trading, withdrawing, liquidating and the Lens all go through it (protocol sections 5.1, 5.2,
        5.4 and 6). All numbers in wad; `+` is good for the vault.
"""
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg
from contracts.governance import parameters

NO_COLLATERAL: constant(int256) = min_value(int256)  # collateral that forces a full assessment

# kappa of a model with an IM of its own (STATIC), where the target of a liquidation needs one
STATIC_KAPPA: constant(uint256) = 13 * 10**17

# what a vault has and needs [wad]
struct Standing:
    equity: int256   # E = C + v, signed
    mm: int256       # A
    im: int256
    target: int256   # R_t


@internal
@pure
def _kappa(vol_ratio: uint256, risk: uint256) -> uint256:
    """
    @notice IM/MM [wad]: calm value up to a vol ratio of 1, linear to the stressed value at 3.
    """
    calm: uint256 = parameters._kappa_calm(risk)
    stress: uint256 = parameters._kappa_stress(risk)
    if vol_ratio <= scales.WAD or stress <= calm:
        return calm
    return calm + (stress - calm) * min(vol_ratio - scales.WAD, 2 * scales.WAD) // (2 * scales.WAD)


@internal
@pure
def _room(assessment: IMarginEngine.Assessment) -> uint256:
    """
    @notice The max-loss cap max(0, v - v_min) on MM, IM and target.
    """
    if assessment.v_min == payoff.UNBOUNDED:
        return max_value(uint256)
    return convert(max(assessment.value - assessment.v_min, 0), uint256)


@internal
@pure
def _mul_up(a: uint256, b: uint256) -> uint256:
    return (a * b + (scales.WAD - 1)) // scales.WAD


@internal
@pure
def _near(im: uint256, mm: uint256, equity: uint256, risk: uint256) -> uint256:
    """
    @notice IM with the proximity add-on: below a health of 1.5 it grows linearly, to a health of 1.
    @param mm Above 0.
    """
    health: uint256 = equity * scales.WAD // mm
    if health >= 3 * scales.WAD // 2:
        return im
    distance: uint256 = min(3 * scales.WAD // 2 - health, scales.WAD // 2)
    return self._mul_up(im, scales.WAD + parameters._proximity(risk) * 2 * distance // scales.WAD)


@internal
@pure
def _resolve(
    assessment: IMarginEngine.Assessment,
    collateral: int256,
    risk: uint256,
    prices: IOracleAdapter.Snapshot,
    proximity: bool,
) -> Standing:
    """
    @notice Equity, MM, IM and target of a vault. What the cell's flagged vaults owe enters none of them: inside a cell a
            claim backs a debt in full, for settlement nets a vault's legs first (ADR 26).
    @param assessment Of any basis but COVERED.
    @param collateral C [wad].
    @param proximity The action withdraws or adds risk: IM grows below a health of 1.5.
    """
    value: int256 = assessment.value
    room: uint256 = self._room(assessment)
    margin: uint256 = convert(assessment.margin, uint256)
    mm: uint256 = min(margin, room)
    equity: int256 = collateral + value
    kappa: uint256 = self._kappa(prices.vol_ratio, risk)

    im: uint256 = convert(assessment.initial, uint256)
    if im == 0:
        im = self._mul_up(margin, kappa)
    else:
        kappa = STATIC_KAPPA
    delta: uint256 = convert(abs(assessment.delta), uint256)
    scale: uint256 = parameters._liquidity_scale(risk)
    if scale != 0:
        size: uint256 = max(delta * prices.spot // scales.WAD, 4 * mm)
        if size > scale:
            factor: uint256 = scales.WAD + parameters._lambda(risk) * (size - scale) // scale
            im = self._mul_up(im, min(factor, 2 * scales.WAD))
    if proximity and mm != 0 and equity > 0:
        im = self._near(im, mm, convert(equity, uint256), risk)

    target: uint256 = min(self._mul_up(mm, (scales.WAD + kappa) // 2), room)
    return Standing(
        equity=equity,
        mm=leg._signed(mm),
        im=leg._signed(min(im, room)),
        target=leg._signed(target),
    )
