"""Rules that revalue whole positions: Derive's two portfolio margins and Deribit's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bulkhead.risk.batch import Floats, Ints, black76
from bulkhead.risk.peers.positions import DAY, YEAR, Positions, Requirement
from bulkhead.risk.words import Kind


@dataclass(frozen=True)
class DerivePortfolio:
    """Derive v2's first portfolio margin (PMRM): the worst of moves of spot by moves of vol, plus contingencies.

    Attributes:
        moves: Spot over spot now.
        up: Vol shock upwards at 30 days; down: downwards.
        short_power: Decay of the shock beyond 30 days before; long_power: after.
        day_floor: Least days to expiry in it.
        initial: Initial over maintenance loss.
        option: Share of spot per net short option.
        future: Share of spot per future.
        discount: Factor on positive marks.
        rate_multiple: Of the rate in the discount; rate_add: added to it.
        basis: Moves of the forward alone.
        basis_add: Share of the basis loss that counts; basis_multiple: more of it per year.
    """

    moves: tuple[float, ...] = (0.80, 0.85, 0.90, 0.95, 1.0, 1.05, 1.10, 1.15, 1.20)
    up: float = 0.60
    down: float = 0.30
    short_power: float = 0.30
    long_power: float = 0.13
    day_floor: float = 1.0
    initial: float = 1.25
    option: float = 0.02
    future: float = 0.03
    discount: float = 0.95
    rate_multiple: float = 4.0
    rate_add: float = 0.12
    basis: tuple[float, float] = (0.95, 1.05)
    basis_add: float = 1.0
    basis_multiple: float = 1.2

    def __call__(self, p: Positions) -> Requirement:
        """Worst scenario and contingencies; the initial one is larger by a factor."""
        years = p.seconds / YEAR
        option = p.options

        def worth(prices: Floats) -> Floats:
            return p.sum(np.where(option, p.quantity * prices, 0.0))

        value = worth(p.prices())
        discount = self.discount * np.exp(-years * (self.rate_multiple * np.maximum(p.rate, 0.0) + self.rate_add))
        days = np.maximum(p.seconds / DAY, self.day_floor)
        scale = (30 / days) ** np.where(days <= 30, self.short_power, self.long_power)
        vols = (1 + self.up * scale, np.ones(len(p)), np.maximum(1 - self.down * scale, 0.0))
        straight = p.sum(np.where(p.kind == Kind.FUTURE, p.quantity, 0.0))
        gain = self.forward_contingency(p)
        moves = np.array(self.moves)[:, None]
        chosen = np.flatnonzero(option)
        owner, strike, quantity = p.owner[chosen], p.strike[chosen], p.quantity[chosen]
        forward = p.forward[owner] * moves
        log_ratio = np.log(forward / strike)
        # puts by parity
        parity = np.where(p.kind[chosen] == Kind.PUT, strike - forward, 0.0)
        for vol in vols:
            calls, _, _ = black76(forward, strike, log_ratio, p.iv[chosen] * (vol * np.sqrt(years))[owner])
            for row, move in zip(quantity * (calls + parity), self.moves, strict=True):
                shocked = np.bincount(owner, row, len(p))
                seen = np.where(shocked > 0, shocked * discount, shocked) - value
                gain = np.minimum(gain, seen + straight * p.forward * (move - 1))
        gain -= p.spot * self.option * self._net_shorts(p) + p.futures(self.future)
        return Requirement(np.maximum(-gain * self.initial, 0.0), np.maximum(-gain, 0.0))

    def forward_contingency(self, p: Positions) -> Floats:
        """What a move of the forward alone would cost, scaled by time; not above 0."""
        option = p.options
        value = p.sum(np.where(option, p.quantity * p.prices(), 0.0))
        worst = np.zeros(len(p))
        for move in self.basis:
            moved = p.sum(np.where(option, p.quantity * p.prices(p.forward * move), 0.0))
            worst = np.minimum(worst, moved - value)
        return worst * (self.basis_add + self.basis_multiple * p.seconds / YEAR)

    @staticmethod
    def _net_shorts(p: Positions) -> Floats:
        """Short options of each position, calls and puts of one strike netted."""
        chosen = np.flatnonzero(p.options)
        if not len(chosen):
            return np.zeros(len(p))
        order = chosen[np.lexsort((p.strike[chosen], p.owner[chosen]))]
        owner, strike, quantity = p.owner[order], p.strike[order], p.quantity[order]
        first = np.concatenate(([True], (np.diff(owner) != 0) | (np.diff(strike) != 0)))
        net = np.add.reduceat(quantity, np.flatnonzero(first))
        return np.asarray(np.bincount(owner[first], np.maximum(-net, 0.0), len(p)), np.float64)


@dataclass(frozen=True)
class Scenarios:
    """Moves of spot that a portfolio margin revalues under one kind of vol move.

    Attributes:
        moves: Spot over spot now.
        dampers: Share of the result that counts in each.
    """

    moves: tuple[float, ...]
    dampers: tuple[float, ...]

    @classmethod
    def of(cls, *moves: float) -> Scenarios:
        """Moves that count whole."""
        return cls(moves, (1.0,) * len(moves))


@dataclass(frozen=True)
class Options:
    """The option legs of many positions, to be revalued under moves.

    Attributes:
        owner: Position of each.
        strike: Quote.
        quantity: Signed contracts.
        is_put: Whether it is a put.
        forward: Of its position [quote].
        root: Root of the years left.
        iv: Implied vol.
        count: How many positions there are.
    """

    owner: Ints
    strike: Floats
    quantity: Floats
    is_put: Floats
    forward: Floats
    root: Floats
    iv: Floats
    count: int

    @classmethod
    def of(cls, p: Positions) -> Options:
        """The options of positions."""
        chosen = np.flatnonzero(p.options)
        owner = p.owner[chosen]
        return cls(
            owner, p.strike[chosen], p.quantity[chosen], (p.kind[chosen] == Kind.PUT).astype(np.float64),
            p.forward[owner], np.sqrt(p.seconds / YEAR)[owner], p.iv[chosen], len(p),
        )  # fmt: skip

    def worth(self, moves: Floats, vol: Floats) -> Floats:
        """Value of the options of each position (columns) under each move of spot (rows), at vols by leg."""
        forward = self.forward * moves[:, None]
        calls, _, _ = black76(forward, self.strike, np.log(forward / self.strike), vol * self.root)
        each = self.quantity * (calls + self.is_put * (self.strike - forward))
        return np.stack([np.bincount(self.owner, row, self.count) for row in each])


def vol_moves(
    seconds: Floats, up: float, down: float, powers: tuple[float, float], day_floor: float = 1.0
) -> tuple[Floats, Floats]:
    """Factors on vols: a share at 30 days, larger before by one power of the days and smaller after by another."""
    days = np.maximum(seconds / DAY, day_floor)
    scale = (30 / days) ** np.where(days <= 30, powers[0], powers[1])
    return 1 + up * scale, np.maximum(1 - down * scale, 0.0)


@dataclass(frozen=True)
class DerivePortfolio2:
    """Derive v2's second portfolio margin (PMRM 2): a wider grid, damped far moves and turns of the skew.

    Attributes:
        both: Moves under every vol move; `up`: under vols that rise alone.
        vols: Vol shock upwards and downwards at 30 days.
        powers: Decay of the shock with days, below and above 30; day_floor: least days in it.
        least_vol: Least vol after an upward shock.
        factors: On the worst loss, to open and to keep.
        option: Share of spot per net short option: more to open, and to keep.
        future: Share of spot per future: more to open, and to keep.
        discount: Factor on positive values and on those below nothing, which never undoes more than the rate's own.
        rates: Of positive values and of those below nothing: (multiple of the rate, rate) by which it grows in time.
        basis: Moves of the forward alone; `basis_add`, `basis_multiple`: as in PMRM.
        skew: (cap, what a root of a year takes off it) of turns of the skew, straight and to both sides.
        skew_width: (vol, what a root of a year takes off it, widths, least width) where a turn is full.
    """

    both: Scenarios = Scenarios.of(0.865, 0.91, 0.955, 1.0, 1.045, 1.09, 1.135)
    up: Scenarios = Scenarios(
        (0.82, 1.18, 0.34, 0.67, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0),
        (1.0, 1.0, 0.21, 0.42, 0.2772, 0.1386, 0.0693, 0.0462, 0.03465, 0.02772),
    )
    vols: tuple[float, float] = (0.50, 0.30)
    powers: tuple[float, float] = (0.30, 0.13)
    day_floor: float = 1.0
    least_vol: float = 0.40
    factors: tuple[float, float] = (1.0, 0.8)
    option: tuple[float, float] = (0.002, 0.003)
    future: tuple[float, float] = (0.005, 0.015)
    discount: tuple[float, float] = (0.95, 1.04)
    rates: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.08), (0.5, 0.08))
    basis: tuple[float, float] = (0.955, 1.045)
    basis_add: float = 0.5
    basis_multiple: float = 2.0
    skew: tuple[tuple[float, float], tuple[float, float]] = ((0.25, -0.05), (0.25, -0.05))
    skew_width: tuple[float, float, float, float] = (0.6, -0.1, 4.0, 0.01)

    def __call__(self, p: Positions) -> Requirement:
        """Worst scenario times a factor, and contingencies."""
        years = p.seconds / YEAR
        options = Options.of(p)
        present = np.exp(-p.rate * years)
        value = options.worth(np.ones(1), options.iv)[0] * present
        straight = p.sum(np.where(p.kind == Kind.FUTURE, p.quantity, 0.0)) * p.forward
        (long, long_add), (short, short_add) = self.rates
        kept = self.discount[0] * np.exp(-years * (long * p.rate + long_add)) * present
        owed = np.minimum(1.0, self.discount[1] * np.exp(years * (short * p.rate + short_add)) * present)

        def gains(worth: Floats) -> Floats:
            worths: Floats = np.where(worth >= 0, worth * kept, worth * owed) - value
            return worths

        worst = self._basis(options, value, present, years)
        rise, fall = vol_moves(p.seconds, *self.vols, self.powers, self.day_floor)
        raised = np.maximum(options.iv * rise[options.owner], self.least_vol)
        lowered = options.iv * fall[options.owner]
        for given, vol in (
            (self.both, options.iv), (self.both, lowered), (self.both, raised), (self.up, raised),
        ):  # fmt: skip
            moves, dampers = np.array(given.moves), np.array(given.dampers)
            moved = gains(options.worth(moves, vol)) + straight * (moves - 1)[:, None]
            worst = np.minimum(worst, (moved * dampers[:, None]).min(axis=0))
        for turned in self._turned(options):
            # either way: what a turn brings, the opposite one takes
            worst = np.minimum(worst, -np.abs(gains(options.worth(np.ones(1), turned)[0])))
        shorts, futures = DerivePortfolio._net_shorts(p) * p.spot, p.futures(1.0)
        keep = shorts * self.option[1] + futures * self.future[1]
        more = shorts * self.option[0] + futures * self.future[0]
        return Requirement(
            np.maximum(-worst * self.factors[0] + keep + more, 0.0), np.maximum(-worst * self.factors[1] + keep, 0.0)
        )

    def _basis(self, options: Options, value: Floats, present: Floats, years: Floats) -> Floats:
        """What a move of the forward alone would cost, scaled by time; not above 0."""
        moved = options.worth(np.array(self.basis), options.iv) * present - value
        cost: Floats = np.minimum(moved.min(axis=0), 0.0) * (self.basis_add + self.basis_multiple * years)
        return cost

    def _turned(self, options: Options) -> tuple[Floats, Floats]:
        """Vols of the legs after the skew has turned: one wing up and one down, and both up."""
        vol, per_root, widths, least = self.skew_width
        full = np.maximum(options.root * widths * (vol + options.root * per_root), least)
        k = np.log(options.strike / options.forward)
        found = []
        for (cap, per), distance in zip(self.skew, (k, np.abs(k)), strict=True):
            most = cap + per * options.root
            turn = np.where(
                distance >= 0, np.minimum(most, distance * most / full), np.maximum(-most, distance * most / full)
            )
            found.append(options.iv * np.maximum(1 + turn, 0.0))
        return found[0], found[1]


@dataclass(frozen=True)
class DeribitPortfolio:
    """Deribit's portfolio margin as its documents and the sample of its API describe it; no cases to check it against.

    Attributes:
        span: Largest move of the main table, in four equal steps on either side.
        far: Moves of the extended table: vols up only, and `span` over the move of the result counts.
        vols: Vol shock upwards and downwards at 30 days; powers: their decay with days, below and above 30.
        least_vol: Least vol of which an upward shock takes its share.
        short: Share of spot per net short option of a strike.
        future: Share of spot per future.
        keep: Maintenance over initial requirement.
    """

    span: float = 0.16
    far: tuple[float, ...] = (0.34, 0.67, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
    vols: tuple[float, float] = (0.50, 0.25)
    powers: tuple[float, float] = (0.30, 0.13)
    least_vol: float = 0.50
    short: float = 0.01
    future: float = 0.01
    keep: float = 0.8

    def __call__(self, p: Positions) -> Requirement:
        """Worst of both tables, and contingencies."""
        options = Options.of(p)
        value = options.worth(np.ones(1), options.iv)[0]
        straight = p.sum(np.where(p.kind == Kind.FUTURE, p.quantity, 0.0)) * p.forward
        rise, fall = vol_moves(p.seconds, *self.vols, self.powers)
        raised = options.iv + np.maximum(options.iv, self.least_vol) * (rise[options.owner] - 1)
        main, far = 1 + self.span * np.linspace(-1, 1, 9), np.array(self.far)
        dampers = np.minimum(self.span / np.abs(far - 1), 1.0)
        worst = np.zeros(len(p))
        for moves, counted, vol in (
            (main, np.ones(9), options.iv), (main, np.ones(9), raised),
            (main, np.ones(9), options.iv * fall[options.owner]), (far, dampers, raised),
        ):  # fmt: skip
            moved = options.worth(moves, vol) - value + straight * (moves - 1)[:, None]
            worst = np.minimum(worst, (moved * counted[:, None]).min(axis=0))
        asked = -worst + DerivePortfolio._net_shorts(p) * p.spot * self.short + p.futures(self.future)
        return Requirement(asked, asked * self.keep)
