# pragma version 0.4.3
"""
@title Virtual shares
@license AGPL-3.0-only
@notice Shares and assets that exist only in the arithmetic of who issues shares: a donation before the first deposit
        gains nothing (ERC-4626 with an offset).
"""

# decimals that shares have beyond the asset's, and the shares of one asset before anybody holds any
VIRTUAL_DECIMALS: constant(uint256) = 6
VIRTUAL_SHARES: constant(uint256) = 10**VIRTUAL_DECIMALS
