# pragma version 0.4.3
"""
@title Standard normal law: density and Mills ratio
@license AGPL-3.0-only
@notice Phi(-x) = phi(x)*M(x) for x >= 0 with Mills' ratio M. One density serves every use of it.
@dev M = P/Q of degree 6/7, minimax of phi*error on [0, 9], 2.2e-17. All coefficients are positive, so P and Q run
     through Horner together in the two 128-bit lanes of a word [2^-59], x in 2^-56.
     Coefficients are generated and compared by scripts.generate_coefficients.
"""

from contracts.math import fixed

LIMIT: constant(int256) = 9 * 2**64  # beyond it phi is below 1.1e-18: taken as 0

# generated: begin constants by python -m scripts.generate_coefficients
INVERSE_SQRT_2PI: constant(int256) = 7359186146747302452
# generated: end constants

# the low 56 bits of the high lane land on the top of the low lane after the shift
LANES: constant(uint256) = max_value(uint256) ^ ((2**56 - 1) << 72)

LOW_LANE: constant(uint256) = 2**72 - 1

# generated: begin mills by python -m scripts.generate_coefficients
MILLS7: constant(uint256) = 115692733879704
MILLS6: constant(uint256) = 39368920310096793427199994001393562432778909736049186
MILLS5: constant(uint256) = 781944407002242147906567856874793718676428829143702669
MILLS4: constant(uint256) = 7116220983290436386610684375684792188890573500112528618
MILLS3: constant(uint256) = 37862048187620747261957590880015961898107173459148648192
MILLS2: constant(uint256) = 125130912356399943826698535777908949688466770572931369162
MILLS1: constant(uint256) = 246973682590711216951933747701727918646809313137363611177
MILLS0: constant(uint256) = 245849385822743364777697087166786966322029878012513615872
# generated: end mills


@internal
@pure
def _density(x: int256) -> int256:
    """
    @notice phi(x), absolute error below 2e-19.
    @dev e^-r = (p - r)/(p + r) as in fixed._exp, without a call.
    @param x [Q64]
    @return [Q64]
    """
    if x >= LIMIT or x <= -LIMIT:
        return 0
    y: int256 = unsafe_mul(x, x) >> 65
    k: int256 = unsafe_add(unsafe_mul(y, fixed.LOG2E), fixed.HALF_SHIFTED) >> 128
    y = unsafe_sub(y, unsafe_mul(k, fixed.LN2))
    u: int256 = unsafe_mul(y, y) >> 64
    p: int256 = unsafe_add(unsafe_mul(fixed.EXP5, u) >> 64, fixed.EXP4)
    p = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(p, u) >> 64, fixed.EXP3), u) >> 64, fixed.EXP2)
    p = unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(p, u) >> 64, fixed.EXP1), u) >> 64, fixed.EXP0)
    return unsafe_div(unsafe_mul(unsafe_sub(p, y), INVERSE_SQRT_2PI), unsafe_add(p, y)) >> convert(k, uint256)


@internal
@pure
def _mills(x: int256) -> int256:
    """
    @notice M(x) = Phi(-x)/phi(x); error times phi(x) below 3e-17.
    @param x Not negative [Q64]; held at 9 beyond 9.
    @return [Q64]
    """
    y: uint256 = 9 * 2**56 - 1
    if x < LIMIT:
        y = convert(convert(x, bytes32), uint256) >> 8
    y = (
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
        unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(
            MILLS7, y) >> 56, MILLS6), y) >> 56 & LANES, MILLS5), y) >> 56 & LANES, MILLS4), y) >> 56 & LANES,
            MILLS3), y) >> 56 & LANES, MILLS2), y) >> 56 & LANES, MILLS1), y) >> 56, MILLS0)
    )
    # P * 2^64 / Q; what lies below P's lane is less than 2^-58 of it
    return convert(convert(unsafe_div(y >> 64, y & LOW_LANE), bytes32), int256)
