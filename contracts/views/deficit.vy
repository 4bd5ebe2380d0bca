# pragma version 0.4.3
"""
@title What known losses of a cell can cost
@license AGPL-3.0-only
@notice docs/margin.md: of a vault's value at most what D_cell exceeds the cell's insurance by. Shared by the lenses.
"""
from interfaces import IInsuranceFund

from contracts.vaults import vault_state as state


@internal
@view
def _insured(fund: address, token: uint256, market: uint256, expiry: uint256) -> uint256:
    """
    @notice What the cell's own cap leaves of the insurance, whatever the day's says: that can be drawn later [wad].
    """
    return staticcall IInsuranceFund(fund).cell_room(market, expiry) * state._native_wad(token)


@internal
@pure
def _at_risk(worth: int256, deficit: uint256, insured: uint256) -> uint256:
    """
    @notice min(max(v, 0), max(0, D_cell - insurance)) [wad].
    """
    if worth <= 0 or deficit <= insured:
        return 0
    return min(convert(worth, uint256), deficit - insured)
