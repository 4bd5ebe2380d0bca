# pragma version 0.4.3
"""
@title Margin engine: expected shortfall over 24 scenarios
@license AGPL-3.0-only
@notice Values the legs of one vault and their maintenance margin: 12 spot moves times 2 vol moves, full revaluation,
        the weighted mean of the worst 1 % of outcomes, at least what time alone takes, plus a floor for short options.
        Stateless.
@dev Model: docs/margin.md. Inside, quantities stay in 1e-6 contracts and prices in wad; sums are divided once.
     Every scenario is a sum over legs of a function of the leg alone, so the shortfall is subadditive (INV-07).
     Marks are exact (math/black76); scenarios read Phi from a table (math/phi_table), within 1e-8 of spot per leg.
     The scenario pass is unrolled and holds the table in memory: about 480 gas per leg and scenario.
     bulkhead/risk/es.py mirrors every number bit for bit.
"""

from contracts.math import fixed
from contracts.math import payoff
from contracts.math import phi_table
from contracts.math import scales
from contracts.margin import basis
from contracts.margin import marks as marks_
from contracts.governance import risk_word
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

implements: IMarginEngine
initializes: phi_table

# whether values and margins are in coins of the underlying. InverseEsEngine is this file with True here, written by
# `python -m scripts.generate_scenarios`: a module for both would cost the copies of marks and sums, 2 % of an assessment (ADR 52)
INVERSE: constant(bool) = False

NODES: constant(uint256) = 12
WAD: constant(int256) = scales.SIGNED_WAD
UNITS: constant(int256) = scales.SIGNED_MICRO  # quantities are in 1e-6 contracts
TAIL_NODE: constant(int256) = 3 * 10**18  # nodes from here outwards take the tail's vol moves

# relative vol moves of the branches [wad], before the tenor's scale
BODY_DOWN: constant(int256) = 15 * 10**16
BODY_UP: constant(int256) = 20 * 10**16
TAIL_UP: constant(int256) = marks_.TAIL_UP
LEAST_VOL: constant(int256) = 20 * 10**16  # a down-move leaves at least this share

# Scenarios measure d1 and d2 in cells of the table (math/phi_table).
CELLS_PER_UNIT: constant(int256) = phi_table.PER_UNIT
CENTRE: constant(int256) = phi_table.CENTRE
END: constant(int256) = phi_table.END
LAST: constant(int256) = END - 1
FRACTION: constant(int256) = phi_table.FRACTION

# scenario nodes: z ascending [wad, standard deviations] << 64 | probability [wad]
NODE: immutable(int256[12])


@deploy
def __init__(z: int256[12], p: uint256[12]):
    """
    @param z Scenario nodes [wad], strictly ascending, within +-20; the outer three on each side, and no others, are
             at least 3 away from 0.
    @param p Their probabilities [wad], positive, summing to 1.
    """
    total: uint256 = 0
    nodes: int256[12] = empty(int256[12])
    previous: int256 = -20 * WAD
    for i: uint256 in range(NODES):
        assert z[i] > previous and z[i] < 20 * WAD, "es/nodes-ascending"
        assert (i < 3 or i > 8) == (abs(z[i]) >= TAIL_NODE), "es/tail-nodes"
        assert p[i] > 1 and p[i] < scales.WAD, "es/weight-range"
        previous = z[i]
        total += p[i]
        nodes[i] = z[i] << 64 | convert(p[i], int256)
    assert total == scales.WAD, "es/weights-sum"
    NODE = nodes
    phi_table.__init__()


@external
@view
def assess(
    legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot, risk: uint256, collateral: int256
) -> IMarginEngine.Assessment:
    """
    @notice Value, margin and maximum loss of the legs of one vault (IMarginEngine).
    @dev Keeps INV-07 and INV-13: a vault of at most 4 legs that is fully collateralised needs no price at all.
    @param legs Leg words of one cell, each series at most once, no zero quantity.
    @param snapshot Prices of the cell (oracle/snapshot).
    @param risk Packed risk word (governance/risk_word).
    @param collateral C of the vault [wad]; `min_value(int256)` forces the full assessment.
    @return The assessment.
    """
    result: IMarginEngine.Assessment = empty(IMarginEngine.Assessment)
    result.v_min = payoff._least(legs, INVERSE)
    if len(legs) <= 4 and result.v_min != payoff.UNBOUNDED and collateral >= -result.v_min:
        result.basis = basis.COVERED
        return result

    marks: marks_.Marks = marks_._mark(legs, snapshot)
    result.value = marks.value
    if INVERSE:
        result.value = marks_._in_coins(marks.value, marks.setting.forward)
    result.value = unsafe_div(result.value, UNITS)
    result.delta = marks.delta
    result.gamma = marks.gamma
    result.vega = marks.vega
    result.theta = marks.theta

    # forwards of the nodes
    move: int256 = marks_._move(risk, snapshot.sigma, snapshot.seconds)
    shifts: int256[12] = empty(int256[12])   # ln of the moves [Q64]
    shocked: int256[12] = empty(int256[12])  # the open part of the forward after them [wad]
    nodes: int256[12] = NODE
    # generated: begin shifts by python -m scripts.generate_scenarios
    shifts[0] = unsafe_div(unsafe_mul(nodes[0] >> 64, move), WAD)
    shifts[1] = unsafe_div(unsafe_mul(nodes[1] >> 64, move), WAD)
    shifts[2] = unsafe_div(unsafe_mul(nodes[2] >> 64, move), WAD)
    shifts[3] = unsafe_div(unsafe_mul(nodes[3] >> 64, move), WAD)
    shifts[4] = unsafe_div(unsafe_mul(nodes[4] >> 64, move), WAD)
    shifts[5] = unsafe_div(unsafe_mul(nodes[5] >> 64, move), WAD)
    shifts[6] = unsafe_div(unsafe_mul(nodes[6] >> 64, move), WAD)
    shifts[7] = unsafe_div(unsafe_mul(nodes[7] >> 64, move), WAD)
    shifts[8] = unsafe_div(unsafe_mul(nodes[8] >> 64, move), WAD)
    shifts[9] = unsafe_div(unsafe_mul(nodes[9] >> 64, move), WAD)
    shifts[10] = unsafe_div(unsafe_mul(nodes[10] >> 64, move), WAD)
    shifts[11] = unsafe_div(unsafe_mul(nodes[11] >> 64, move), WAD)
    # generated: end shifts
    d: int256 = 0
    w: int256 = 0
    t: int256 = 0
    up: int256 = 0
    # generated: begin forwards by python -m scripts.generate_scenarios
    shocked[0] = self._moved(marks.setting.base, shifts[0])
    shocked[1] = self._moved(marks.setting.base, shifts[1])
    shocked[2] = self._moved(marks.setting.base, shifts[2])
    shocked[3] = self._moved(marks.setting.base, shifts[3])
    shocked[4] = self._moved(marks.setting.base, shifts[4])
    shocked[5] = self._moved(marks.setting.base, shifts[5])
    shocked[6] = self._moved(marks.setting.base, shifts[6])
    shocked[7] = self._moved(marks.setting.base, shifts[7])
    shocked[8] = self._moved(marks.setting.base, shifts[8])
    shocked[9] = self._moved(marks.setting.base, shifts[9])
    shocked[10] = self._moved(marks.setting.base, shifts[10])
    shocked[11] = self._moved(marks.setting.base, shifts[11])
    # generated: end forwards

    scale: int256 = marks_._vol_scale(marks.setting)
    iv_floor: int256 = convert(convert(risk_word._iv_floor(risk), bytes32), int256)
    table: uint256[120] = phi_table.TABLE
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
        for i: uint256 in range(marks.count, bound=16):
            strike: int256 = marks.terms[i]
            quantity: int256 = (strike << 192) >> 192
            strike = strike >> 64
            log_ratio: int256 = marks.vols[i]
            iv: int256 = log_ratio & marks_.LOW
            log_ratio = log_ratio >> 64
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
                d = max(unsafe_div(unsafe_mul(tail_vol, marks.setting.root), WAD), 1)
                tail_inverse = unsafe_div(CELLS_PER_UNIT << 96, d)
                tail_width = unsafe_mul(d, CELLS_PER_UNIT << 32)
                d = max(unsafe_div(unsafe_mul(body_vol, marks.setting.root), WAD), 1)
                body_inverse = unsafe_div(CELLS_PER_UNIT << 96, d)
                body_width = unsafe_mul(d, CELLS_PER_UNIT << 32)
            tail_base: int256 = unsafe_add(unsafe_add(unsafe_mul(log_ratio, tail_inverse), tail_width >> 1), CENTRE)
            body_base: int256 = unsafe_add(unsafe_add(unsafe_mul(log_ratio, body_inverse), body_width >> 1), CENTRE)
            # all within the table? the lowest d2 and the highest d1 of both groups tell: no sign bit among them
            if (
                unsafe_sub(unsafe_add(tail_base, unsafe_mul(shifts[0], tail_inverse)), tail_width)
                | unsafe_sub(unsafe_add(body_base, unsafe_mul(shifts[3], body_inverse)), body_width)
                | unsafe_sub(LAST, unsafe_add(tail_base, unsafe_mul(shifts[11], tail_inverse)))
                | unsafe_sub(LAST, unsafe_add(body_base, unsafe_mul(shifts[8], body_inverse)))
            ) >= 0:
                # generated: begin values by python -m scripts.generate_scenarios
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
                # generated: end values
            else:
                # the same, node by node, with Phi 0 and 1 outside the table
                for j: uint256 in range(NODES):
                    w = body_width
                    d = unsafe_add(body_base, unsafe_mul(shifts[j], body_inverse))
                    if j < 3 or j > 8:
                        w = tail_width
                        d = unsafe_add(tail_base, unsafe_mul(shifts[j], tail_inverse))
                    up = phi_table._phi(d)
                    w = phi_table._phi(unsafe_sub(d, w))
                    sums[j] = unsafe_add(sums[j], unsafe_mul(
                        quantity, unsafe_sub(unsafe_mul(shocked[j], up), unsafe_mul(strike, w))
                    ))

    # per node the larger and the smaller loss of the two branches: loss << 8 | 2*node + branch
    heads: int256[12] = empty(int256[12])
    seconds: int256[12] = empty(int256[12])
    slope: int256 = marks.slope
    now_: int256 = unsafe_add(marks.calls, unsafe_mul(slope, marks.setting.base))
    if INVERSE:
        # in coins: what does not move with the forward, over the forward; what does is worth its quantity in coins anywhere
        t = unsafe_sub(marks.value, unsafe_mul(slope, marks.setting.forward))
        now_ = marks_._in_coins(t, marks.setting.forward)
        t = unsafe_sub(t, marks.calls)
        scenario: int256 = 0
        for j: uint256 in range(NODES):
            forward: int256 = unsafe_add(marks.setting.known, shocked[j])
            up = (unsafe_sub(now_, marks_._in_coins(unsafe_add(t, first[j] >> 38), forward)) << 8) | scenario
            d = (unsafe_sub(now_, marks_._in_coins(unsafe_add(t, sums[j] >> 38), forward)) << 8) | unsafe_add(scenario, 1)
            scenario = unsafe_add(scenario, 2)
            w = max(up, d)
            heads[j] = w
            seconds[j] = up ^ d ^ w
    else:
        # generated: begin losses by python -m scripts.generate_scenarios
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[0]))
        up = (unsafe_sub(d, first[0] >> 38) << 8) | 0
        d = (unsafe_sub(d, sums[0] >> 38) << 8) | 1
        w = max(up, d)
        heads[0] = w
        seconds[0] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[1]))
        up = (unsafe_sub(d, first[1] >> 38) << 8) | 2
        d = (unsafe_sub(d, sums[1] >> 38) << 8) | 3
        w = max(up, d)
        heads[1] = w
        seconds[1] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[2]))
        up = (unsafe_sub(d, first[2] >> 38) << 8) | 4
        d = (unsafe_sub(d, sums[2] >> 38) << 8) | 5
        w = max(up, d)
        heads[2] = w
        seconds[2] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[3]))
        up = (unsafe_sub(d, first[3] >> 38) << 8) | 6
        d = (unsafe_sub(d, sums[3] >> 38) << 8) | 7
        w = max(up, d)
        heads[3] = w
        seconds[3] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[4]))
        up = (unsafe_sub(d, first[4] >> 38) << 8) | 8
        d = (unsafe_sub(d, sums[4] >> 38) << 8) | 9
        w = max(up, d)
        heads[4] = w
        seconds[4] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[5]))
        up = (unsafe_sub(d, first[5] >> 38) << 8) | 10
        d = (unsafe_sub(d, sums[5] >> 38) << 8) | 11
        w = max(up, d)
        heads[5] = w
        seconds[5] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[6]))
        up = (unsafe_sub(d, first[6] >> 38) << 8) | 12
        d = (unsafe_sub(d, sums[6] >> 38) << 8) | 13
        w = max(up, d)
        heads[6] = w
        seconds[6] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[7]))
        up = (unsafe_sub(d, first[7] >> 38) << 8) | 14
        d = (unsafe_sub(d, sums[7] >> 38) << 8) | 15
        w = max(up, d)
        heads[7] = w
        seconds[7] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[8]))
        up = (unsafe_sub(d, first[8] >> 38) << 8) | 16
        d = (unsafe_sub(d, sums[8] >> 38) << 8) | 17
        w = max(up, d)
        heads[8] = w
        seconds[8] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[9]))
        up = (unsafe_sub(d, first[9] >> 38) << 8) | 18
        d = (unsafe_sub(d, sums[9] >> 38) << 8) | 19
        w = max(up, d)
        heads[9] = w
        seconds[9] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[10]))
        up = (unsafe_sub(d, first[10] >> 38) << 8) | 20
        d = (unsafe_sub(d, sums[10] >> 38) << 8) | 21
        w = max(up, d)
        heads[10] = w
        seconds[10] = up ^ d ^ w
        d = unsafe_sub(now_, unsafe_mul(slope, shocked[11]))
        up = (unsafe_sub(d, first[11] >> 38) << 8) | 22
        d = (unsafe_sub(d, sums[11] >> 38) << 8) | 23
        w = max(up, d)
        heads[11] = w
        seconds[11] = up ^ d ^ w
        # generated: end losses
    # a call among the arguments would have them copied twice
    tail: uint256 = risk_word._tail(risk)
    margin: int256 = self._shortfall(heads, seconds, tail)
    if marks.longs != 0 and risk & risk_word.DECAY_APART == 0:
        # who holds options loses when nothing moves: what is left of them at the end of the horizon, forward and vols unchanged
        root: int256 = marks_._later_root(marks.setting, risk)
        worth: int256 = 0  # as calls [wad * 1e-6 * 2^-38]
        for i: uint256 in range(marks.count, bound=16):
            w = marks.terms[i]
            d = marks.vols[i]
            worth = unsafe_add(worth, unsafe_mul((w << 192) >> 192, phi_table._call(
                marks.setting.base, w >> 64, d >> 64, unsafe_div(unsafe_mul(d & marks_.LOW, root), WAD)
            )))
        worth = unsafe_sub(marks.calls, worth >> 38)
        margin = max(margin, marks_._in_token(worth, marks.setting.forward, INVERSE))
    margin = unsafe_add(margin, marks_._floor(risk, WAD if INVERSE else marks.setting.spot, marks.short))
    result.margin = unsafe_div(unsafe_add(margin, UNITS - 1), UNITS)
    return result


@external
@view
def max_loss(legs: DynArray[uint256, 16]) -> int256:
    """
    @notice The least payoff of the legs over all settlement prices (IMarginEngine).
    @param legs Leg words of one cell.
    @return [wad], `min_value(int256)` when unbounded.
    """
    return payoff._least(legs, INVERSE)


@external
@view
def inverse() -> bool:
    """
    @notice Whether values and margins are in coins of the underlying (IMarginEngine).
    @return False for quote.
    """
    return INVERSE


@external
@view
def value(legs: DynArray[uint256, 16], snapshot: IOracleAdapter.Snapshot) -> int256:
    """
    @notice Mark of the legs, the first number of `assess` (IMarginEngine).
    @param legs Leg words of one cell.
    @param snapshot Prices of the cell (oracle/snapshot).
    @return [wad]
    """
    payoff._least(legs, INVERSE)  # refuses what are not legs
    marks: marks_.Marks = marks_._mark(legs, snapshot)
    return unsafe_div(marks_._in_token(marks.value, marks.setting.forward, INVERSE), UNITS)


@internal
@view
def _shortfall(heads: int256[12], seconds: int256[12], tail: uint256) -> int256:
    """
    @notice Mean of the worst losses until their mass is `tail`, at least 0, rounded up.
    @dev By repeated maximum: the tail is exhausted after a few. A loss is loss << 8 | its scenario, 2*node + branch.
    @param heads Per node the larger loss of its two branches.
    @param seconds Per node the smaller one.
    @param tail Probability of the worst outcomes [wad].
    @return In the unit of the losses.
    """
    if tail == 0:
        payoff._refuse("es/tail-range")
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
        weight: uint256 = unsafe_add(convert(convert(NODE[at >> 1] & marks_.LOW, bytes32), uint256), at & 1) >> 1
        if weight >= left:
            shortfall = unsafe_add(shortfall, unsafe_mul(worst >> 8, convert(convert(left, bytes32), int256)))
            break
        shortfall = unsafe_add(shortfall, unsafe_mul(worst >> 8, convert(convert(weight, bytes32), int256)))
        left = unsafe_sub(left, weight)
        heads[at >> 1] = seconds[at >> 1]
        seconds[at >> 1] = payoff.UNBOUNDED
        if at < 6:
            low_tail = max(heads[0], max(heads[1], heads[2]))
        elif at > 17:
            high_tail = max(heads[9], max(heads[10], heads[11]))
        elif at < 12:
            low_body = max(heads[3], max(heads[4], heads[5]))
        else:
            high_body = max(heads[6], max(heads[7], heads[8]))
    return unsafe_div(
        unsafe_add(max(shortfall, 0), convert(convert(unsafe_sub(tail, 1), bytes32), int256)),
        convert(convert(tail, bytes32), int256),
    )


@internal
@pure
def _moved(base: int256, log_move: int256) -> int256:
    """
    @notice base*e^log_move [wad], good to 3e-13.
    @dev fixed._exp with a shorter polynomial; moves are far within its range because horizons are bounded by 48 h.
    """
    k: int256 = unsafe_add(unsafe_mul(log_move, fixed.LOG2E), fixed.HALF_SHIFTED) >> 128
    r: int256 = unsafe_sub(log_move, unsafe_mul(k, fixed.LN2))
    t: int256 = unsafe_mul(r, r) >> 64
    t = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
        fixed.MOVE3, t) >> 64, fixed.MOVE2), t) >> 64, fixed.MOVE1), t) >> 64, fixed.MOVE0)
    r = unsafe_div(unsafe_add(t, r) << 176, unsafe_sub(t, r)) >> convert(
        convert(unsafe_sub(112, k), bytes32), uint256
    )
    return unsafe_mul(base, r) >> 64
