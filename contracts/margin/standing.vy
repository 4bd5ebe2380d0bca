# pragma version 0.4.3
"""
@title From an engine's assessment to equity, margins and target
@license AGPL-3.0-only
@notice The one place that turns (value, margin, v_min, ...) of an engine into equity, MM, IM and the target of a
        liquidation. Trading, withdrawing, liquidating and the Lens all go through it (docs/margin.md,
        docs/liquidation.md). All numbers in wad of the market's token; `+` is good for the vault.
"""
from interfaces import IClearinghouse
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg
from contracts.governance import risk_word
from contracts.oracle import snapshot as price
from contracts.vaults import vault_state as state

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
    calm: uint256 = risk_word._kappa_calm(risk)
    stress: uint256 = risk_word._kappa_stress(risk)
    if vol_ratio <= scales.WAD or stress <= calm:
        return calm
    above: uint256 = min(unsafe_sub(vol_ratio, scales.WAD), 2 * scales.WAD)
    return unsafe_add(calm, unsafe_div(unsafe_mul(unsafe_sub(stress, calm), above), 2 * scales.WAD))


@internal
@pure
def _room(assessment: IMarginEngine.Assessment) -> uint256:
    """
    @notice The max-loss cap max(0, v - v_min) on MM, IM and target.
    """
    if assessment.v_min == payoff.UNBOUNDED:
        return max_value(uint256)
    return leg._unsigned(max(unsafe_sub(assessment.value, assessment.v_min), 0))


@internal
@pure
def _mul_up(a: uint256, b: uint256) -> uint256:
    # margins are below 2^180, factors below 2^64
    return unsafe_div(unsafe_add(unsafe_mul(a, b), scales.WAD - 1), scales.WAD)


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
    return self._mul_up(im, scales.WAD + risk_word._proximity(risk) * 2 * distance // scales.WAD)


@internal
@pure
def _exposure(assessment: IMarginEngine.Assessment, token: uint256, prices: IOracleAdapter.Snapshot) -> uint256:
    """
    @notice What the vault's value moves by when the price doubles, along its delta [wad].
    """
    if not state._is_inverse(token):
        return leg._unsigned(abs(assessment.delta)) * prices.spot // scales.WAD
    # of v_quote/F: with the price, less what a coin is worth more; only the open part of a settlement price moves
    known: uint256 = 0
    forward: uint256 = 0
    known, forward = price._settling(prices.spot, prices.forward, prices.window_share, prices.window_average)
    weight: int256 = leg._signed(unsafe_div(unsafe_mul(unsafe_sub(forward, known), scales.WAD), forward))
    moved: int256 = unsafe_div(unsafe_mul(assessment.delta, leg._signed(prices.spot)), leg._signed(forward))
    return leg._unsigned(abs(unsafe_sub(moved, unsafe_div(unsafe_mul(weight, assessment.value), scales.SIGNED_WAD))))


@internal
@pure
def _resolve(
    assessment: IMarginEngine.Assessment,
    collateral: int256,
    vault: IClearinghouse.Vault,
    prices: IOracleAdapter.Snapshot,
) -> Standing:
    """
    @notice Equity, MM, IM and target of a vault. What the cell's flagged vaults owe enters none of them: inside a cell a
            claim backs a debt in full, for settlement nets a vault's legs first (ADR 26).
    @param assessment Of any basis but COVERED.
    @param collateral C [wad].
    @param vault The vault: its market's risk and token word.
    """
    risk: uint256 = vault.risk
    value: int256 = assessment.value
    room: uint256 = self._room(assessment)
    margin: uint256 = leg._unsigned(assessment.margin)
    mm: uint256 = min(margin, room)
    equity: int256 = collateral + value
    kappa: uint256 = self._kappa(prices.vol_ratio, risk)

    im: uint256 = leg._unsigned(assessment.initial)
    if im == 0:
        im = self._mul_up(margin, kappa)
    else:
        kappa = STATIC_KAPPA
    scale: uint256 = risk_word._liquidity_scale(risk)
    if scale != 0:
        scale = unsafe_div(unsafe_mul(scale, state._unit(vault.token)), scales.WAD)
        size: uint256 = max(self._exposure(assessment, vault.token, prices), 4 * mm)
        if size > scale:
            # sizes are below 2^160
            factor: uint256 = unsafe_div(unsafe_mul(risk_word._lambda(risk), unsafe_sub(size, scale)), scale)
            im = self._mul_up(im, unsafe_add(scales.WAD, min(factor, scales.WAD)))
    target: uint256 = min(self._mul_up(mm, (scales.WAD + kappa) // 2), room)
    return Standing(
        equity=equity,
        mm=leg._signed(mm),
        im=leg._signed(min(im, room)),
        target=leg._signed(target),
    )


@internal
@pure
def _near_liquidation(known: Standing, assessment: IMarginEngine.Assessment, risk: uint256) -> Standing:
    """
    @notice The standing as an action that withdraws or adds risk finds it: IM grows below a health of 1.5.
    @param known Of `_resolve`.
    """
    if known.mm == 0 or known.equity <= 0:
        return known
    result: Standing = known
    im: uint256 = self._near(leg._unsigned(known.im), leg._unsigned(known.mm), leg._unsigned(known.equity), risk)
    result.im = leg._signed(min(im, self._room(assessment)))
    return result
