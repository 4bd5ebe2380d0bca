# pragma version 0.4.3
"""
@title The clock that auctions run on
@license AGPL-3.0-only
@notice Counts the time in which somebody could see an active price: each call that finds one adds the time since the last one that
        did, as far as the price seen then was still fresh, if that is at most 900 s; a longer gap restarts all auctions.
        A call that finds no active price changes nothing: what it happened to see is no state (docs/oracle.md).
@dev Packed: value 32 | restarted_at 32 | seen_at 34 | fresh_for 10.
"""

# auctions measure time in which someone looked at least this often [seconds]
MAX_GAP: constant(uint256) = 900
MAX_FRESH: constant(uint256) = 1023
BITS: constant(uint256) = 108
# stamps of a market's words [unix seconds]
TIME_MASK: constant(uint256) = 2**34 - 1


struct Clock:
    value: uint256         # [seconds]
    restarted_at: uint256  # value at the last gap
    seen_at: uint256       # last call that found the price active [unix seconds]
    fresh_for: uint256     # how long after it that price was still fresh, at most 1,023 [seconds]


@internal
@pure
def _unpack(word: uint256) -> Clock:
    return Clock(
        value=word & (2**32 - 1),
        restarted_at=(word >> 32) & (2**32 - 1),
        seen_at=(word >> 64) & (2**34 - 1),
        fresh_for=(word >> 98) & MAX_FRESH,
    )


@internal
@pure
def _pack(clock: Clock) -> uint256:
    return (
        clock.value
        | (clock.restarted_at << 32)
        | (clock.seen_at << 64)
        | (min(clock.fresh_for, MAX_FRESH) << 98)
    )


@internal
@pure
def _seen(clock: Clock, now: uint256, broken_at: uint256, fresh_for: uint256) -> Clock:
    """
    @notice The clock after a call that found the price active.
    @param broken_at Last call that recorded feeds apart, a sequencer down or an outage; time across it does not count.
    @param fresh_for How long the price will still be fresh [seconds].
    """
    value: uint256 = clock.value
    restarted_at: uint256 = clock.restarted_at
    gap: uint256 = unsafe_sub(now, clock.seen_at)
    if gap > MAX_GAP:
        restarted_at = value
    elif broken_at <= clock.seen_at:
        value = unsafe_add(value, min(gap, clock.fresh_for))
    return Clock(value=value, restarted_at=restarted_at, seen_at=now, fresh_for=fresh_for)
