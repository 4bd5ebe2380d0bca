# pragma version 0.4.3
"""
@title Layout of an SVI slice, and the implied vol that a snapshot's surface words give
@license AGPL-3.0-only
@notice One word per expiry, low to high: a int56 [1e-12 total variance] | b uint56 [1e-12] | rho int32 [1e-9]
        | m int40 [1e-9 log-moneyness] | sigma uint40 [1e-9]; the 32 bits above are free for the owner of the word.
        The surface words of a snapshot are SURFACE_NEAR and SURFACE_FAR, slices already scaled to the time left, and the
        mix word SURFACE_WEIGHT: weight of the far slice 64 [wad] | fade 64 [wad] | flat iv 64 [wad]. Variance is linear in
        both: mixed = near + weight*(far - near), iv^2 = (1 - fade)*mixed/tau + fade*flat^2. The fade is 0 while the
        surface is live, so a plain weight is a whole mix word.
"""

from contracts.math import fixed
from contracts.math import svi
from contracts.math import scales

WAD: constant(int256) = scales.SIGNED_WAD
YEAR: constant(int256) = scales.SIGNED_YEAR

B_AT: constant(uint256) = 56
RHO_AT: constant(uint256) = 112
M_AT: constant(uint256) = 144
SIGMA_AT: constant(uint256) = 184
BITS: constant(uint256) = 224
# above a and b
SHAPE: constant(uint256) = ((1 << 112) - 1) << 112
MAX_A: constant(int256) = 2**55 - 1
MAX_B: constant(int256) = 2**56 - 1

FADE_AT: constant(uint256) = 64
FLAT_AT: constant(uint256) = 128
LANE: constant(uint256) = 2**64 - 1

# iv^2 [Q64] of 1 % and of just below 800 %: a surface never makes an engine refuse
LEAST: constant(int256) = 2**64 // 10**4
MOST: constant(int256) = 2**70 - 1


@internal
@pure
def _field(word: uint256, at: uint256, bits: uint256) -> int256:
    """
    @notice A signed field of a word.
    """
    return convert(convert(word << unsafe_sub(unsafe_sub(256, bits), at), bytes32), int256) >> unsafe_sub(256, bits)


@internal
@pure
def _a(word: uint256) -> int256:
    return self._field(word, 0, 56)


@internal
@pure
def _b(word: uint256) -> int256:
    return convert(convert((word >> B_AT) & (2**56 - 1), bytes32), int256)


@internal
@pure
def _rho(word: uint256) -> int256:
    return self._field(word, RHO_AT, 32)


@internal
@pure
def _m(word: uint256) -> int256:
    return self._field(word, M_AT, 40)


@internal
@pure
def _sigma(word: uint256) -> int256:
    return convert(convert((word >> SIGMA_AT) & (2**40 - 1), bytes32), int256)


@internal
@pure
def _total_variance(word: uint256, k: int256) -> int256:
    """
    @notice w(k) of a slice [Q64].
    @param word Slice; bits above the layout are ignored.
    @param k ln(K/F) [Q64].
    """
    return svi._total_variance(
        self._a(word), self._b(word), self._rho(word), self._m(word), self._sigma(word), k
    )


@internal
@pure
def _scale(word: uint256, numerator: uint256, denominator: uint256) -> uint256:
    """
    @notice The slice with its total variance times numerator/denominator, both below 2^64; a and b saturate.
    """
    top: int256 = convert(convert(numerator, bytes32), int256)
    bottom: int256 = convert(convert(denominator, bytes32), int256)
    a: int256 = min(max(unsafe_div(unsafe_mul(self._a(word), top), bottom), -MAX_A), MAX_A)
    b: int256 = min(unsafe_div(unsafe_mul(self._b(word), top), bottom), MAX_B)
    return (
        (word & SHAPE)
        | (convert(convert(b, bytes32), uint256) << B_AT)
        | (convert(convert(a, bytes32), uint256) & (2**56 - 1))
    )


@internal
@pure
def _mix(weight: uint256, fade: uint256, flat: uint256) -> uint256:
    """
    @notice A mix word; the flat iv is in it only while the surface fades.
    """
    if fade == 0:
        return weight
    return weight | (fade << FADE_AT) | (flat << FLAT_AT)


@internal
@pure
def _without_fade(mix: uint256) -> uint256:
    """
    @notice The mix word of the last live surface.
    """
    return mix & LANE


@internal
@pure
def _iv(near: uint256, far: uint256, mix: uint256, k: int256, seconds: uint256) -> int256:
    """
    @notice Implied vol at one strike, between 1 % and 800 %.
    @param near Slice at or before the expiry, scaled to the time left.
    @param far Slice at or after the expiry, scaled; ignored when its weight is 0.
    @param mix SURFACE_WEIGHT word.
    @param k ln(K/F) [Q64]; in the settlement window of the open parts K' and S.
    @param seconds Time to expiry, 1 to 2^40.
    @return [wad]
    """
    variance: int256 = self._total_variance(near, k)
    weight: int256 = convert(convert(mix & LANE, bytes32), int256)
    if weight != 0:
        change: int256 = unsafe_sub(self._total_variance(far, k), variance)
        variance = unsafe_add(variance, unsafe_div(unsafe_mul(change, weight), WAD))
    variance = unsafe_div(unsafe_mul(variance, YEAR), convert(convert(seconds, bytes32), int256))
    fade: int256 = convert(convert((mix >> FADE_AT) & LANE, bytes32), int256)
    if fade != 0:
        flat: int256 = convert(convert((mix >> FLAT_AT) & LANE, bytes32), int256)
        change: int256 = unsafe_sub(unsafe_div(unsafe_mul(flat, flat) << 64, WAD * WAD), variance)
        variance = unsafe_add(variance, unsafe_div(unsafe_mul(change, fade), WAD))
    variance = min(max(variance, LEAST), MOST)
    root: int256 = fixed._sqrt_ratio(convert(convert(variance, bytes32), uint256), 2**64)
    return unsafe_mul(root, WAD) >> 64
