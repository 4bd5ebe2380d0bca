# pragma version 0.4.3
"""
@title The packed trading parameters of a market
@license AGPL-3.0-only
@notice RiskParameters pushes this word to the Exchange; the layout is the `trading` row of governance/risk_word:
        taker_fee_bps 16 | maker_fee_bps 16 | fee_cap_bps 16 | tick 56 [1e-8 quote] | no_open_seconds 24
        | oi_cap 80 [1e-6 contracts] | paused_until 40 [unix seconds], lowest bits first.
"""


@internal
@pure
def _taker_fee_bps(word: uint256) -> uint256:
    return word & 65535


@internal
@pure
def _maker_fee_bps(word: uint256) -> uint256:
    return (word >> 16) & 65535


@internal
@pure
def _fee_cap_bps(word: uint256) -> uint256:
    """
    @notice Largest fee as a share of max(|price|, mark of the package).
    """
    return (word >> 32) & 65535


@internal
@pure
def _tick(word: uint256) -> uint256:
    """
    @notice Step of strikes [1e-8 quote]; 0 for a market that was never configured.
    """
    return (word >> 48) & (2**56 - 1)


@internal
@pure
def _no_open_seconds(word: uint256) -> uint256:
    return (word >> 104) & (2**24 - 1)


@internal
@pure
def _oi_cap(word: uint256) -> uint256:
    """
    @notice Largest open interest of the market [1e-6 contracts]; 0 turns the cap off.
    """
    return (word >> 128) & (2**80 - 1)


@internal
@pure
def _paused_until(word: uint256) -> uint256:
    return (word >> 208) & (2**40 - 1)
