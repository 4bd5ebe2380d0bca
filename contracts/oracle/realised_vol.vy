# pragma version 0.4.3
"""
@title Realised volatility: EWMAs of squared log-returns between whole ten minutes
@license AGPL-3.0-only
@notice Four annualised variances share one word, 64 bits each, in 1e-17: half-lives of about 6 h, 24 h and 7 d (parameters
        of the market) and the long one, whose half-life is the market's age, at least 7 days and at most 60. One return r
        over a time t moves each of them to
            v' = v*d + r^2*(year/t)*(1 - d),   d = 2^(-integral of dt/half_life).
        Returns are taken between instants, the whole ten minutes of the clock: the price in force at one over the price in
        force at the one before, 0 when nothing new came. So nobody who brings, times or folds prices chooses a return.
@dev The long half-life grows with every second, so d is taken in closed form (ln of the two ages): one step of an hour and
     six of ten minutes are the same but for rounding. bulkhead/risk/volatility.py is the same arithmetic in Python, to the unit.
"""

from contracts.math import fixed
from contracts.math import scales
from contracts.oracle import oracle_word


struct Variances:  # annualised [wad]
    fast: uint256
    day: uint256
    week: uint256
    long: uint256


struct Decays:  # what is left of a variance after a time [Q64]
    fast: uint256
    day: uint256
    week: uint256
    long: uint256


struct Vols:  # what a snapshot needs [wad]
    sigma: uint256  # max(24 h, 7 d)
    ratio: uint256  # 6 h over 7 d, 1 to 100
    week: uint256
    long: uint256


INSTANT: constant(uint256) = 600

ONE: constant(uint256) = scales.Q64
LN_TWO: constant(uint256) = 12786308645202655660  # fixed.LN_TWO, unsigned [Q64]
WAD: constant(uint256) = scales.WAD
YEAR: constant(uint256) = scales.YEAR
YOUNG: constant(uint256) = 7 * 86400
GROWN: constant(uint256) = 60 * 86400

# what one bad round can do is bounded
MAX_RETURN: constant(int256) = 2**64 // 5  # [Q64]
MAX_VARIANCE: constant(uint256) = 100 * 10**18  # vol of 1000 %
MAX_RATIO: constant(uint256) = 100 * 10**18
UNIT: constant(uint256) = 10
NEAR_ZERO: constant(uint256) = 2**60  # [Q64]
VARIANCE_MASK: constant(uint256) = 2**64 - 1


@internal
@pure
def _pack(variances: Variances) -> uint256:
    return (
        unsafe_div(variances.fast, UNIT)
        | (unsafe_div(variances.day, UNIT) << 64)
        | (unsafe_div(variances.week, UNIT) << 128)
        | (unsafe_div(variances.long, UNIT) << 192)
    )


@internal
@pure
def _unpack(word: uint256) -> Variances:
    return Variances(
        fast=unsafe_mul(word & VARIANCE_MASK, UNIT),
        day=unsafe_mul((word >> 64) & VARIANCE_MASK, UNIT),
        week=unsafe_mul((word >> 128) & VARIANCE_MASK, UNIT),
        long=unsafe_mul(word >> 192, UNIT),
    )


@internal
@pure
def _first(vol: uint256) -> uint256:
    """
    @notice The word of a market that starts: all four at one vol.
    @param vol Named at listing, at most 1000 % [wad].
    """
    variance: uint256 = min(vol * vol // WAD, MAX_VARIANCE)
    return self._pack(Variances(fast=variance, day=variance, week=variance, long=variance))


@internal
@pure
def _fold(
    word: uint256, old_price: uint256, new_price: uint256, elapsed: uint256, params: uint256, age: uint256
) -> uint256:
    """
    @notice The variances after one more return.
    @param word Packed variances.
    @param old_price Price before, positive, below 2^96 [any unit].
    @param new_price Price after, same unit.
    @param elapsed Time between them, below 2^40; 0 counts as 1 [seconds].
    @param params Packed oracle parameters.
    @param age Of the market at the end of it [seconds].
    """
    return self._move(word, old_price, new_price, elapsed, self._decays(elapsed, params, age))


@internal
@pure
def _decay(word: uint256, elapsed: uint256, params: uint256, age: uint256) -> uint256:
    """
    @notice The variances after any number of instants at which nothing new came: `elapsed` is the time of all of them.
    """
    variances: Variances = self._unpack(word)
    decays: Decays = self._decays(elapsed, params, age)
    return self._pack(
        Variances(
            fast=unsafe_mul(variances.fast, decays.fast) >> 64,
            day=unsafe_mul(variances.day, decays.day) >> 64,
            week=unsafe_mul(variances.week, decays.week) >> 64,
            long=unsafe_mul(variances.long, decays.long) >> 64,
        )
    )


@internal
@pure
def _decays(elapsed: uint256, params: uint256, age: uint256) -> Decays:
    """
    @notice What is left of each variance after `elapsed` seconds that end at `age`. Those of one instant are the same for
            every instant of a market older than 60 days and 10 minutes; younger, only `long` changes.
    """
    passed: uint256 = unsafe_mul(LN_TWO, max(elapsed, 1))
    return Decays(
        fast=self._left(unsafe_div(passed, oracle_word._half_life_fast(params))),
        day=self._left(unsafe_div(passed, oracle_word._half_life_day(params))),
        week=self._left(unsafe_div(passed, oracle_word._half_life_week(params))),
        long=self._long(max(elapsed, 1), age),
    )


@internal
@pure
def _long(elapsed: uint256, age: uint256) -> uint256:
    """
    @notice What is left of the long variance: ln(2) times the integral of dt/min(60 d, max(7 d, age)).
    """
    before: uint256 = unsafe_sub(age, min(elapsed, age))
    if before >= GROWN:
        return self._left(unsafe_div(unsafe_mul(LN_TWO, elapsed), GROWN))
    young: uint256 = unsafe_sub(min(age, YOUNG), min(before, YOUNG))
    grown: uint256 = unsafe_sub(max(age, GROWN), GROWN)
    exponent: uint256 = unsafe_add(
        unsafe_div(unsafe_mul(LN_TWO, young), YOUNG), unsafe_div(unsafe_mul(LN_TWO, grown), GROWN)
    )
    if age > YOUNG:
        growth: int256 = fixed._ln_ratio(
            convert(min(age, GROWN), int256), convert(max(before, YOUNG), int256)
        )
        exponent = unsafe_add(exponent, unsafe_mul(LN_TWO, convert(max(growth, 0), uint256)) >> 64)
    return self._left(exponent)


@internal
@pure
def _left(exponent: uint256) -> uint256:
    """
    @notice e^-exponent. Below 1/16, which is a poked market, by the symmetric fraction of third degree (Pade), exact to 4e-14 and a
            fifth of the gas: (120 + 12*x^2 - x*(60 + x^2)) / (120 + 12*x^2 + x*(60 + x^2)).
    """
    if exponent < NEAR_ZERO:
        square: uint256 = unsafe_mul(exponent, exponent) >> 64
        even: uint256 = unsafe_add(120 * ONE, unsafe_mul(12, square))
        odd: uint256 = unsafe_mul(exponent, unsafe_add(60 * ONE, square)) >> 64
        return unsafe_div(unsafe_sub(even, odd) << 64, unsafe_add(even, odd))
    return convert(fixed._exp(unsafe_sub(0, convert(exponent, int256))), uint256)


@internal
@pure
def _move(
    word: uint256, old_price: uint256, new_price: uint256, elapsed: uint256, decays: Decays
) -> uint256:
    """
    @notice Packed variances after one more return, with decays that are known.
    """
    return self._pack(self._moved(self._unpack(word), old_price, new_price, elapsed, decays))


@internal
@pure
def _moved(
    variances: Variances, old_price: uint256, new_price: uint256, elapsed: uint256, decays: Decays
) -> Variances:
    """
    @notice The variances after one more return.
    @param variances Before it.
    @param old_price Price before, positive, below 2^96 [any unit].
    @param new_price Price after, same unit.
    @param elapsed Time between them, the one of the decays [seconds].
    @param decays Of that time.
    """
    log_return: int256 = fixed._ln_ratio(convert(new_price, int256), convert(old_price, int256))
    size: uint256 = convert(min(abs(log_return), MAX_RETURN), uint256)
    # r^2 * year / t [wad, Q64]
    power: uint256 = unsafe_div(
        unsafe_mul(unsafe_mul(unsafe_mul(size, size), YEAR) >> 64, WAD), max(elapsed, 1)
    )
    return Variances(
        fast=self._step(variances.fast, power, decays.fast),
        day=self._step(variances.day, power, decays.day),
        week=self._step(variances.week, power, decays.week),
        long=self._step(variances.long, power, decays.long),
    )


@internal
@pure
def _step(variance: uint256, power: uint256, decay: uint256) -> uint256:
    kept: uint256 = unsafe_mul(variance, decay) >> 64
    added: uint256 = unsafe_mul(power, unsafe_sub(ONE, decay)) >> 128
    return min(unsafe_add(kept, added), MAX_VARIANCE)


@internal
@pure
def _root(square: uint256) -> uint256:
    """
    @notice Square root, rounded down. The builtin is 200 bytes wherever it stands.
    """
    return isqrt(square)


@internal
@pure
def _vols(variances: Variances) -> Vols:
    """
    @notice What a snapshot needs of the variances.
    """
    vols: Vols = Vols(
        sigma=0,
        ratio=WAD,
        week=self._root(unsafe_mul(variances.week, WAD)),
        long=self._root(unsafe_mul(variances.long, WAD)),
    )
    vols.sigma = vols.week
    if variances.day > variances.week:
        vols.sigma = self._root(unsafe_mul(variances.day, WAD))
    if variances.fast > variances.week:
        vols.ratio = MAX_RATIO
        if variances.week != 0:
            vols.ratio = min(self._root(unsafe_div(unsafe_mul(variances.fast, WAD * WAD), variances.week)), MAX_RATIO)
    return vols
