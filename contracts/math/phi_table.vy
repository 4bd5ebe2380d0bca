# pragma version 0.4.3
"""
@title The normal distribution function as 240 packed cubics
@license AGPL-3.0-only
@notice Cell i covers x = -6 + (i + t)/20 with t in [0, 1]: a cubic in t that meets Phi in the four Chebyshev nodes
        of the cell. Largest error 1.2e-9 inside and 1e-9 where Phi is cut off beyond +-6: below 1e-8 of spot in a price.
@dev Two cells a word, the even one on top: coefficients of t^3, t^2, t and 1 in 23, 28, 34 and 40 bits, all in 2^-38
     and signed, 3 bits unused. So each coefficient reaches the top of a word by one shift and the noise below it is
     less than its last bit. A quintic would be good to 1e-13 but costs 60 gas more in each of 48 evaluations per leg;
     scenarios are a model of what may happen, marks (black76) are what must be exact.
     Built from `normal` at deployment: nothing pasted.
"""

from contracts.math import normal
from contracts.math import scales

CELLS: constant(uint256) = 240
PER_UNIT: constant(int256) = 20
ONE: constant(int256) = scales.SIGNED_Q64

# places in the table are counted in cells from its left edge at -6 [2^-96]
CENTRE: constant(int256) = 6 * PER_UNIT << 96
END: constant(int256) = 12 * PER_UNIT << 96
FRACTION: constant(int256) = 2**96 - 1
PHI_ONE: constant(int256) = 2**38  # Phi as the table gives it [2^-38]

TABLE: immutable(uint256[120])

# generated: begin chebyshev by python -m scripts.generate_coefficients
T0: constant(int256) = 702087391267710813
T1: constant(int256) = 5693740367811000925
T2: constant(int256) = 12753003705898550691
T3: constant(int256) = 17744656682441840803
C30: constant(int256) = -112948213409400796266
C31: constant(int256) = 272681108658786079832
C32: constant(int256) = -272681108658786079832
C33: constant(int256) = 112948213409400796266
C20: constant(int256) = 221597591415432323248
C21: constant(int256) = -461196934289510248597
C22: constant(int256) = 356846391686847990898
C23: constant(int256) = -117247048812770065549
C10: constant(int256) = -132751210635293206738
C11: constant(int256) = 198499131583810748988
C12: constant(int256) = -94148588981148491289
C13: constant(int256) = 28400668032630949039
C00: constant(int256) = 23184511245724618888
C01: constant(int256) = -6901875870782293314
C02: constant(int256) = 3081430082304286909
C03: constant(int256) = -917321383537060868
# generated: end chebyshev


@deploy
def __init__():
    TABLE = self._build()


@internal
@pure
def _build() -> uint256[120]:
    """
    @notice The table, the upper half by Phi(x) = 1 - Phi(-x).
    """
    table: uint256[120] = empty(uint256[120])
    for i: uint256 in range(CELLS // 2):
        left: int256 = convert(i, int256) * ONE // PER_UNIT - 6 * ONE
        a: int256 = self._below(left + T0 // PER_UNIT)
        b: int256 = self._below(left + T1 // PER_UNIT)
        c: int256 = self._below(left + T2 // PER_UNIT)
        d: int256 = self._below(left + T3 // PER_UNIT)
        mirrored: uint256 = CELLS - 1 - i
        table[i // 2] |= self._cubic(a, b, c, d) << (128 * (1 - i % 2))
        table[mirrored // 2] |= self._cubic(ONE - d, ONE - c, ONE - b, ONE - a) << (128 * (1 - mirrored % 2))
    return table


@internal
@view
def _phi(d: int256) -> int256:
    """
    @notice Phi [2^-38].
    @param d Place in cells from the table's left edge, anywhere [2^-96].
    """
    if d < 0:
        return 0
    if d >= END:
        return PHI_ONE
    # the cell's coefficients to the top, then cubic by Horner with lazy shifts
    w: int256 = convert(
        convert(
            TABLE[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256), bytes32
        ),
        int256,
    )
    t: int256 = d & FRACTION
    return unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
        w << 51) >> 102, t), w << 85) >> 216


@internal
@view
def _call(base: int256, strike: int256, log_ratio: int256, total_vol: int256) -> int256:
    """
    @notice Black-76 call as scenarios see it, within 1e-8 of spot [wad * 2^-38].
    @param base Forward [wad]. @param strike Strike [wad]. @param log_ratio ln of one over the other [Q64].
    @param total_vol sigma*sqrt(tau); none gives the intrinsic value [Q64].
    """
    if total_vol == 0:
        return max(unsafe_sub(base, strike), 0) << 38
    width: int256 = unsafe_mul(total_vol, PER_UNIT << 32)
    d: int256 = unsafe_add(
        unsafe_add(unsafe_mul(log_ratio, unsafe_div(PER_UNIT << 96, total_vol)), width >> 1), CENTRE
    )
    return unsafe_sub(unsafe_mul(base, self._phi(d)), unsafe_mul(strike, self._phi(unsafe_sub(d, width))))


@internal
@pure
def _below(x: int256) -> int256:
    """
    @notice Phi(x) for x <= 0 [Q64].
    """
    return normal._density(x) * normal._mills(-x) >> 64


@internal
@pure
def _cubic(a: int256, b: int256, c: int256, d: int256) -> uint256:
    """
    @notice The packed cubic through four values at the Chebyshev nodes.
    """
    word: uint256 = self._field(C30 * a + C31 * b + C32 * c + C33 * d, 23)
    word = (word << 28) | self._field(C20 * a + C21 * b + C22 * c + C23 * d, 28)
    word = (word << 34) | self._field(C10 * a + C11 * b + C12 * c + C13 * d, 34)
    return ((word << 40) | self._field(C00 * a + C01 * b + C02 * c + C03 * d, 40)) << 3


@internal
@pure
def _field(coefficient: int256, bits: uint256) -> uint256:
    # Q128 -> Q38, two's complement
    return convert(convert(coefficient >> 90, bytes32), uint256) & ((1 << bits) - 1)
