# pragma version 0.4.3
"""
@title Option maths, exposed for accuracy tests and gas measurements
@license AGPL-3.0-only
@notice `option(spot, strike, vol, seconds, rate) -> (call, put, delta_call, gamma_spot, vega, theta_call)`, all wad.
        Not part of the protocol.
"""

from contracts.math import black76

exports: black76.option
