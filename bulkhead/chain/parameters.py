"""Every parameter of a market: name, place in its word, default, bounds and reason; the source of docs/parameters.md.

Deploy scripts, tests and the documentation read this table (`parameters_page`).
`contracts/governance/RiskParameters.vy` enforces the same bounds and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bulkhead.chain.errors import BadInput
from bulkhead.risk import calibrated
from bulkhead.risk.words import RiskWord

#: Words of a market, in the order of `RiskParameters.words`, and who reads them.
WORDS: tuple[tuple[str, str], ...] = (
    ("risk", "Clearinghouse, and by value the engines"),
    ("trading", "Exchange"),
    ("liquidation", "Liquidator and Settlement"),
    ("oracle", "OracleAdapter; a market with a price market goes by that one's"),
)

#: Offset of the signed rate in its unsigned field.
RATE_OFFSET = 2**15
PAUSED_UNTIL_AT = 208
#: Parameters that move the equity or the maintenance margin of open vaults: a change of them is a ramp.
RAMPED = frozenset(
    {"horizon_seconds", "tail_bps", "short_floor_bps", "iv_floor_bps", "greeks_move", "flat_factor_bps", "rate_bps"}
)
#: A ramp moves by this share of the number an hour; the rate, stored with an offset, as if it were `RATE_BASE`.
RAMP_HOURS, RATE_BASE = 100, 1_000
HOUR = 3_600


@dataclass(frozen=True)
class Parameter:
    """One bounded number.

    Attributes:
        name: Field name of governance/risk_word.
        word: Which packed word holds it.
        shift: Its lowest bit there.
        bits: Its width.
        default: Value a market starts with.
        least: Lower bound on chain.
        greatest: Upper bound on chain.
        unit: Unit of the field as stored.
        why: Where the default comes from.
    """

    name: str
    word: str
    shift: int
    bits: int
    default: int
    least: int
    greatest: int
    unit: str
    why: str

    def read(self, word: int) -> int:
        """This field of a packed word."""
        return word >> self.shift & (1 << self.bits) - 1

    @property
    def ramped(self) -> bool:
        """Whether a change of it is a ramp."""
        return self.name in RAMPED

    def _base(self, number: int) -> int:
        """What a ramp moves a hundredth of an hour."""
        return RATE_BASE if self.name == "rate_bps" else number

    def step_seconds(self, number: int) -> int:
        """Time that the largest step takes: an hour, or longer where a hundredth is less than one."""
        return max(HOUR, -(-RAMP_HOURS * HOUR // self._base(number)))

    def step(self, number: int, target: int, seconds: int) -> tuple[int, int]:
        """What `RiskParameters.advance` makes of a number: (the number then, seconds that are used up).

        Args:
            number: In force now.
            target: Of its ramp.
            seconds: Since its last step.

        Returns:
            The same number and 0 when no step is due yet.
        """
        base, longest = self._base(number), self.step_seconds(number)
        passed = min(seconds, longest)
        step = base * passed // (RAMP_HOURS * HOUR)
        if not step:
            return number, 0
        used = seconds if passed == longest else -(-step * RAMP_HOURS * HOUR // base)
        return (min(number + step, target) if number < target else max(number - step, target)), used

    def ramp_hours(self, number: int, target: int) -> float:
        """How long a ramp takes at least, when `advance` is called as often as it may be [hours]."""
        seconds = 0
        while number != target:
            due = self.step_seconds(number)
            number, _ = self.step(number, target, due)
            seconds += due
        return seconds / HOUR


_Row = tuple[str, int, int, int, int, str, str]  # name, bits, default, least, greatest, unit, why


def _risk_rows() -> Iterator[_Row]:
    # the defaults of the risk word belong to the margin mirror; places, bounds and reasons are added here
    defaults = RiskWord()
    for name, bits, least, greatest, unit, why in (
        ("kappa_calm_bps", 16, 11_000, 30_000, "bp", "IM/MM in calm; moves no bad debt, buys fewer liquidations"),
        ("kappa_stress_bps", 16, 11_000, 30_000, "bp", "IM/MM once the fast vol is three times the slow one"),
        ("proximity_bps", 16, 0, 5_000, "bp", "extra IM for withdrawing or adding risk near liquidation"),
        ("lambda_bps", 16, 0, 20_000, "bp", "slope of the concentration add-on, which is capped at a factor of 2"),
        ("liquidity_scale", 40, 0, 10**12, "quote", "size of a vault from which IM grows; 0 = off, set per deployment"),
        ("horizon_seconds", 18, 14_400, 172_800, "s", "time in which a position is sold; chosen on 2018-2021 (ADR 34)"),
        ("tail_bps", 8, 10, 250, "bp", "ES level 99 %"),
        ("short_floor_bps", 16, 20, 500, "bp of spot", "gap risk of far strikes; Derive 0.3-2 %, Deribit 1 %"),
        ("iv_floor_bps", 16, 1_000, 10_000, "bp", "an up-shock takes its percentage of at least this vol"),
        ("phi_bps", 16, 0, 1_000, "bp of MM", "what a take pays to insurance"),
        ("dust", 10, 0, 1_000, "quote of MM", "a smaller remainder is taken whole: not worth a transaction"),
        ("deposit", 28, 10**6, 200 * 10**6, "1e-6 quote", "pays the tips: many flags at 100 gwei on a roll-up"),
        (
            "static_otm",
            10,
            50,
            400,
            "1e-3 of spot",
            "STATIC a, less what is out of the money; Deribit, Aevo",
        ),
        ("static_least", 10, 30, 400, "1e-3 of spot", "STATIC b: least of a short option; Deribit, Aevo"),
        ("static_future", 10, 30, 400, "1e-3 of spot", "STATIC c: of a future"),
        (
            "greeks_move",
            8,
            20,
            60,
            "0.1 standard deviations",
            "GREEKS k: the move over the horizon; at 30 it lost where ES does not",
        ),
    ):
        yield name, bits, getattr(defaults, name), least, greatest, unit, why


_ROWS: dict[str, tuple[_Row, ...]] = {
    "risk": tuple(_risk_rows()),
    "trading": (
        ("taker_fee_bps", 16, 3, 0, 30, "bp of notional", "Deribit: 3 bp"),
        ("maker_fee_bps", 16, 0, 0, 30, "bp of notional", "makers quote for free"),
        ("fee_cap_bps", 16, 1_250, 0, 2_500, "bp of premium", "Deribit: at most 12.5 % of the premium"),
        ("tick", 56, 10**8, 10**4, 10**13, "1e-8 quote", "strikes are multiples of one quote unit"),
        ("no_open_seconds", 24, 1_800, 0, 86_400, "s", "no new risk while the expiry price is being averaged"),
        ("oi_cap", 80, 0, 0, 2**80 - 1, "1e-6 contracts", "0 = off on a local chain, set per deployment"),
    ),
    "liquidation": (
        ("bonus_start_bps", 16, 200, 0, 1_000, "bp of MM", "bonus share at the flag"),
        ("bonus_middle_bps", 16, 5_000, 1_000, 9_000, "bp of MM", "bonus share at t1; 100 % at t2"),
        ("t1_seconds", 16, 120, 60, 3_600, "s", "replays: leaves insurance untouched at 0-60 s of oracle lag"),
        ("t2_seconds", 16, 900, 120, 14_400, "s", "at least twice t1; slower paths spend insurance"),
        ("vault_cap_bps", 16, 10_000, 0, 20_000, "bp of MM", "of the largest since the flag: most that insurance pays"),
        ("cell_cap_bps", 16, 2_500, 0, 10_000, "bp of the fund", "most that one expiry can draw"),
        ("day_cap_bps", 16, 5_000, 0, 10_000, "bp of the fund", "most that one day (UTC) can draw"),
        ("top_up_bps", 16, 2_500, 0, 5_000, "bp of MM", "insurance's top-up at t2, from 0 at t1"),
        (
            "backstop_from_bps",
            16,
            2_000,
            500,
            6_000,
            "bp of MM",
            "gain from which the backstop takes; twice that without a live surface",
        ),
        (
            "minimum",
            16,
            100,
            0,
            10_000,
            "quote",
            "least MM the backstop absorbs, for each leg that is new to its vault",
        ),
    ),
    "oracle": (
        ("deviation_bps", 16, 500, 50, 2_000, "bp", "primary and fallback further apart than this: degraded"),
        ("grace_seconds", 16, 3_600, 0, 43_200, "s", "after an outage or a sequencer restart"),
        ("failover_seconds", 16, 3_600, 600, 43_200, "s", "degraded for so long: go on with what is fresh"),
        ("sigma_floor_bps", 16, 4_000, 1_000, 10_000, "bp", "better coverage than 30 % with a 72 h EWMA"),
        ("ramp_bps", 16, 500, 100, 2_000, "bp per hour", "how fast a margin may follow vol up (docs/oracle.md)"),
        ("flat_factor_bps", 16, 12_500, 10_000, 30_000, "bp", "flat surface = realised vol times this"),
        (
            "rate_bps",
            16,
            RATE_OFFSET,
            RATE_OFFSET - 5_000,
            RATE_OFFSET + 5_000,
            "bp + 2^15",
            "0 keeps the forward at spot; -50 % to +50 % per year",
        ),
        ("window_seconds", 16, 1_800, 0, 7_200, "s", "Deribit and Derive settle on a 30 min average"),
        ("half_life_fast", 24, 21_600, 3_600, 43_200, "s", "6 h, drives kappa only"),
        ("half_life_day", 24, 86_400, 43_201, 259_200, "s", "24 h"),
        ("half_life_week", 24, 604_800, 259_201, 2_592_000, "s", "7 d; range-based estimators added nothing"),
        ("settle_delay", 12, 300, 0, 3_600, "s", "proxies that show rounds late"),
        (
            "stress_share_bps",
            16,
            calibrated.STRESS_SHARE_BPS,
            0,
            5_000,
            "bp",
            "share of the stress vol in sigma_m: smooths margins over a cycle",
        ),
        ("stress_vol_bps", 16, calibrated.STRESS_VOL_BPS, 1_000, 30_000, "bp", "the vol that share draws sigma_m to"),
    ),
}


def _table() -> Iterator[Parameter]:
    for word, _ in WORDS:
        shift = 0
        for name, bits, default, least, greatest, unit, why in _ROWS[word]:
            yield Parameter(name, word, shift, bits, default, least, greatest, unit, why)
            shift += bits


#: All parameters, by name.
PARAMETERS: Mapping[str, Parameter] = {p.name: p for p in _table()}


@dataclass(frozen=True)
class ParameterSet:
    """The parameters of one market.

    Attributes:
        values: Every parameter by name, in the field's own unit.
    """

    values: Mapping[str, int] = field(default_factory=lambda: {p.name: p.default for p in PARAMETERS.values()})

    def __post_init__(self) -> None:
        """Refuses what RiskParameters would refuse, under the same names."""
        for name in self.values:
            if name not in PARAMETERS:
                raise BadInput(f"parameters/unknown-name: there is no parameter {name!r}.")
        for parameter in PARAMETERS.values():
            if parameter.name not in self.values:
                raise BadInput(f"parameters/unknown-name: {parameter.name} is missing.")
            value = self.values[parameter.name]
            if value < parameter.least:
                raise BadInput(f"parameters/too-small: {parameter.name} is {value}, at least {parameter.least}.")
            if value > parameter.greatest:
                raise BadInput(f"parameters/too-large: {parameter.name} is {value}, at most {parameter.greatest}.")
        if self.values["kappa_stress_bps"] < self.values["kappa_calm_bps"]:
            raise BadInput("parameters/kappa-order: kappa in stress is below kappa in calm.")
        if self.values["t2_seconds"] < 2 * self.values["t1_seconds"]:
            raise BadInput("parameters/clock-order: t2 is less than twice t1.")

    @classmethod
    def default(cls, **changes: int) -> ParameterSet:
        """The defaults, with some of them changed."""
        return cls().replace(**changes)

    @classmethod
    def unpack(cls, words: Sequence[int]) -> ParameterSet:
        """Reads what `RiskParameters.words` returns."""
        at = {name: word for (name, _), word in zip(WORDS, words, strict=True)}
        return cls({p.name: p.read(at[p.word]) for p in PARAMETERS.values()})

    def replace(self, **changes: int) -> ParameterSet:
        """The same set with some values changed."""
        return ParameterSet({**self.values, **changes})

    def word(self, name: str) -> int:
        """One packed word: risk, trading, liquidation or oracle."""
        return sum(self.values[p.name] << p.shift for p in PARAMETERS.values() if p.word == name)

    @property
    def words(self) -> tuple[int, int, int, int]:
        """The packed words (risk, trading, liquidation, oracle)."""
        return self.word("risk"), self.word("trading"), self.word("liquidation"), self.word("oracle")
