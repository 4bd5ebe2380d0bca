"""Packed words shared with the contracts: series ids, legs, snapshots and risk parameters.

Reasons of every `ValueError` are the contracts' own (`leg/strike-kind`), so a refusal reads the same on and off chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum

from bulkhead.risk import calibrated
from bulkhead.risk.nodes import NODES as NODES
from bulkhead.risk.nodes import WEIGHTS as WEIGHTS
from bulkhead.risk.scales import BPS as BPS
from bulkhead.risk.scales import WAD as WAD

MAX_LEGS = 16
STRIKE_MASK = 2**62 - 1
QUANTITY_MASK = 2**64 - 1
MAX_QUANTITY = 2**63 - 1

#: (market, expiry)
Cell = tuple[int, int]


class Kind(IntEnum):
    """What a leg pays per contract at settlement price P."""

    CALL = 0
    PUT = 1
    FUTURE = 2
    CASH = 3

    @property
    def is_option(self) -> bool:
        """A call or a put."""
        return self < Kind.FUTURE

    def has_lot(self, inverse: bool) -> bool:
        """Whether quantities are whole lots: not of the money leg, nor of CASH, which is counted in quote."""
        return self < Kind.CASH and not self.is_money(inverse)

    def is_money(self, inverse: bool) -> bool:
        """The money leg: it pays one unit of the market's token, CASH in a linear market, FUTURE in an inverse one."""
        return self == (Kind.FUTURE if inverse else Kind.CASH)

    def is_delta(self, inverse: bool) -> bool:
        """The delta leg: the future of the market, the other of the two."""
        return self == (Kind.CASH if inverse else Kind.FUTURE)


class Model(IntEnum):
    """Margin model of a vault."""

    ES = 0
    GREEKS = 1
    STATIC = 2


class Status:
    """Bits of a snapshot's status word (oracle/snapshot)."""

    FRESH = 1
    ACTIVE = 2
    DEGRADED = 4
    GRACE = 8
    FALLBACK_USED = 16
    SURFACE_LIVE = 32
    SURFACE_SVI = 64
    NO_PRICE = 128


def _check_terms(kind: int, strike: int) -> None:
    if not 0 <= kind <= Kind.CASH:
        raise ValueError("leg/unknown-kind")
    if not 0 <= strike <= STRIKE_MASK:
        raise ValueError("leg/strike-range")
    if (strike == 0) != (kind >= Kind.FUTURE):
        raise ValueError("leg/strike-kind")


@dataclass(frozen=True)
class Series:
    """One instrument.

    Attributes:
        market: Index of the market.
        kind: CALL, PUT, FUTURE or CASH.
        expiry: Unix seconds.
        strike: 1e-8 quote per underlying; 0 for FUTURE and CASH.
    """

    market: int
    kind: Kind
    expiry: int
    strike: int = 0

    def __post_init__(self) -> None:
        _check_terms(self.kind, self.strike)
        if not 0 <= self.market < 2**16:
            raise ValueError("leg/market-range")
        if not 0 <= self.expiry < 2**40:
            raise ValueError("leg/expiry-range")

    def pack(self) -> int:
        """The uint128 series id."""
        return self.market << 112 | int(self.kind) << 104 | self.expiry << 64 | self.strike

    @classmethod
    def unpack(cls, word: int) -> Series:
        """Reads a uint128 series id."""
        if not 0 <= word < 2**128:
            raise ValueError("leg/series-range")
        kind = word >> 104 & 255
        strike = word & QUANTITY_MASK
        _check_terms(kind, strike)
        return cls(word >> 112, Kind(kind), word >> 64 & 2**40 - 1, strike)


@dataclass(frozen=True)
class Leg:
    """A signed quantity of one series of the vault's cell.

    Attributes:
        kind: CALL, PUT, FUTURE or CASH.
        strike: 1e-8 quote per underlying; 0 for FUTURE and CASH.
        quantity: Signed 1e-6 contracts (CASH: 1e-6 quote units).
    """

    kind: Kind
    strike: int
    quantity: int

    def __post_init__(self) -> None:
        _check_terms(self.kind, self.strike)
        if abs(self.quantity) > MAX_QUANTITY:
            raise ValueError("leg/quantity-range")

    @property
    def is_option(self) -> bool:
        """A call or a put."""
        return self.kind.is_option

    def is_money(self, inverse: bool) -> bool:
        """It pays one unit of the market's token whatever the price."""
        return self.kind.is_money(inverse)

    def is_delta(self, inverse: bool) -> bool:
        """It is the future of the market."""
        return self.kind.is_delta(inverse)

    @property
    def key(self) -> int:
        """`kind 2 | strike 62`: what tells two legs of one cell apart."""
        return int(self.kind) << 62 | self.strike

    def pack(self) -> int:
        """The 128-bit leg word."""
        return self.key << 64 | (self.quantity & QUANTITY_MASK)

    @classmethod
    def unpack(cls, word: int) -> Leg:
        """Reads a 128-bit leg word."""
        if not 0 <= word < 2**128:
            raise ValueError("leg/word-range")
        quantity = word & QUANTITY_MASK
        if quantity >> 63:
            quantity -= 2**64
        return cls(Kind(word >> 126), word >> 64 & STRIKE_MASK, quantity)

    def series(self, market: int, expiry: int) -> Series:
        """The series of this leg in its cell."""
        return Series(market, self.kind, expiry, self.strike)


@dataclass(frozen=True)
class Units:
    """What a market counts in.

    Attributes:
        inverse: Its token is the underlying: every amount is in coins.
        digits: Its unit is 10^-digits of a token, 1 quote in a linear market.
    """

    inverse: bool = False
    digits: int = 0

    @property
    def unit(self) -> int:
        """The unit of parameters [wad]."""
        return int(10 ** (18 - self.digits))

    def micro(self, amount: int) -> int:
        """An amount in millionths of the unit [wad]."""
        return amount * self.unit // 10**6


#: A market that counts quote.
LINEAR = Units()


@dataclass(frozen=True)
class Snapshot:
    """Every price fact of one cell at one moment (IOracleAdapter.Snapshot), in the order of its fields.

    Attributes:
        spot: Price of one unit of underlying [wad].
        forward: F for this expiry, settlement window included [wad].
        seconds: Time to expiry, 0 afterwards.
        sigma: Ramped sigma_m, drives MM [wad].
        sigma_now: sigma_m without the ramp [wad].
        vol_ratio: Fast over slow realised vol, drives kappa [wad].
        window_share: Elapsed share of the settlement window [wad].
        window_average: Average price so far in the window [wad].
        rate: r per year, signed [wad].
        half_width: Confidence half-width of spot [wad].
        status: Bits of `Status`.
        updated_at: Stamp of the round in force [unix seconds].
        clock: Market clock [seconds].
        surface_near: Flat iv [wad] or a packed slice.
        surface_far: 0 or a packed slice.
        surface_weight: Weight of the far slice in total variance [wad].
        restarted_at: That clock at its last restart [seconds].
        undisputed: Newest price that no other fresh source disputed [wad quote].
        window_seconds: Length of the settlement window.
    """

    spot: int
    forward: int
    seconds: int
    sigma: int
    sigma_now: int = 0
    vol_ratio: int = WAD
    window_share: int = 0
    window_average: int = 0
    rate: int = 0
    half_width: int = 0
    status: int = Status.FRESH | Status.ACTIVE
    updated_at: int = 0
    clock: int = 0
    surface_near: int = 0
    surface_far: int = 0
    surface_weight: int = 0
    restarted_at: int = 0
    undisputed: int = 0
    window_seconds: int = 0

    def words(self) -> list[int]:
        """The struct the contracts pass, field by field."""
        return [getattr(self, field.name) for field in fields(self)]

    @classmethod
    def from_words(cls, words: Sequence[int]) -> Snapshot:
        """Reads the fields of the struct in their order."""
        if len(words) != len(fields(cls)):
            raise ValueError("snapshot/length")
        return cls(*words)

    @property
    def is_fresh(self) -> bool:
        """The price is fresh."""
        return bool(self.status & Status.FRESH)

    @property
    def is_active(self) -> bool:
        """Fresh, not degraded and not in grace."""
        return bool(self.status & Status.ACTIVE)

    @property
    def is_usable(self) -> bool:
        """Active, and its half-width at most a tenth of spot: rows 1 and 3 ask it (snapshot._is_usable)."""
        return self.is_active and self.seconds != 0 and self.half_width * 10 <= self.spot

    def at(self, spot: int) -> Snapshot:
        """The snapshot with another spot, its forward moved along, all else as it is (snapshot._at)."""
        if spot == self.spot:
            return self
        forward = spot
        if self.window_share:
            averaged = self.window_share * self.window_average
            forward = (averaged + (WAD - min(self.window_share, WAD)) * spot) // WAD
        elif self.spot:
            forward = self.forward * spot // self.spot
        return replace(self, spot=spot, forward=forward)

    def settling(self) -> tuple[int, int]:
        """(known part of the settlement price, what that price is expected to be) [wad] (snapshot._settling)."""
        if not self.window_share:
            return 0, self.forward
        settled = self.window_share * self.window_average // WAD
        return settled, settled + (WAD - self.window_share) * self.spot // WAD

    def points(self) -> list[Snapshot]:
        """The prices at which an uncertain one is assessed, spot itself first (snapshot._points)."""
        spots = [self.spot]
        if self.half_width * 400 > self.spot:
            spots += [self.spot - min(self.half_width, self.spot // 2), self.spot + self.half_width]
        return [self.at(spot) for spot in spots]


#: (field, bits) of the risk word from its low end, as in governance/risk_word.
_RISK_LAYOUT = (
    ("kappa_calm_bps", 16),
    ("kappa_stress_bps", 16),
    ("proximity_bps", 16),
    ("lambda_bps", 16),
    ("liquidity_scale", 40),
    ("horizon_seconds", 18),
    ("tail_bps", 8),
    ("short_floor_bps", 16),
    ("iv_floor_bps", 16),
    ("phi_bps", 16),
    ("dust", 10),
    ("deposit", 28),
    ("static_otm", 10),
    ("static_least", 10),
    ("static_future", 10),
    ("greeks_move", 8),
)


@dataclass(frozen=True)
class RiskWord:
    """Risk parameters of a market, packed as in governance/risk_word; the defaults are those of docs/parameters.md.

    Attributes:
        kappa_calm_bps: IM/MM in calm.
        kappa_stress_bps: IM/MM when the fast vol is three times the slow one.
        proximity_bps: Largest add-on to IM near liquidation.
        lambda_bps: Slope of the concentration add-on.
        liquidity_scale: Size from which it grows [quote]; 0 turns it off.
        horizon_seconds: Horizon of the shocks.
        tail_bps: alpha of the expected shortfall.
        short_floor_bps: Floor per short option, of spot.
        iv_floor_bps: Least iv of which an up-shock takes its percentage.
        phi_bps: Insurance's cut of a take, of MM.
        dust: MM below which a remainder is taken whole [quote].
        deposit: Liquidation deposit [1e-6 quote].
        static_otm: STATIC ratio a of a short option at the money [1e-3 of spot].
        static_least: STATIC ratio b, its least [1e-3 of spot].
        static_future: STATIC ratio c of a future [1e-3 of spot].
        greeks_move: k of the GREEKS model [0.1 standard deviations].
    """

    kappa_calm_bps: int = calibrated.KAPPA_CALM_BPS
    kappa_stress_bps: int = calibrated.KAPPA_STRESS_BPS
    proximity_bps: int = 1_000
    lambda_bps: int = 5_000
    liquidity_scale: int = 0
    horizon_seconds: int = calibrated.HORIZON_SECONDS
    tail_bps: int = 100
    short_floor_bps: int = 100
    iv_floor_bps: int = 4_000
    phi_bps: int = 200
    dust: int = 10
    deposit: int = 10_000_000
    static_otm: int = 150
    static_least: int = 100
    static_future: int = 100
    greeks_move: int = 40

    def __post_init__(self) -> None:
        for name, bits in _RISK_LAYOUT:
            if not 0 <= getattr(self, name) < 2**bits:
                raise ValueError(f"parameters/range: {name}")

    def pack(self) -> int:
        """The risk word."""
        word, at = 0, 0
        for name, bits in _RISK_LAYOUT:
            word |= getattr(self, name) << at
            at += bits
        return word

    @classmethod
    def unpack(cls, word: int) -> RiskWord:
        """Reads a risk word."""
        values: dict[str, int] = {}
        for name, bits in _RISK_LAYOUT:
            values[name] = word & 2**bits - 1
            word >>= bits
        return cls(**values)

    def stamped(self, stamp: int) -> RiskWord:
        """With the ratios a STATIC vault was stamped with, 3 x 10 bits (vault_state._engine_risk)."""
        a, b, c = (stamp >> 10 * i & 1023 for i in range(3))
        return replace(self, static_otm=a, static_least=b, static_future=c)
