# pragma version 0.4.3
"""
@title Option maths, exposed for accuracy tests and gas measurements
@license AGPL-3.0-only
@notice `option(spot, strike, vol, seconds, rate) -> (call, put, delta_call, gamma_spot, vega, theta_call)` and
        `implied_vol(call, forward, strike, seconds)`, all wad. Not part of the protocol.
"""

from contracts.math import black76
from contracts.math import implied

exports: (black76.option, implied.implied_vol)
