# pragma version 0.4.3
"""
@title What a price snapshot may be used for
@license AGPL-3.0-only
@notice The bits in `status` of an `IOracleAdapter.Snapshot`, and the questions that are asked of them.
"""

from interfaces import IOracleAdapter

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
def _is_fresh(snapshot: IOracleAdapter.Snapshot) -> bool:
    return snapshot.status & FRESH != 0


@internal
@pure
def _is_active(snapshot: IOracleAdapter.Snapshot) -> bool:
    return snapshot.status & ACTIVE != 0


@internal
@pure
def _is_fading(snapshot: IOracleAdapter.Snapshot) -> bool:
    """
    @notice Whether the smile in force is mixed with the flat iv: the surface is stale, or on its way back.
    """
    return snapshot.status & SURFACE_SVI != 0 and snapshot.surface_weight >> 64 != 0
