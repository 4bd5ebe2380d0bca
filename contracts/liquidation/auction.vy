# pragma version 0.4.3
"""
@title Plan of a Dutch take-over
@license AGPL-3.0-only
@notice Pure: bonus share over time, size of a take, price, cut and top-up (docs/liquidation.md). One formula through
        insolvency. `risk` quantities are wad, `+` is good for the vault; tokens are native and rounded towards the
        vault. The layout of the liquidation word is described in governance/risk_word.
"""
from interfaces import IMarginEngine

from contracts.math import scales
from contracts.vaults import leg

MINIMUM_T1: constant(uint256) = 60   # no bonus path may be steeper, however near the expiry [seconds]

struct Plan:
    fraction: uint256   # share of every leg [wad]
    cash: int256        # to the taker, negative: from the taker [native]
    cut: uint256        # to the market's insurance [native]
    top_up: uint256     # wanted from insurance before its caps [native]
    price: int256       # X, tokens for the whole vault [native]
    ends: bool          # the vault is back at its target


@internal
@pure
def _vault_cap(word: uint256) -> uint256:
    """
    @notice Most that insurance pays for one vault, as a share of A at its flag [wad].
    """
    return ((word >> 64) & 65535) * scales.BPS


@internal
@pure
def _cell_cap(word: uint256) -> uint256:
    return ((word >> 80) & 65535) * scales.BPS


@internal
@pure
def _day_cap(word: uint256) -> uint256:
    return ((word >> 96) & 65535) * scales.BPS


@internal
@pure
def _backstop_from(word: uint256) -> uint256:
    """
    @notice Bonus share from which the backstop takes over, and least gain it asks, of A [wad].
    """
    return ((word >> 128) & 65535) * scales.BPS


@internal
@pure
def _minimum(word: uint256) -> uint256:
    """
    @notice Least f*A that the backstop takes over, for each leg that is new to its vault [wad quote].
    """
    return ((word >> 144) & 65535) * scales.WAD


@internal
@pure
def _path(word: uint256, life: uint256) -> (uint256, uint256):
    """
    @notice (t1, t2): when the bonus reaches its middle and its end [seconds].
    @param life Time to expiry when the clock started or was set back [seconds].
    """
    t1: uint256 = max(min((word >> 32) & 65535, life // 20), MINIMUM_T1)
    t2: uint256 = max(min((word >> 48) & 65535, life // 10), 2 * t1)
    return t1, t2


@internal
@pure
def _shares(word: uint256, elapsed: uint256, life: uint256) -> (uint256, uint256):
    """
    @notice (beta, g): shares of A that the taker gets and that insurance tops up to, now [wad].
    """
    start: uint256 = (word & 65535) * scales.BPS
    middle: uint256 = ((word >> 16) & 65535) * scales.BPS
    t1: uint256 = 0
    t2: uint256 = 0
    t1, t2 = self._path(word, life)
    if elapsed < t1:
        return start + (middle - start) * elapsed // t1, 0
    late: uint256 = min(elapsed, t2) - t1
    return (
        middle + (scales.WAD - middle) * late // (t2 - t1),
        ((word >> 112) & 65535) * scales.BPS * late // (t2 - t1),
    )


@internal
@pure
def _floor_div(a: int256, b: int256) -> int256:
    """
    @notice Division by a positive number, rounded down.
    """
    if a < 0:
        return -((b - 1 - a) // b)
    return a // b


@internal
@pure
def _plan(
    wanted: uint256,
    equity: int256,
    margin: uint256,
    target: uint256,
    missing: uint256,
    collateral: int256,
    beta: uint256,
    g: uint256,
    phi: uint256,
    dust: uint256,
    native: uint256,
) -> Plan:
    """
    @notice What a take of the share `wanted` moves.
    @dev docs/liquidation.md derives f*. Needs 0 <= equity < margin <= target, or equity < 0.
    @param wanted Share asked for [wad], above 0.
    @param missing d: what the liquidation deposit lacks [wad].
    @param native Wad in one native unit of the token.
    """
    unit: int256 = convert(native, int256)
    bonus: int256 = convert(beta * margin // scales.WAD, int256)
    price: int256 = bonus - (equity - collateral)
    spent: uint256 = (beta + phi) * margin

    if equity * convert(scales.WAD, int256) < convert(spent, int256):
        # thin or insolvent: all of it, no cut, at most what is there
        top_up: int256 = convert(g * margin // scales.WAD, int256) - min(equity, bonus) if g != 0 else 0
        whole: int256 = self._floor_div(price, unit)
        return Plan(
            fraction=scales.WAD,
            cash=min(whole, max(collateral, 0) // unit),
            cut=0,
            top_up=convert(max(top_up, 0) // unit, uint256),
            price=whole,
            ends=False,
        )

    # equity < margin <= target, so both are positive
    lacking: uint256 = convert(convert(target + missing, int256) - equity, uint256)
    gained: uint256 = target - (spent + scales.WAD - 1) // scales.WAD
    reaching: uint256 = (lacking * scales.WAD + gained - 1) // gained
    fraction: uint256 = min(wanted, min(reaching, scales.WAD))
    if (scales.WAD - fraction) * margin < dust * scales.WAD:
        fraction = scales.WAD
    return Plan(
        fraction=fraction,
        cash=self._floor_div(convert(fraction, int256) * price, convert(scales.WAD * native, int256)),
        cut=fraction * (phi * margin // scales.WAD) // (scales.WAD * native),
        top_up=0,
        price=self._floor_div(price, unit),
        ends=fraction >= reaching,
    )


@internal
@pure
def _split(
    legs: DynArray[uint256, 16], fraction: uint256, lot: uint256, inverse: bool
) -> (DynArray[uint256, 16], bool):
    """
    @notice The legs that a fraction moves: rounded to the lot, up for negative and down for positive quantities.
    @dev So what stays pays at least 1 - fraction of the old payoff at every price.
    @return (legs as the taker gets them, True when nothing had to be rounded).
    """
    if fraction == scales.WAD:
        return legs, True
    moved: DynArray[uint256, 16] = []
    exact: bool = True
    money: uint256 = leg._money(inverse)
    for word: uint256 in legs:
        quantity: int256 = leg._quantity(word)
        step: uint256 = lot if leg._kind(word) < money else 1
        share: uint256 = convert(abs(quantity), uint256) * fraction
        count: uint256 = share // (scales.WAD * step)
        if count * scales.WAD * step != share:
            exact = False
            if quantity < 0:
                count += 1
        signed: int256 = convert(count * step, int256)
        if signed != 0:
            moved.append(leg._pack(word >> 64, -signed if quantity < 0 else signed))
    return moved, exact


@internal
@pure
def _scale(assessment: IMarginEngine.Assessment, fraction: uint256, basis: uint256) -> IMarginEngine.Assessment:
    """
    @notice Assessment of exactly `fraction` of the assessed legs: every margin model is homogeneous of degree 1.
    @dev Rounded against the holder. Vega, gamma, theta and a model's own IM are left out.
    """
    if fraction == scales.WAD:
        full: IMarginEngine.Assessment = assessment
        full.basis = basis
        return full
    f: int256 = convert(fraction, int256)
    one: int256 = convert(scales.WAD, int256)
    v_min: int256 = assessment.v_min
    if v_min != min_value(int256):
        v_min = self._floor_div(v_min * f, one)
    return IMarginEngine.Assessment(
        value=self._floor_div(assessment.value * f, one),
        margin=-self._floor_div(-assessment.margin * f, one),
        v_min=v_min,
        # away from 0; its sign counts where the market is inverse
        delta=-self._floor_div(-assessment.delta * f, one) if assessment.delta > 0 else self._floor_div(assessment.delta * f, one),
        gamma=0,
        vega=0,
        theta=0,
        basis=basis,
        initial=0,
    )
