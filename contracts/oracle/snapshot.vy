# pragma version 0.4.3
"""
@title What a price snapshot may be used for
@license AGPL-3.0-only
@notice The bits in `status` of an `IOracleAdapter.Snapshot`, and the questions that are asked of them.
"""

from interfaces import IOracleAdapter

from contracts.math import scales

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

# a half-width up to one part of spot in so many adds nothing; above one in so many, nothing new is asked at the price
SURE_WIDTH: constant(uint256) = 400
USABLE_WIDTH: constant(uint256) = 10


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


@internal
@pure
def _is_usable(snapshot: IOracleAdapter.Snapshot) -> bool:
    """
    @notice Whether rows 1 and 3 of the margin table may be asked, a flag end and a deficit be recorded at this price: active, and
            so narrow that a book can hide little between three points of it.
    """
    return (
        snapshot.status & ACTIVE != 0
        and snapshot.seconds != 0
        and snapshot.half_width * USABLE_WIDTH <= snapshot.spot
    )


@internal
@pure
def _settling(spot: uint256, forward: uint256, share: uint256, average: uint256) -> (uint256, uint256):
    """
    @notice (the part of the settlement price that is known, F: what it is expected to be), of a snapshot's fields: in the
            settlement window w*P and w*P + (1-w)*S [wad].
    @param share w, at most 1.
    """
    if share == 0:
        return 0, forward
    known: uint256 = unsafe_div(unsafe_mul(share, average), scales.WAD)
    return known, unsafe_add(known, unsafe_div(unsafe_mul(unsafe_sub(scales.WAD, share), spot), scales.WAD))


@internal
@pure
def _expected(snapshot: IOracleAdapter.Snapshot) -> uint256:
    """
    @notice F: what the settlement price is expected to be [wad].
    """
    known: uint256 = 0
    forward: uint256 = 0
    known, forward = self._settling(
        snapshot.spot, snapshot.forward, min(snapshot.window_share, scales.WAD), snapshot.window_average
    )
    return forward


@internal
@pure
def _points(snapshot: IOracleAdapter.Snapshot) -> DynArray[uint256, 3]:
    """
    @notice Spot prices at which an uncertain price is assessed, spot itself first (docs/margin.md).
    """
    spot: uint256 = snapshot.spot
    width: uint256 = snapshot.half_width
    if width * SURE_WIDTH <= spot:
        return [spot]
    return [spot, spot - min(width, spot // 2), spot + width]


@internal
@pure
def _at(snapshot: IOracleAdapter.Snapshot, spot: uint256) -> IOracleAdapter.Snapshot:
    """
    @notice The snapshot with another spot, its forward moved along, and all else as it is.
    """
    if spot == snapshot.spot:
        return snapshot
    moved: IOracleAdapter.Snapshot = snapshot
    moved.spot = spot
    if snapshot.window_share != 0:
        # the part of the average that is known does not move
        moved.forward = (
            snapshot.window_share * snapshot.window_average
            + (scales.WAD - min(snapshot.window_share, scales.WAD)) * spot
        ) // scales.WAD
    elif snapshot.spot != 0:
        moved.forward = snapshot.forward * spot // snapshot.spot
    else:
        moved.forward = spot
    return moved
