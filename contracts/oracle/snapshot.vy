# pragma version 0.4.3
"""
@title Layout of a price snapshot
@license AGPL-3.0-only
@notice A snapshot is `uint256[16]`: every price fact of one cell at one moment, read once per transaction and
        passed by value. The constants below are its indices.
"""

SPOT: constant(uint256) = 0            # price of one unit of underlying [wad quote]
FORWARD: constant(uint256) = 1         # F for this expiry, settlement window included [wad quote]
SECONDS: constant(uint256) = 2         # time to expiry, 0 afterwards [seconds]
SIGMA: constant(uint256) = 3           # ramped sigma_m, drives MM [wad]
SIGMA_NOW: constant(uint256) = 4       # sigma_m without the ramp [wad]
VOL_RATIO: constant(uint256) = 5       # fast EWMA vol / slow EWMA vol, drives kappa [wad]
WINDOW_SHARE: constant(uint256) = 6    # w: elapsed share of the settlement window [wad]
WINDOW_AVERAGE: constant(uint256) = 7  # P: average price so far in the window [wad quote]
RATE: constant(uint256) = 8            # r per year, an int256 in a word [wad]
HALF_WIDTH: constant(uint256) = 9      # confidence half-width of spot [wad quote]
STATUS: constant(uint256) = 10         # bits below
UPDATED_AT: constant(uint256) = 11     # stamp of the round in force [unix seconds]
CLOCK: constant(uint256) = 12          # market clock [seconds], restart value of it << 64
SURFACE_NEAR: constant(uint256) = 13   # flat iv [wad], or the packed slice at or before the expiry
SURFACE_FAR: constant(uint256) = 14    # 0, or the packed slice at or after the expiry
SURFACE_WEIGHT: constant(uint256) = 15 # mix word of oracle/svi_slice: weight of the far slice, fade, flat iv

# status bits
FRESH: constant(uint256) = 1           # the price is fresh
ACTIVE: constant(uint256) = 2          # fresh, not degraded and not in grace: opening and liquidating allowed
DEGRADED: constant(uint256) = 4        # primary stale or apart from the fallback
GRACE: constant(uint256) = 8           # after an outage or a sequencer restart
FALLBACK_USED: constant(uint256) = 16  # the fallback feed gives the price
SURFACE_LIVE: constant(uint256) = 32   # a published surface is in force and not stale
SURFACE_SVI: constant(uint256) = 64    # the surface words hold SVI slices, not a flat vol
NO_PRICE: constant(uint256) = 128      # no usable price was ever seen: spot is 0
# bits 8..15: reason code, see OracleAdapter


@internal
@pure
def _is_fresh(snapshot: uint256[16]) -> bool:
    return snapshot[STATUS] & FRESH != 0


@internal
@pure
def _is_active(snapshot: uint256[16]) -> bool:
    return snapshot[STATUS] & ACTIVE != 0


@internal
@pure
def _is_fading(snapshot: uint256[16]) -> bool:
    """
    @notice Whether the smile in force is mixed with the flat iv: the surface is stale, or on its way back.
    """
    return snapshot[STATUS] & SURFACE_SVI != 0 and snapshot[SURFACE_WEIGHT] >> 64 != 0
