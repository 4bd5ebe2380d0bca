# pragma version 0.4.3
"""
@title The packed oracle parameters of a market
@license AGPL-3.0-only
@notice Decodes the `oracle` word that RiskParameters pushes to OracleAdapter; the layout is in governance/risk_word.
"""
from contracts.math import scales

RATE_OFFSET: constant(uint256) = 2**15

WORD_BITS: constant(uint256) = 244

# in which vols are kept [wad]: sigma_m and its floor are multiples of it
VOL_UNIT: constant(uint256) = 10**6


@internal
@pure
def _deviation(word: uint256) -> uint256:
    """
    @notice How far primary and fallback may be apart, relative to the fallback [wad].
    """
    return unsafe_mul((word & 65535), scales.BPS)


@internal
@pure
def _grace_seconds(word: uint256) -> uint256:
    return (word >> 16) & 65535


@internal
@pure
def _failover_seconds(word: uint256) -> uint256:
    return (word >> 32) & 65535


@internal
@pure
def _sigma_floor(word: uint256) -> uint256:
    """
    @notice Least sigma_m [wad].
    """
    return unsafe_mul(((word >> 48) & 65535), scales.BPS)


@internal
@pure
def _ramp(word: uint256) -> uint256:
    """
    @notice Largest relative rise of sigma_m in one hour [wad].
    """
    return unsafe_mul(((word >> 64) & 65535), scales.BPS)


@internal
@pure
def _flat_factor(word: uint256) -> uint256:
    """
    @notice Flat iv over realised vol [wad].
    """
    return unsafe_mul(((word >> 80) & 65535), scales.BPS)


@internal
@pure
def _rate(word: uint256) -> int256:
    """
    @notice Rate r per year that carries spot to the forward [wad, signed].
    """
    raw: uint256 = (word >> 96) & 65535
    if raw == RATE_OFFSET:
        return 0
    return (convert(raw, int256) - convert(RATE_OFFSET, int256)) * convert(scales.BPS, int256)


@internal
@pure
def _window_seconds(word: uint256) -> uint256:
    """
    @notice Length of the settlement window before an expiry.
    """
    return (word >> 112) & 65535


@internal
@pure
def _half_life_fast(word: uint256) -> uint256:
    return (word >> 128) & (2**24 - 1)


@internal
@pure
def _half_life_day(word: uint256) -> uint256:
    return (word >> 152) & (2**24 - 1)


@internal
@pure
def _half_life_week(word: uint256) -> uint256:
    return (word >> 176) & (2**24 - 1)


@internal
@pure
def _settle_delay(word: uint256) -> uint256:
    """
    @notice From an expiry until its price can be final [seconds].
    """
    return (word >> 200) & (2**12 - 1)


@internal
@pure
def _stress_share(word: uint256) -> uint256:
    """
    @notice Share of the stress vol in sigma_m [1e-4].
    """
    return (word >> 212) & 65535


@internal
@pure
def _sigma(word: uint256, vol: uint256) -> uint256:
    """
    @notice sigma_m: the vol, at least the floor, with its share of the stress vol, so that margins swing less over a cycle;
            the stress vol may be below the floor, what comes out is not [wad].
    @param word Sound. @param vol The largest of those that count [wad].
    """
    least: uint256 = self._sigma_floor(word)
    share: uint256 = self._stress_share(word)
    blended: uint256 = unsafe_add(
        unsafe_mul(max(vol, least), unsafe_sub(scales.BPS_IN_ONE, share)),
        unsafe_mul(unsafe_mul(word >> 228, scales.BPS), share),
    )
    return max(unsafe_mul(unsafe_div(blended, scales.BPS_IN_ONE * VOL_UNIT), VOL_UNIT), least)


@internal
@pure
def _is_sound(word: uint256) -> bool:
    """
    @notice Whether no reader of the word can divide by zero, or take more than the whole.
    """
    return (
        word >> WORD_BITS == 0
        and self._sigma_floor(word) != 0
        and self._half_life_fast(word) != 0
        and self._half_life_day(word) != 0
        and self._half_life_week(word) != 0
        and self._stress_share(word) <= scales.BPS_IN_ONE
    )
