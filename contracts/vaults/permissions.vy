# pragma version 0.4.3
"""
@title Permissions of operators
@license AGPL-3.0-only
@notice Bits that an owner grants; an owner has them all.
"""

TRADE: constant(uint256) = 1
WITHDRAW: constant(uint256) = 2
MANAGE: constant(uint256) = 4
ALL: constant(uint256) = TRADE | WITHDRAW | MANAGE
