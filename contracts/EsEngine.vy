# pragma version 0.4.3
"""
@title Margin engine: expected shortfall over 24 scenarios
@license AGPL-3.0-only
@notice Values the legs of one vault and their maintenance margin: 12 spot moves times 2 vol moves, full revaluation,
        the weighted mean of the worst 1 % of outcomes, plus a floor for short options. Stateless.
@dev Model: protocol 5.1 and 5.2. Inside, quantities stay in 1e-6 contracts and prices in wad; sums are divided once.
     Every scenario is a sum over legs of a function of the leg alone, so the shortfall is subadditive (INV-07).
     Marks are exact (math/black76); scenarios read Phi from a table (math/phi_table), within 1e-8 of spot per leg.
     The scenario pass is unrolled and holds the table in memory: about 480 gas per leg and scenario.
     bulkhead/risk/exact.py mirrors every number bit for bit.
"""

from contracts.math import black76
from contracts.math import fixed
from contracts.math import payoff
from contracts.math import phi_table
from contracts.modules import leg as legs_
from contracts.modules import parameters
from contracts.modules import snapshot as prices
from interfaces import IMarginEngine

implements: IMarginEngine

NODES: constant(uint256) = 12
WAD: constant(int256) = 10**18
UWAD: constant(uint256) = 10**18
ONE: constant(int256) = 2**64
YEAR: constant(uint256) = 365 * 86400
DAY: constant(uint256) = 86400
UNITS: constant(int256) = 10**6       # quantities are in 1e-6 contracts
STRIKE_WAD: constant(int256) = 10**10
TAIL_NODE: constant(int256) = 3 * 10**18  # nodes from here outwards take the tail's vol moves
MIN_HORIZON: constant(uint256) = 3600
MAX_PRICE: constant(uint256) = 2**96
MAX_TENOR: constant(uint256) = 2**30
MIN_VOL: constant(uint256) = 10**15   # 0.1 %
MAX_VOL: constant(uint256) = 10**19   # 1000 %
MAX_SHARE: constant(uint256) = 99 * 10**16  # of the settlement window; beyond it options are worth intrinsic
UNBOUNDED: constant(int256) = min_value(int256)

# relative vol moves of the branches [wad], before the tenor's scale
BODY_DOWN: constant(int256) = 15 * 10**16
BODY_UP: constant(int256) = 20 * 10**16
TAIL_UP: constant(int256) = 40 * 10**16
LEAST_VOL: constant(int256) = 20 * 10**16  # a down-move leaves at least this share

# the tenor's scale of vol moves, sqrt(30 days / max(tenor, 2 days)): sqrt(15) [Q64] and sqrt(30/365) [Q128]
# --- generated: constants
LARGEST_SCALE: constant(int256) = 71443932589227456047
MONTH_ROOT: constant(int256) = 97555922523983343856803566329452224511
# --- generated: end

# Scenarios measure d1 and d2 in cells of the table [2^-96], counted from its left edge at -6.
CELLS_PER_UNIT: constant(int256) = 20
CENTRE: constant(int256) = 6 * CELLS_PER_UNIT << 96
END: constant(int256) = 12 * CELLS_PER_UNIT << 96
LAST: constant(int256) = END - 1
FRACTION: constant(int256) = 2**96 - 1
PHI_ONE: constant(int256) = 2**38         # Phi in scenarios [2^-38]

# scenario nodes z [wad, standard deviations], ascending, and their probabilities [wad]
Z: public(immutable(int256[12]))
P: public(immutable(uint256[12]))
# Phi as packed cubics, see math/phi_table
TABLE: immutable(uint256[120])


struct Setting:
    spot: int256       # S [wad]
    forward: int256    # F [wad]
    known: int256      # w*P: the part of the settlement price already known, 0 outside the window [wad]
    base: int256       # F - w*P: the part still open [wad]
    root: int256       # sqrt(tau), 0 when less than 1 % of the window is left [Q64]


@deploy
def __init__(z: int256[12], p: uint256[12]):
    """
    @param z Scenario nodes [wad], strictly ascending, within +-20; the outer three on each side, and no others, are
             at least 3 away from 0.
    @param p Their probabilities [wad], positive, summing to 1.
    """
    total: uint256 = 0
    previous: int256 = -20 * WAD
    for i: uint256 in range(NODES):
        assert z[i] > previous and z[i] < 20 * WAD, "es/nodes-ascending"
        assert (i < 3 or i > 8) == (abs(z[i]) >= TAIL_NODE), "es/tail-nodes"
        assert p[i] > 1 and p[i] < UWAD, "es/weight-range"
        previous = z[i]
        total += p[i]
    assert total == UWAD, "es/weights-sum"
    Z = z
    P = p
    TABLE = phi_table._build()


@external
@view
def assess(
    legs: DynArray[uint256, 16], snapshot: uint256[16], risk: uint256, collateral: int256
) -> int256[9]:
    """
    @notice Value, margin and maximum loss of the legs of one vault (IMarginEngine).
    @dev Keeps INV-07 and INV-13: a vault of at most 4 legs that is fully collateralised needs no price at all.
    @param legs Leg words of one cell, each series at most once, no zero quantity.
    @param snapshot Prices of the cell (modules/snapshot).
    @param risk Packed risk word (modules/parameters).
    @param collateral C of the vault [wad]; `min_value(int256)` forces the full assessment.
    @return (value, margin, v_min, delta, gamma, vega, theta, covered), wad.
    """
    result: int256[9] = empty(int256[9])
    result[2] = payoff._least(legs)
    if len(legs) <= 4 and result[2] != UNBOUNDED and collateral >= -result[2]:
        result[7] = 1
        return result

    setting: Setting = self._setting(snapshot)
    sigma: int256 = self._vol(snapshot[prices.SIGMA])

    # marks and Greeks; puts are calls plus K - F, which is linear and kept apart
    slope: int256 = 0       # multiplies the forward in every scenario [1e-6 contracts]
    constant_: int256 = 0   # [wad * 1e-6]
    short: int256 = 0       # contracts of short options [1e-6]
    calls: int256 = 0       # mark of all options as calls [wad * 1e-6]
    probability: int256 = 0 # sum of q*Phi(d1) [Q64 * 1e-6]
    density: int256 = 0     # sum of q*phi(d1)
    density_vol: int256 = 0 # sum of q*phi(d1)*iv
    curvature: int256 = 0   # sum of q*phi(d1)/s
    iv: int256 = 0          # implied vol [wad]
    count: uint256 = 0      # options to revalue
    quantities: int256[16] = empty(int256[16])
    strikes: int256[16] = empty(int256[16])
    logs: int256[16] = empty(int256[16])
    ivs: int256[16] = empty(int256[16])
    for leg: uint256 in legs:
        quantity: int256 = convert(convert(leg << 192, bytes32), int256) >> 192
        kind: uint256 = leg >> 126
        if kind > legs_.PUT:
            if kind == legs_.CASH:
                constant_ = unsafe_add(constant_, unsafe_mul(quantity, WAD))
            else:
                slope = unsafe_add(slope, quantity)
            continue
        strike: int256 = unsafe_mul(convert(convert((leg >> 64) & legs_.STRIKE_MASK, bytes32), int256), STRIKE_WAD)
        if quantity < 0:
            short = unsafe_sub(short, quantity)
        if kind == legs_.PUT:
            slope = unsafe_sub(slope, quantity)
            constant_ = unsafe_add(constant_, unsafe_mul(quantity, strike))
        inner: int256 = unsafe_sub(strike, setting.known)
        if inner <= 0:
            # a call is sure to end in the money: F - K in every scenario
            slope = unsafe_add(slope, quantity)
            constant_ = unsafe_sub(constant_, unsafe_mul(quantity, strike))
            continue
        # the surface is flat: read once; a slice (math/svi) takes the strike and is read for each leg
        if iv == 0:
            iv = self._iv(snapshot[prices.STATUS], snapshot[prices.SURFACE_NEAR])
        total_vol: int256 = unsafe_div(unsafe_mul(iv, setting.root), WAD)
        # (call, Phi(d1), phi(d1), ln(F/K))
        price: int256[4] = black76._price(setting.base, inner, total_vol)
        calls = unsafe_add(calls, unsafe_mul(quantity, price[0]))
        probability = unsafe_add(probability, unsafe_mul(quantity, price[1]))
        phi: int256 = unsafe_mul(quantity, price[2])
        density = unsafe_add(density, phi)
        density_vol = unsafe_add(density_vol, unsafe_mul(phi, iv))
        curvature = unsafe_add(curvature, unsafe_div(phi << 64, total_vol))
        quantities[count] = quantity
        strikes[count] = inner
        logs[count] = price[3]
        ivs[count] = iv
        count = unsafe_add(count, 1)

    value: int256 = unsafe_add(calls, unsafe_add(unsafe_mul(slope, setting.forward), constant_))
    result[0] = unsafe_div(value, UNITS)

    # forwards of the nodes
    move: int256 = unsafe_div(
        unsafe_mul(
            fixed._sqrt_ratio(
                min(parameters._horizon_seconds(risk), max(snapshot[prices.SECONDS], MIN_HORIZON)), YEAR
            ),
            sigma,
        ),
        WAD,
    )
    shifts: int256[12] = empty(int256[12])   # ln of the moves [Q64]
    shocked: int256[12] = empty(int256[12])  # the open part of the forward after them [wad]
    shifts[0] = unsafe_div(unsafe_mul(Z[0], move), WAD)
    shifts[1] = unsafe_div(unsafe_mul(Z[1], move), WAD)
    shifts[2] = unsafe_div(unsafe_mul(Z[2], move), WAD)
    shifts[3] = unsafe_div(unsafe_mul(Z[3], move), WAD)
    shifts[4] = unsafe_div(unsafe_mul(Z[4], move), WAD)
    shifts[5] = unsafe_div(unsafe_mul(Z[5], move), WAD)
    shifts[6] = unsafe_div(unsafe_mul(Z[6], move), WAD)
    shifts[7] = unsafe_div(unsafe_mul(Z[7], move), WAD)
    shifts[8] = unsafe_div(unsafe_mul(Z[8], move), WAD)
    shifts[9] = unsafe_div(unsafe_mul(Z[9], move), WAD)
    shifts[10] = unsafe_div(unsafe_mul(Z[10], move), WAD)
    shifts[11] = unsafe_div(unsafe_mul(Z[11], move), WAD)
    d: int256 = 0
    w: int256 = 0
    t: int256 = 0
    up: int256 = 0
    for i: uint256 in range(NODES):
        # fixed._exp, written out and with a shorter polynomial, good to 3e-13; moves are far within its range because horizons are bounded by 48 h
        d = shifts[i]
        w = unsafe_add(unsafe_mul(d, fixed.LOG2E), fixed.HALF_SHIFTED) >> 128
        d = unsafe_sub(d, unsafe_mul(w, fixed.LN2))
        t = unsafe_mul(d, d) >> 64
        t = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            fixed.MOVE3, t) >> 64, fixed.MOVE2), t) >> 64, fixed.MOVE1), t) >> 64, fixed.MOVE0)
        d = unsafe_div(unsafe_add(t, d) << 176, unsafe_sub(t, d)) >> convert(
            convert(unsafe_sub(112, w), bytes32), uint256
        )
        shocked[i] = unsafe_mul(setting.base, d) >> 64

    # sqrt(30 days / max(tenor, 2 days)) [Q64]
    scale: int256 = LARGEST_SCALE
    if snapshot[prices.SECONDS] > 2 * DAY:
        scale = unsafe_div(MONTH_ROOT, setting.root)
    iv_floor: int256 = convert(convert(parameters._iv_floor(risk), bytes32), int256)
    table: uint256[120] = TABLE
    sums: int256[12] = empty(int256[12])   # calls in this branch [wad * 1e-6 * 2^-38]
    first: int256[12] = empty(int256[12])  # calls in the branch before
    for branch: uint256 in range(2):
        if branch == 1:
            first = sums
            sums = empty(int256[12])
        last_iv: int256 = 0
        tail_inverse: int256 = 0
        tail_width: int256 = 0
        body_inverse: int256 = 0
        body_width: int256 = 0
        for i: uint256 in range(count, bound=16):
            quantity: int256 = quantities[i]
            strike: int256 = strikes[i]
            iv = ivs[i]
            if iv != last_iv:
                last_iv = iv
                tail_vol: int256 = iv
                body_vol: int256 = 0
                if branch == 0:
                    body_vol = unsafe_div(
                        unsafe_mul(iv, max(unsafe_sub(WAD, unsafe_mul(BODY_DOWN, scale) >> 64), LEAST_VOL)), WAD
                    )
                else:
                    floored: int256 = max(iv, iv_floor)
                    tail_vol = unsafe_add(iv, unsafe_div(unsafe_mul(floored, unsafe_mul(TAIL_UP, scale) >> 64), WAD))
                    body_vol = unsafe_add(iv, unsafe_div(unsafe_mul(floored, unsafe_mul(BODY_UP, scale) >> 64), WAD))
                # s, at least 2^-64; d1 = (ln(F/K) + shift)/s + s/2 is measured in cells
                d = max(unsafe_div(unsafe_mul(tail_vol, setting.root), WAD), 1)
                tail_inverse = unsafe_div(CELLS_PER_UNIT << 96, d)
                tail_width = unsafe_mul(d, CELLS_PER_UNIT << 32)
                d = max(unsafe_div(unsafe_mul(body_vol, setting.root), WAD), 1)
                body_inverse = unsafe_div(CELLS_PER_UNIT << 96, d)
                body_width = unsafe_mul(d, CELLS_PER_UNIT << 32)
            d = logs[i]
            tail_base: int256 = unsafe_add(unsafe_add(unsafe_mul(d, tail_inverse), tail_width >> 1), CENTRE)
            body_base: int256 = unsafe_add(unsafe_add(unsafe_mul(d, body_inverse), body_width >> 1), CENTRE)
            # all within the table? the lowest d2 and the highest d1 of both groups tell: no sign bit among them
            if (
                unsafe_sub(unsafe_add(tail_base, unsafe_mul(shifts[0], tail_inverse)), tail_width)
                | unsafe_sub(unsafe_add(body_base, unsafe_mul(shifts[3], body_inverse)), body_width)
                | unsafe_sub(LAST, unsafe_add(tail_base, unsafe_mul(shifts[11], tail_inverse)))
                | unsafe_sub(LAST, unsafe_add(body_base, unsafe_mul(shifts[8], body_inverse)))
            ) >= 0:
                # node 0
                d = unsafe_add(tail_base, unsafe_mul(shifts[0], tail_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, tail_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[0] = unsafe_add(sums[0], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[0], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 1
                d = unsafe_add(tail_base, unsafe_mul(shifts[1], tail_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, tail_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[1] = unsafe_add(sums[1], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[1], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 2
                d = unsafe_add(tail_base, unsafe_mul(shifts[2], tail_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, tail_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[2] = unsafe_add(sums[2], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[2], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 3
                d = unsafe_add(body_base, unsafe_mul(shifts[3], body_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, body_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[3] = unsafe_add(sums[3], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[3], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 4
                d = unsafe_add(body_base, unsafe_mul(shifts[4], body_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, body_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[4] = unsafe_add(sums[4], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[4], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 5
                d = unsafe_add(body_base, unsafe_mul(shifts[5], body_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, body_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[5] = unsafe_add(sums[5], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[5], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 6
                d = unsafe_add(body_base, unsafe_mul(shifts[6], body_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, body_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[6] = unsafe_add(sums[6], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[6], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 7
                d = unsafe_add(body_base, unsafe_mul(shifts[7], body_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, body_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[7] = unsafe_add(sums[7], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[7], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 8
                d = unsafe_add(body_base, unsafe_mul(shifts[8], body_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, body_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[8] = unsafe_add(sums[8], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[8], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 9
                d = unsafe_add(tail_base, unsafe_mul(shifts[9], tail_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, tail_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[9] = unsafe_add(sums[9], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[9], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 10
                d = unsafe_add(tail_base, unsafe_mul(shifts[10], tail_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, tail_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[10] = unsafe_add(sums[10], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[10], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
                # node 11
                d = unsafe_add(tail_base, unsafe_mul(shifts[11], tail_inverse))
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                d = unsafe_sub(d, tail_width)
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
                sums[11] = unsafe_add(sums[11], unsafe_mul(quantity, unsafe_sub(unsafe_mul(shocked[11], up), unsafe_mul(
                    strike, unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
                ))))
            else:
                # the same, node by node, with Phi 0 and 1 outside the table
                for j: uint256 in range(NODES):
                    width: int256 = body_width
                    if j < 3 or j > 8:
                        d = unsafe_add(tail_base, unsafe_mul(shifts[j], tail_inverse))
                        width = tail_width
                    else:
                        d = unsafe_add(body_base, unsafe_mul(shifts[j], body_inverse))
                    factor: int256 = unsafe_mul(quantity, shocked[j])
                    for k: uint256 in range(2):
                        up = 0
                        if d >= END:
                            up = PHI_ONE
                        elif d >= 0:
                            w = convert(
                                convert(
                                    table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                                    bytes32,
                                ),
                                int256,
                            )
                            t = d & FRACTION
                            up = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                                w << 51) >> 102, t), w << 85) >> 216
                        sums[j] = unsafe_add(sums[j], unsafe_mul(factor, up))
                        factor = unsafe_sub(0, unsafe_mul(quantity, strike))
                        d = unsafe_sub(d, width)

    # per node the larger and the smaller loss of the two branches: loss << 8 | 2*node + branch
    heads: int256[12] = empty(int256[12])
    seconds: int256[12] = empty(int256[12])
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[0], setting.base)))
    up = (unsafe_sub(d, first[0] >> 38) << 8) | 0
    d = (unsafe_sub(d, sums[0] >> 38) << 8) | 1
    w = max(up, d)
    heads[0] = w
    seconds[0] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[1], setting.base)))
    up = (unsafe_sub(d, first[1] >> 38) << 8) | 2
    d = (unsafe_sub(d, sums[1] >> 38) << 8) | 3
    w = max(up, d)
    heads[1] = w
    seconds[1] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[2], setting.base)))
    up = (unsafe_sub(d, first[2] >> 38) << 8) | 4
    d = (unsafe_sub(d, sums[2] >> 38) << 8) | 5
    w = max(up, d)
    heads[2] = w
    seconds[2] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[3], setting.base)))
    up = (unsafe_sub(d, first[3] >> 38) << 8) | 6
    d = (unsafe_sub(d, sums[3] >> 38) << 8) | 7
    w = max(up, d)
    heads[3] = w
    seconds[3] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[4], setting.base)))
    up = (unsafe_sub(d, first[4] >> 38) << 8) | 8
    d = (unsafe_sub(d, sums[4] >> 38) << 8) | 9
    w = max(up, d)
    heads[4] = w
    seconds[4] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[5], setting.base)))
    up = (unsafe_sub(d, first[5] >> 38) << 8) | 10
    d = (unsafe_sub(d, sums[5] >> 38) << 8) | 11
    w = max(up, d)
    heads[5] = w
    seconds[5] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[6], setting.base)))
    up = (unsafe_sub(d, first[6] >> 38) << 8) | 12
    d = (unsafe_sub(d, sums[6] >> 38) << 8) | 13
    w = max(up, d)
    heads[6] = w
    seconds[6] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[7], setting.base)))
    up = (unsafe_sub(d, first[7] >> 38) << 8) | 14
    d = (unsafe_sub(d, sums[7] >> 38) << 8) | 15
    w = max(up, d)
    heads[7] = w
    seconds[7] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[8], setting.base)))
    up = (unsafe_sub(d, first[8] >> 38) << 8) | 16
    d = (unsafe_sub(d, sums[8] >> 38) << 8) | 17
    w = max(up, d)
    heads[8] = w
    seconds[8] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[9], setting.base)))
    up = (unsafe_sub(d, first[9] >> 38) << 8) | 18
    d = (unsafe_sub(d, sums[9] >> 38) << 8) | 19
    w = max(up, d)
    heads[9] = w
    seconds[9] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[10], setting.base)))
    up = (unsafe_sub(d, first[10] >> 38) << 8) | 20
    d = (unsafe_sub(d, sums[10] >> 38) << 8) | 21
    w = max(up, d)
    heads[10] = w
    seconds[10] = up ^ d ^ w
    d = unsafe_sub(calls, unsafe_mul(slope, unsafe_sub(shocked[11], setting.base)))
    up = (unsafe_sub(d, first[11] >> 38) << 8) | 22
    d = (unsafe_sub(d, sums[11] >> 38) << 8) | 23
    w = max(up, d)
    heads[11] = w
    seconds[11] = up ^ d ^ w
    # mean of the worst losses, by repeated maximum: the tail is exhausted after a few
    tail: uint256 = parameters._tail(risk)
    assert tail != 0 and tail <= UWAD, "es/tail-range"
    left: uint256 = tail
    shortfall: int256 = 0
    low_tail: int256 = max(heads[0], max(heads[1], heads[2]))
    low_body: int256 = max(heads[3], max(heads[4], heads[5]))
    high_body: int256 = max(heads[6], max(heads[7], heads[8]))
    high_tail: int256 = max(heads[9], max(heads[10], heads[11]))
    for pick: uint256 in range(24):
        worst: int256 = max(max(low_tail, high_tail), max(low_body, high_body))
        at: uint256 = convert(convert(worst & 255, bytes32), uint256)
        # both branches are equally likely; an odd unit goes to the second
        weight: uint256 = unsafe_add(P[at >> 1], at & 1) >> 1
        if weight >= left:
            shortfall = unsafe_add(shortfall, unsafe_mul(worst >> 8, convert(convert(left, bytes32), int256)))
            break
        shortfall = unsafe_add(shortfall, unsafe_mul(worst >> 8, convert(convert(weight, bytes32), int256)))
        left = unsafe_sub(left, weight)
        heads[at >> 1] = seconds[at >> 1]
        seconds[at >> 1] = UNBOUNDED
        if at < 6:
            low_tail = max(heads[0], max(heads[1], heads[2]))
        elif at > 17:
            high_tail = max(heads[9], max(heads[10], heads[11]))
        elif at < 12:
            low_body = max(heads[3], max(heads[4], heads[5]))
        else:
            high_body = max(heads[6], max(heads[7], heads[8]))
    margin: int256 = 0
    if shortfall > 0:
        # rounded up
        margin = unsafe_div(
            unsafe_add(shortfall, convert(convert(unsafe_sub(tail, 1), bytes32), int256)),
            convert(convert(tail, bytes32), int256),
        )
    if short != 0:
        margin = unsafe_add(
            margin,
            unsafe_mul(unsafe_div(unsafe_mul(convert(convert(parameters._short_floor(risk), bytes32), int256), setting.spot), WAD), short),
        )
    result[1] = unsafe_div(unsafe_add(margin, UNITS - 1), UNITS)

    # from F to spot: dF/dS = (F - w*P)/S
    growth: int256 = unsafe_div(setting.base << 64, setting.spot)
    probability = unsafe_add(probability, slope << 64)
    result[3] = unsafe_div(unsafe_mul(unsafe_mul(probability, growth) >> 64, WAD), UNITS) >> 64
    if density != 0:
        result[4] = unsafe_div(
            unsafe_mul(unsafe_div(unsafe_mul(unsafe_mul(curvature, growth) >> 64, WAD), setting.spot), WAD), UNITS
        ) >> 64
        result[5] = unsafe_div(unsafe_mul(unsafe_mul(setting.base, density) >> 64, setting.root) >> 64, UNITS)
        result[6] = unsafe_div(
            unsafe_div(unsafe_mul(unsafe_mul(setting.base, density_vol) >> 64, ONE // 2), setting.root), -UNITS * WAD
        )
    rate: int256 = convert(convert(snapshot[prices.RATE], bytes32), int256)
    if rate != 0 and setting.known == 0:
        # carry of the forward
        result[6] = unsafe_sub(
            result[6], unsafe_div(unsafe_mul(rate, unsafe_div(unsafe_mul(setting.spot, result[3]), WAD)), WAD)
        )
    return result


@external
@pure
def max_loss(legs: DynArray[uint256, 16]) -> int256:
    """
    @notice The least payoff of the legs over all settlement prices (IMarginEngine).
    @param legs Leg words of one cell.
    @return [wad], `min_value(int256)` when unbounded.
    """
    return payoff._least(legs)


@external
@view
def value(legs: DynArray[uint256, 16], snapshot: uint256[16]) -> int256:
    """
    @notice Mark of the legs, the first number of `assess` (IMarginEngine).
    @param legs Leg words of one cell.
    @param snapshot Prices of the cell (modules/snapshot).
    @return [wad]
    """
    payoff._least(legs)  # refuses what are not legs
    setting: Setting = self._setting(snapshot)
    total: int256 = 0
    for leg: uint256 in legs:
        quantity: int256 = legs_._quantity(leg)
        kind: uint256 = legs_._kind(leg)
        if kind == legs_.CASH:
            total += quantity * WAD
            continue
        if kind == legs_.FUTURE:
            total += quantity * setting.forward
            continue
        strike: int256 = convert(legs_._strike(leg), int256) * STRIKE_WAD
        call: int256 = setting.forward - strike
        if strike > setting.known:
            total_vol: int256 = (
                self._iv(snapshot[prices.STATUS], snapshot[prices.SURFACE_NEAR]) * setting.root // WAD
            )
            call = black76._price(setting.base, strike - setting.known, total_vol)[0]
        if kind == legs_.PUT:
            call = call - setting.forward + strike
        total += quantity * call
    return total // UNITS


@internal
@pure
def _setting(snapshot: uint256[16]) -> Setting:
    """
    @notice What all legs of a cell share.
    @dev In the settlement window an option pays (1-w)*max(S - K', 0) with K' = (K - w*P)/(1-w) (5.1). Black-76 is
         homogeneous, so it is priced as an option on the open part F - w*P with strike K - w*P.
    """
    spot: uint256 = snapshot[prices.SPOT]
    forward: uint256 = snapshot[prices.FORWARD]
    seconds: uint256 = snapshot[prices.SECONDS]
    share: uint256 = snapshot[prices.WINDOW_SHARE]
    known: uint256 = 0
    assert spot != 0 and forward != 0, "es/zero-spot"
    assert seconds != 0, "es/expired"
    if share != 0:
        assert share < UWAD, "es/window-share"
        known = unsafe_div(unsafe_mul(share, snapshot[prices.WINDOW_AVERAGE]), UWAD)
        forward = unsafe_add(known, unsafe_div(unsafe_mul(unsafe_sub(UWAD, share), spot), UWAD))
    # bounds that keep every product below within 256 bits
    assert (spot | forward | snapshot[prices.WINDOW_AVERAGE]) < MAX_PRICE and seconds < MAX_TENOR, "es/snapshot-range"
    root: int256 = 0
    if share <= MAX_SHARE:
        root = fixed._sqrt_ratio(seconds, YEAR)
    return Setting(
        spot=convert(convert(spot, bytes32), int256),
        forward=convert(convert(forward, bytes32), int256),
        known=convert(convert(known, bytes32), int256),
        base=convert(convert(unsafe_sub(forward, known), bytes32), int256),
        root=root,
    )


@internal
@pure
def _iv(status: uint256, surface: uint256) -> int256:
    """
    @notice Implied vol of a flat surface: the one place that reads the surface.
    @return [wad]
    """
    assert status & prices.SURFACE_SVI == 0, "es/no-svi"
    return self._vol(surface)


@internal
@pure
def _vol(word: uint256) -> int256:
    """
    @notice A vol within its bounds [wad].
    """
    assert word >= MIN_VOL and word <= MAX_VOL, "es/vol-range"
    return convert(convert(word, bytes32), int256)
