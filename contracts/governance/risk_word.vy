# pragma version 0.4.3
"""
@title Layout of the packed parameter words
@license AGPL-3.0-only
@notice RiskParameters holds and bounds the numbers and pushes them, packed, to the contract that uses them:
        risk -> Clearinghouse (and by value to the engines), trading -> Exchange, liquidation -> Liquidator and
        Settlement, oracle -> OracleAdapter. All layouts stand here; this module reads the risk word, `exchange/trading_word`,
        `liquidation/auction` and `oracle/oracle_word` the others. `_bps` = 1e-4.
@dev risk:        kappa_calm_bps 16 | kappa_stress_bps 16 | proximity_bps 16 | lambda_bps 16 | liquidity_scale 40 [quote]
                  | horizon_seconds 18 | tail_bps 8 | short_floor_bps 16 | iv_floor_bps 16 | phi_bps 16 | dust 10 [quote]
                  | deposit 28 [1e-6 quote] | static_otm 10 | static_least 10 | static_future 10 [1e-3 of spot]
                  | greeks_move 8 [0.1 standard deviations] | 0 or DECAY_APART, which is never stored
     trading:     taker_fee_bps 16 | maker_fee_bps 16 | fee_cap_bps 16 | tick 56 [1e-8 quote] | no_open_seconds 24
                  | oi_cap 80 [1e-6 contracts] | paused_until 40 [unix seconds]
     liquidation: bonus_start_bps 16 | bonus_middle_bps 16 | t1_seconds 16 | t2_seconds 16 | vault_cap_bps 16
                  | cell_cap_bps 16 | day_cap_bps 16 | top_up_bps 16 | backstop_from_bps 16 | minimum 16 [quote]
     oracle:      deviation_bps 16 | grace_seconds 16 | failover_seconds 16 | sigma_floor_bps 16 | ramp_bps 16 (per hour)
                  | flat_factor_bps 16 | rate_bps 16 (offset 2^15) | window_seconds 16 | half_life_fast 24
                  | half_life_day 24 | half_life_week 24 | settle_delay 12 [seconds] | stress_share_bps 16 | stress_vol_bps 16
"""
from contracts.math import scales

# the three ratios of the STATIC model, together; a vault of that model has its own in their place
STATIC_AT: constant(uint256) = 216
STATIC_MASK: constant(uint256) = (2**30 - 1) << 216
# vol at which they apply as they are, and the most they are multiplied by
STATIC_VOL: constant(uint256) = 6 * 10**17
STATIC_MOST: constant(uint256) = 25 * 10**17
# set by who charges decay beside the number it asks the EsEngine for: that number is then without it
DECAY_APART: constant(uint256) = 1 << 254


@internal
@pure
def _kappa_calm(risk: uint256) -> uint256:
    return (risk & 65535) * scales.BPS


@internal
@pure
def _kappa_stress(risk: uint256) -> uint256:
    return ((risk >> 16) & 65535) * scales.BPS


@internal
@pure
def _proximity(risk: uint256) -> uint256:
    return ((risk >> 32) & 65535) * scales.BPS


@internal
@pure
def _lambda(risk: uint256) -> uint256:
    return ((risk >> 48) & 65535) * scales.BPS


@internal
@pure
def _liquidity_scale(risk: uint256) -> uint256:
    """
    @notice Size of one vault from which IM grows [wad quote]; 0 turns the add-on off.
    """
    return ((risk >> 64) & (2**40 - 1)) * 10**18


@internal
@pure
def _horizon_seconds(risk: uint256) -> uint256:
    return (risk >> 104) & (2**18 - 1)


@internal
@pure
def _tail(risk: uint256) -> uint256:
    """
    @notice alpha of the expected shortfall [wad].
    """
    return ((risk >> 122) & 255) * scales.BPS


@internal
@pure
def _short_floor(risk: uint256) -> uint256:
    return ((risk >> 130) & 65535) * scales.BPS


@internal
@pure
def _iv_floor(risk: uint256) -> uint256:
    """
    @notice Least iv of which an up-shock takes its percentage [wad].
    """
    return ((risk >> 146) & 65535) * scales.BPS


@internal
@pure
def _phi(risk: uint256) -> uint256:
    return ((risk >> 162) & 65535) * scales.BPS


@internal
@pure
def _dust(risk: uint256) -> uint256:
    """
    @notice MM below which a remainder is taken whole [wad quote].
    """
    return ((risk >> 178) & 1023) * 10**18


@internal
@pure
def _liquidation_deposit(risk: uint256) -> uint256:
    """
    @notice Liquidation deposit a vault locks with its first leg [1e-6 quote].
    """
    return (risk >> 188) & (2**28 - 1)


@internal
@pure
def _static_ratio(risk: uint256, index: uint256) -> uint256:
    """
    @notice One ratio of the STATIC model [wad of spot]: 0 a short option at the money, 1 its least, 2 a future.
    """
    return ((risk >> (STATIC_AT + 10 * index)) & 1023) * 10**15


@internal
@pure
def _stamp(risk: uint256, sigma: uint256) -> uint256:
    """
    @notice Ratios of the STATIC model at this vol, as a vault keeps them: each rounded up at 1e-3 of spot.
    """
    factor: uint256 = min(max(sigma * scales.WAD // STATIC_VOL, scales.WAD), STATIC_MOST)
    stamp: uint256 = 0
    for i: uint256 in range(3):
        ratio: uint256 = self._static_ratio(risk, i) * factor // scales.WAD
        stamp |= min((ratio + (10**15 - 1)) // 10**15, 1023) << (10 * i)
    return stamp


@internal
@pure
def _larger_stamp(a: uint256, b: uint256) -> uint256:
    """
    @notice Of each ratio of two stamps the larger one.
    """
    larger: uint256 = 0
    for i: uint256 in range(3):
        larger |= max((a >> (10 * i)) & 1023, (b >> (10 * i)) & 1023) << (10 * i)
    return larger


@internal
@pure
def _greeks_move(risk: uint256) -> uint256:
    """
    @notice k: standard deviations of the move of the GREEKS model [wad].
    """
    return (risk >> 246 & 255) * 10**17
