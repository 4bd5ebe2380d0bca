# pragma version 0.4.3
"""
@title Layout of a market's vol surface in force, and how it fades
@license AGPL-3.0-only
@notice The surface word: made_at 32 | live_until 32 [unix seconds] | fade 60 [wad] | sigma_atm at 30 days 40 [1e-9]
        | highest 16 | lowest 16 [bps of iv, over the strikes that VolSurface checks]. The index word holds the days
        (since 1970, 08:00 UTC each) of up to 16 expiries, ascending, 16 bits each, then zeros. A slice in force is a
        oracle/svi_slice word with `made_at` in its upper 32 bits: one that says otherwise belongs to an older surface.
@dev A stale surface fades into the flat iv and a live one back out of it. The fade is a share of variance, so that a
     slice keeps its form. Its step is such that at no strike between the highest and the lowest iv a vol moves by more
     than the ramp allows: d(iv^2) = d(fade)*|A - B| with A = iv^2 of the surface and B of the flat iv, which is worst
     at the two ends of both.
"""

from contracts.math import scales

WAD: constant(uint256) = scales.WAD
BPS: constant(uint256) = scales.BPS
DAY: constant(uint256) = scales.DAY
# 08:00 UTC
HOUR_OF_EXPIRY: constant(uint256) = 28800

LIVE_AT: constant(uint256) = 32
FADE_AT: constant(uint256) = 64
ATM_AT: constant(uint256) = 124
HIGH_AT: constant(uint256) = 164
LOW_AT: constant(uint256) = 180
BITS: constant(uint256) = 196

TIME_MASK: constant(uint256) = 2**32 - 1
FADE_MASK: constant(uint256) = 2**60 - 1
ATM_UNIT: constant(uint256) = 10**9
MADE_AT: constant(uint256) = 224
MAX_EXPIRIES: constant(uint256) = 16


@internal
@pure
def _made_at(word: uint256) -> uint256:
    return word & TIME_MASK


@internal
@pure
def _live_until(word: uint256) -> uint256:
    return (word >> LIVE_AT) & TIME_MASK


@internal
@pure
def _stale_at(word: uint256, now: uint256) -> uint256:
    """
    @notice The surface word, live no longer than until the second before `now`.
    """
    live_until: uint256 = min(self._live_until(word), now - 1)
    return (word & ~(TIME_MASK << LIVE_AT)) | (live_until << LIVE_AT)


@internal
@pure
def _fade(word: uint256) -> uint256:
    return (word >> FADE_AT) & FADE_MASK


@internal
@pure
def _with_fade(word: uint256, fade: uint256) -> uint256:
    return (word & ~(FADE_MASK << FADE_AT)) | (fade << FADE_AT)


@internal
@pure
def _sigma_atm(word: uint256) -> uint256:
    """
    @notice At-the-money iv at 30 days, less what has faded [wad].
    """
    atm: uint256 = unsafe_mul((word >> ATM_AT) & (2**40 - 1), ATM_UNIT)
    return unsafe_div(unsafe_mul(atm, unsafe_sub(WAD, self._fade(word))), WAD)


@internal
@pure
def _expiry(index: uint256, lane: uint256) -> uint256:
    """
    @notice Expiry in one lane of an index [unix seconds], or 0.
    """
    day: uint256 = (index >> unsafe_mul(lane, 16)) & 65535
    if day == 0:
        return 0
    return unsafe_add(unsafe_mul(day, DAY), HOUR_OF_EXPIRY)


@internal
@pure
def _speed(iv_bps: uint256, flat: uint256, fade: uint256, share: uint256) -> uint256:
    """
    @notice Step of the fade that moves iv^2 by `share` of itself [wad].
    """
    a: uint256 = unsafe_mul(unsafe_mul(iv_bps, iv_bps), 10**10)
    b: uint256 = unsafe_div(unsafe_mul(flat, flat), WAD)
    distance: uint256 = unsafe_sub(max(a, b), min(a, b))
    now: uint256 = unsafe_div(
        unsafe_add(unsafe_mul(a, unsafe_sub(WAD, fade)), unsafe_mul(b, fade)), WAD
    )
    if distance == 0:
        return WAD
    return min(unsafe_div(unsafe_mul(share, now), distance), WAD)


@internal
@pure
def _fade_after(
    word: uint256, near_flat: uint256, far_flat: uint256, ramp: uint256, now: uint256, elapsed: uint256
) -> uint256:
    """
    @notice The fade after `elapsed` seconds, of which one hour counts at most [wad].
    @param word Surface word.
    @param near_flat Flat iv of the nearest expiry there could be [wad].
    @param far_flat Flat iv of the farthest; those between lie between them [wad].
    @param ramp Largest relative move of a vol in one hour [wad].
    @param now Block time.
    @param elapsed Seconds since the last step.
    """
    fade: uint256 = self._fade(word)
    live: bool = now <= self._live_until(word)
    if elapsed == 0 or (live and fade == 0) or (not live and fade == WAD):
        return fade
    # (1 - ramp)^2 = 1 - share
    share: uint256 = unsafe_sub(unsafe_mul(2, ramp), unsafe_div(unsafe_mul(ramp, ramp), WAD))
    highest: uint256 = (word >> HIGH_AT) & 65535
    lowest: uint256 = (word >> LOW_AT) & 65535
    speed: uint256 = min(
        self._speed(highest, near_flat, fade, share), self._speed(lowest, near_flat, fade, share)
    )
    if far_flat != near_flat:
        speed = min(
            speed,
            min(self._speed(highest, far_flat, fade, share), self._speed(lowest, far_flat, fade, share)),
        )
    step: uint256 = unsafe_div(unsafe_mul(speed, min(elapsed, 3600)), 3600)
    if live:
        return unsafe_sub(fade, min(fade, step))
    return min(unsafe_add(fade, step), WAD)


@internal
@pure
def _growth(ramp: uint256, elapsed: uint256) -> uint256:
    """
    @notice Factor by which a ramped number may rise [wad]: one hour's step at most, never above (1+ramp) an hour
            however often it is called, because 1+x+x^2/2 <= e^x and ramp - ramp^2/2 <= ln(1+ramp).
    @param ramp Largest relative rise in one hour, at most 1 [wad].
    """
    step: uint256 = unsafe_div(
        unsafe_mul(
            unsafe_sub(ramp, unsafe_div(unsafe_mul(ramp, ramp), 2 * WAD)), min(elapsed, 3600)
        ),
        3600,
    )
    return unsafe_add(unsafe_add(WAD, step), unsafe_div(unsafe_mul(step, step), 2 * WAD))


@internal
@pure
def _neighbours(index: uint256, expiry: uint256, now: uint256) -> (uint256, uint256, uint256):
    """
    @notice The published expiries on both sides of an expiry, and where between them it lies. Expired ones do not
            count; before the first and beyond the last the nearest stands alone; none is left: zeros.
    @return (near [unix seconds], far or 0, weight of the far one in total variance [wad]).
    """
    near: uint256 = 0
    far: uint256 = 0
    for lane: uint256 in range(MAX_EXPIRIES):
        at: uint256 = self._expiry(index, lane)
        if at > expiry:
            far = at
            break
        if at == 0:
            break
        if at > now:
            near = at
    if near == 0:
        return far, 0, 0
    if far == 0 or near == expiry:
        return near, 0, 0
    return near, far, unsafe_div(unsafe_mul(unsafe_sub(expiry, near), WAD), unsafe_sub(far, near))
