# pragma version 0.4.3
"""
@title Test harness: the series module by itself
@license AGPL-3.0-only
@notice Lets a test compare the expiry and strike grids with a calendar.
"""
from contracts.vaults import series as series_grid


@external
@pure
def on_grid(expiries: DynArray[uint256, 512], now: uint256) -> DynArray[bool, 512]:
    """
    @notice Which expiries may be opened at `now`.
    """
    answers: DynArray[bool, 512] = []
    for expiry: uint256 in expiries:
        answers.append(series_grid._on_grid(expiry, now))
    return answers


@external
@pure
def strike_valid(word: uint256, tick: uint256, spot: uint256) -> bool:
    """
    @notice Whether the strike of a leg word may be opened.
    """
    return series_grid._strike_valid(word, tick, spot)
