# pragma version 0.4.3
"""
@title Names of states
@license AGPL-3.0-only
@notice What people read instead of bits: states of a price and of a vault, kinds and models.
"""
from interfaces import IOracleAdapter

from contracts.oracle import feeds
from contracts.oracle import snapshot as price
from contracts.vaults import leg
from contracts.vaults import vault_state as state


@internal
@pure
def _price_state(snapshot: IOracleAdapter.Snapshot) -> String[16]:
    """
    @notice "active", or why the price is not.
    """
    if snapshot.status & price.NO_PRICE != 0:
        return "none"
    if snapshot.seconds == 0:
        return "expired"
    if price._is_active(snapshot):
        return "active"
    reason: uint256 = (snapshot.status >> 8) & 15
    if reason == feeds.APART:
        return "apart"
    if reason == feeds.SEQUENCER_DOWN:
        return "sequencer-down"
    if reason == feeds.GRACE:
        return "grace"
    if reason == feeds.WAITING:
        return "waiting"
    if reason == feeds.WINDOW_OPEN:
        return "window-open"
    if reason == feeds.STALE:
        return "stale"
    if snapshot.status & price.GRACE != 0:
        return "grace"
    return "feed-failed"


@internal
@view
def _age(snapshot: IOracleAdapter.Snapshot) -> uint256:
    """
    @notice Seconds since the newest round that counts; 0 where there is none.
    """
    if snapshot.updated_at == 0:
        return 0
    return block.timestamp - min(snapshot.updated_at, block.timestamp)


@internal
@pure
def _kind(kind: uint256) -> String[6]:
    if kind == leg.CALL:
        return "call"
    if kind == leg.PUT:
        return "put"
    if kind == leg.FUTURE:
        return "future"
    return "cash"


@internal
@pure
def _model(model: uint256) -> String[6]:
    if model == state.GREEKS:
        return "GREEKS"
    if model == state.STATIC:
        return "STATIC"
    return "ES"
