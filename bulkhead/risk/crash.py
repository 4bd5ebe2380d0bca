"""Many vaults through a crash in the vectorised mirror: oracle rounds, slow keepers, takers who want their cost.

The market side is the adapter's own: realised vols folded at whole ten minutes, sigma_m and the anchors of the fallback
surface ramped, the settlement window averaged. Liquidation is `auction`: bonus path, size of a take, cut, top-up and
insurance's caps. Owners do nothing; they opened at exactly their initial margin. A taker acts in the first block in
which what a take leaves it at the mark covers its cost, a share of the notional it has to hedge. The same vaults can be
run under another venue's margin rule; what liquidates them stays ours, so only the rule differs.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from bulkhead.risk import auction, batch, peers, static, volatility
from bulkhead.risk.batch import Book, Cells, Floats, Ints, ratios
from bulkhead.risk.words import WAD, Kind, Model, RiskWord

DAY = 86400
CALL, PUT, FUTURE, CASH = (int(kind) for kind in Kind)
EXPIRY_HOUR = 8 * 3600
WINDOW = 1800
BLOCK = 12
LOT = 0.01
#: Native unit of the quote token in wad (6 decimals).
NATIVE = 10**12
#: Days to the expiries that vaults are opened in.
TENORS = (2, 3, 7, 14, 30, 60)
TERMS = auction.LiquidationTerms(
    bonus_start=2 * WAD // 100,
    bonus_middle=WAD // 2,
    t1_seconds=120,
    t2_seconds=900,
    vault_cap=WAD,
    cell_cap=WAD // 4,
    day_cap=WAD // 2,
    top_up=WAD // 4,
    backstop_from=WAD // 5,
    minimum=100,
)


# --- the market ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tape:
    """What the oracle says after every round.

    Attributes:
        at: Stamp of each round [unix seconds].
        price: Its answer [quote].
        sigma: Ramped sigma_m.
        vol_ratio: Fast over slow realised vol.
        week: 7-day vol, ramped: where the fallback surface begins.
        long: 60-day vol, ramped: where it ends.
    """

    at: Ints
    price: Floats
    sigma: Floats
    vol_ratio: Floats
    week: Floats
    long: Floats

    @classmethod
    def record(cls, rounds: Sequence[tuple[int, int]], before: Sequence[tuple[int, int]] = ()) -> Tape:
        """Feeds rounds (stamp, answer [1e-8 quote]) to the adapter's mirror; `before` warms its vols up."""
        word = volatility.OracleWord()
        everything = [*before, *rounds]
        first = volatility.Round(1, volatility.read_answer(everything[0][1]), everything[0][0])
        sigma = week = long = word.sigma_floor_bps * 10**14
        state = volatility.Realised.start(sigma, first, first.stamp, word.half_lives)
        recorded_at = first.stamp
        rows: list[tuple[int, float, float, float, float, float]] = []
        for number, (at, answer) in enumerate(everything):
            state = state.add(volatility.Round(number + 1, volatility.read_answer(answer), at)).close(at)
            vols, elapsed = state.seen(at), at - recorded_at
            recorded_at = at
            now = volatility.sigma_now(vols, word.sigma_floor_bps)
            sigma = volatility.ramp_sigma(sigma, now, word.ramp_bps, elapsed)
            week = volatility.ramp_anchor(week, vols.week, word.ramp_bps, elapsed)
            long = volatility.ramp_anchor(long, vols.long, word.ramp_bps, elapsed)
            if number >= len(before):
                rows.append((at, answer / 1e8, sigma / WAD, vols.ratio / WAD, week / WAD, long / WAD))
        columns = list(zip(*rows, strict=True))
        return cls(np.array(columns[0], np.int64), *(np.array(column, np.float64) for column in columns[1:]))

    def __len__(self) -> int:
        return len(self.at)

    def average(self, start: int, end: int) -> float:
        """Time-weighted average of the price in force between two moments."""
        first = max(bisect_right(self.at, start) - 1, 0)
        last = max(bisect_right(self.at, end) - 1, first)
        if end <= start:
            return float(self.price[last])
        edges = np.concatenate(([start], self.at[first + 1 : last + 1], [end]))
        return float(np.sum(np.diff(edges) * self.price[first : last + 1]) / (end - start))

    def cells(self, index: int, expiries: Ints, at: int | None = None) -> Cells:
        """Prices of the cells while a round is in force; an expired cell is shown one second before its end."""
        now = int(self.at[index]) if at is None else at
        left = np.maximum(expiries - now, 1)
        share = np.clip((WINDOW - left) / WINDOW, 0.0, 1 - 1 / WINDOW)
        known = [
            s * self.average(int(t) - WINDOW, min(now, int(t))) if s > 0 else 0.0
            for s, t in zip(share, expiries, strict=True)
        ]
        factor = volatility.OracleWord().flat_factor_bps / 10_000
        ivs = volatility.fallback_iv_float(self.week[index], self.long[index], left.astype(np.float64), factor)
        return Cells.flat_surface(self.price[index], left, self.sigma[index], ivs, self.vol_ratio[index], known, share)


def expiries_after(at: int) -> Ints:
    """Expiries of the grid that vaults are opened in."""
    day = at // DAY * DAY + EXPIRY_HOUR
    return np.array([day + DAY * tenor for tenor in TENORS], np.int64)


def population(count: int, spot: float, seed: int) -> Book:
    """Random vaults of one to four legs, of all kinds, in all expiries.

    A third are spreads, straddles and futures as people trade them, the rest are any legs at all. Sizes lie around
    10,000 quote units of notional; strikes around spot, multiples of a hundredth of its power of ten.
    """
    draw = random.Random(seed)
    tick = 10.0 ** (len(str(int(spot))) - 3)
    kinds: list[int] = []
    strikes: list[float] = []
    sizes: list[float] = []
    offsets, cell = [0], []

    def strike(width: float) -> float:
        return max(round(spot * float(np.exp(draw.gauss(0, width))) / tick) * tick, tick)

    def add(kind: int, at: float, quantity: float) -> None:
        key = [(k, s) for k, s in zip(kinds[offsets[-1] :], strikes[offsets[-1] :], strict=True)]
        if (kind, at) not in key and quantity:
            kinds.append(kind)
            strikes.append(at)
            sizes.append(quantity)

    for _ in range(count):
        size = max(round(10_000 * float(np.exp(draw.gauss(0, 1))) / spot / LOT), 1) * LOT
        side = draw.choice([-1, -1, 1])
        shape = draw.choice(["legs"] * 4 + ["spread", "straddle", "future", "deferred"])
        if shape == "spread":
            kind = draw.choice([Kind.CALL, Kind.PUT])
            low = strike(0.1)
            add(kind, low, side * size)
            add(kind, low + tick * draw.randint(1, 20), -side * size)
        elif shape == "straddle":
            at = strike(0.05)
            add(Kind.CALL, at, side * size)
            add(Kind.PUT, at, side * size)
        elif shape == "future":
            add(Kind.FUTURE, 0.0, side * size)
            add(Kind.CASH, 0.0, round(-side * size * spot, 6))
        elif shape == "deferred":
            add(draw.choice([Kind.CALL, Kind.PUT]), strike(0.1), size)
            add(Kind.CASH, 0.0, -round(size * spot * draw.uniform(0.01, 0.08), 6))
        else:
            for _ in range(draw.randint(1, 4)):
                room = 4 - (len(kinds) - offsets[-1])
                futures = [Kind.FUTURE] if room >= 2 else []
                kind = draw.choice([Kind.CALL, Kind.CALL, Kind.PUT, Kind.PUT, Kind.PUT, *futures])
                part = max(round(size * draw.uniform(0.3, 1.0) / LOT), 1) * LOT
                sign = draw.choice([-1, -1, 1])
                add(kind, 0.0 if kind == Kind.FUTURE else strike(0.15), round(sign * part, 2))
                if kind == Kind.FUTURE:
                    add(Kind.CASH, 0.0, round(-sign * part * spot, 6))
                if len(kinds) - offsets[-1] >= 4:
                    break
        offsets.append(len(kinds))
        cell.append(draw.randrange(len(TENORS)))
    return Book.flat(kinds, strikes, np.round(sizes, 6), offsets, cell)


# --- margin rules --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """What a rule asks of every vault, and what it has beside its collateral [quote].

    Attributes:
        value: Mark of the legs.
        initial: IM.
        maintenance: A.
        target: What a liquidation restores.
    """

    value: Floats
    initial: Floats
    maintenance: Floats
    target: Floats


class Rule(Protocol):
    """A margin rule over a book."""

    def __call__(self, book: Book, cells: Cells, opening: bool = False) -> Need:
        """What every vault needs now, or to be opened now."""
        ...


@dataclass(frozen=True)
class Ours:
    """One of the protocol's own models; to open, a STATIC vault needs the ES model's IM as well."""

    model: Model = Model.ES
    risk: RiskWord = field(default_factory=RiskWord)

    def __call__(self, book: Book, cells: Cells, opening: bool = False) -> Need:
        """What the margin gate asks."""
        mine = book.under(self.model)
        found = batch.assess(mine, cells, self.risk, threads=1)
        standing = batch.resolve(found, mine, cells, self.risk, 0.0)
        initial = standing.initial_margin
        if opening and self.model == Model.STATIC:
            initial = np.maximum(initial, Ours(Model.ES, self.risk)(book, cells).initial)
        return Need(found.value, initial, standing.maintenance_margin, standing.target)


@dataclass(frozen=True)
class Theirs:
    """Another venue's rule under our liquidation.

    The auction's A is at least twice the taker's cost: a rule with less would leave nothing to pay anyone with.

    Attributes:
        rule: The venue's rule.
        cost: What hedging costs a taker, of the notional.
    """

    rule: peers.Rule
    cost: float = 0.007

    def __call__(self, book: Book, cells: Cells, opening: bool = False) -> Need:
        """What the venue asks, never more than the worst payoff."""
        positions = peers.Positions.of(book, cells)
        asked, value = self.rule(positions), positions.value()
        floor = 2 * self.cost * notional(book, cells.spot[book.cell])
        room = np.maximum(value - book.least, 0.0)
        keep = np.where(asked.maintenance > 0, np.maximum(asked.maintenance, floor), 0.0)
        keep = np.minimum(keep, room)
        start = np.minimum(np.maximum(asked.initial, keep), room)
        return Need(value, start, keep, np.minimum((start + keep) / 2, room))


def notional(book: Book, spot: Floats) -> Floats:
    """Contracts of options and futures at spot [quote]."""
    each = np.where(book.kind != Kind.CASH, np.abs(book.quantity), 0.0)
    return np.asarray(np.bincount(book.owner, each, len(book)) * spot, np.float64)


def least_payoff(kind: Ints, strike: Floats, quantity: Floats) -> float:
    """v_min of one vault [quote]; `Book.least` for many."""
    legs = [(int(k), float(s), float(q)) for k, s, q in zip(kind, strike, quantity, strict=True) if q]
    if sum(q for k, _, q in legs if k in (CALL, FUTURE)) < -1e-9:
        return -np.inf

    def payoff(price: float) -> float:
        total = 0.0
        for k, s, q in legs:
            total += q * (
                max(price - s, 0.0) if k == CALL else max(s - price, 0.0) if k == PUT else price if k == FUTURE else 1.0
            )
        return total

    return min(payoff(price) for price in {0.0, *(s for k, s, _ in legs if k <= PUT)})


# --- the play ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """How keepers, takers and insurance behave.

    Attributes:
        latency_blocks: Least and most blocks between a round and a keeper's act on it.
        cost: What hedging a vault costs its taker, of its notional.
        fund: Insurance at the start, of the notional of all vaults.
        phi: Cut of a take for insurance, of A.
        dust: A below which a remainder is taken whole [quote].
        deposit: What a flag and a last take have to be refilled with [quote].
        seed: Of the latencies.
    """

    latency_blocks: tuple[int, int] = (1, 3)
    cost: float = 0.007
    fund: float = 0.005
    phi: float = 0.02
    dust: float = 10.0
    deposit: float = 8.0
    seed: int = 1


@dataclass
class Outcome:
    """What happened; amounts in quote.

    Attributes:
        vaults: How many were opened with a margin at all.
        notional: Of all vaults at the opening.
        initial: Equity that all had to put up.
        flagged: Vaults flagged at least once.
        takes: Takes.
        taken: Vaults taken from at least once.
        whole: Vaults taken whole.
        bonus: What takers got beyond the mark, top-ups included.
        cut: What insurance got of it.
        top_up: What insurance paid in auctions.
        insured: What insurance paid at settlement.
        haircut: What winners of a cell lost.
        worst_health: Least equity over A at a take.
        insolvent: Vaults whose equity went below zero before they were taken.
        seconds: From flag to take, of every take.
    """

    vaults: int = 0
    notional: float = 0.0
    initial: float = 0.0
    flagged: int = 0
    takes: int = 0
    taken: int = 0
    whole: int = 0
    bonus: float = 0.0
    cut: float = 0.0
    top_up: float = 0.0
    insured: float = 0.0
    haircut: float = 0.0
    worst_health: float = float("inf")
    insolvent: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def loss(self) -> float:
        """Beyond the vaults' own tokens: what insurance paid and what winners lost."""
        return self.top_up + self.insured + self.haircut


class Play:
    """One rule, one population, one tape."""

    def __init__(self, book: Book, tape: Tape, rule: Rule, settings: Settings | None = None) -> None:
        """Opens every vault at its initial margin."""
        self.settings = settings or Settings()
        self.tape, self.rule = tape, rule
        self.draw = random.Random(self.settings.seed)
        self.expiries = expiries_after(int(tape.at[0]))
        stamp = ratios(static.stamp(RiskWord(), round(float(tape.sigma[0]) * 1e6) * 10**12))
        count = len(book)
        first = tape.cells(0, self.expiries)
        self.book = Book.flat(
            book.kind, book.strike, book.quantity, book.offsets, book.cell, Model.ES, np.tile(stamp, (count, 1))
        )
        self.book.prepare()
        need = rule(self.book, first, opening=True)
        self.collateral = np.maximum(np.ceil((need.initial - need.value) * 1e6) / 1e6, 0.0)
        self.open = np.ones(count, np.bool_)
        self.paid = 0.0  # by vaults to takers, less what takers paid
        self.flagged_at = np.zeros(count, np.int64)
        self.clock_at = np.zeros(count, np.int64)
        self.due_at = np.zeros(count, np.int64)
        self.flag_margin = np.zeros(count)
        self.ever_flagged = np.zeros(count, np.bool_)
        self.ever_taken = np.zeros(count, np.bool_)
        size = notional(self.book, first.spot[self.book.cell])
        self.out = Outcome(
            vaults=int(np.sum(need.initial > 0)), notional=float(size.sum()), initial=float(need.initial.sum())
        )
        self.fund = self.settings.fund * self.out.notional
        self.quantity, self.least = self.book.quantity.copy(), self.book.least.copy()
        self._live, self._part, self._moved = np.zeros(0, np.int64), self.book, False
        self.cell_base: dict[int, float] = {}
        self.cell_drawn: dict[int, float] = {}
        self.day_base: dict[int, float] = {}
        self.day_drawn: dict[int, float] = {}

    def run(self) -> Outcome:
        """Plays every round to the end of the tape."""
        for index in range(len(self.tape)):
            until = int(self.tape.at[index + 1]) if index + 1 < len(self.tape) else int(self.tape.at[index]) + 3600
            self._settle(int(self.tape.at[index]))
            self._round(index, until)
        self._close()
        self.out.flagged = int(self.ever_flagged.sum())
        self.out.taken = int(self.ever_taken.sum())
        return self.out

    # --- one round --------------------------------------------------------------------------------------------

    def _round(self, index: int, until: int) -> None:
        """Keepers and takers between this round and the next."""
        now = int(self.tape.at[index])
        cells = self.tape.cells(index, self.expiries)
        live = np.flatnonzero(self.open & (self.expiries[self.book.cell] > now) & (self.collateral < -self.least))
        if not len(live):
            return
        if self._moved or not np.array_equal(live, self._live):
            self._live, self._part, self._moved = live, self._current().take(live), False
        need = self.rule(self._part, cells)
        equity = self.collateral[live] + need.value
        below = equity < need.maintenance
        watched = below | (self.flagged_at[live] > 0) | (self.due_at[live] > 0)
        for i in np.flatnonzero(watched):
            self._vault(int(live[i]), now, until, float(cells.spot[self.book.cell[live[i]]]), _one(need, i))

    def _vault(self, vault: int, now: int, until: int, spot: float, need: _Case) -> None:
        """One vault at a constant price from `now` to `until`."""
        equity = self.collateral[vault] + need.value
        if equity >= need.maintenance:
            self.due_at[vault] = 0
            if self.flagged_at[vault]:
                self.clock_at[vault] = 0
                if equity >= need.target + self.settings.deposit:
                    self.flagged_at[vault] = 0
            return
        if not self.due_at[vault]:
            self.due_at[vault] = now + BLOCK * self.draw.randint(*self.settings.latency_blocks)
        act = max(int(self.due_at[vault]), now)
        if not self.flagged_at[vault]:
            if act >= until:
                return
            self.flagged_at[vault] = self.clock_at[vault] = act
            self.flag_margin[vault] = need.maintenance
            self.ever_flagged[vault] = True
        elif not self.clock_at[vault]:
            self.clock_at[vault] = act
        end = min(until, int(self.expiries[self.book.cell[vault]]))
        start = max(act, int(self.clock_at[vault]) + BLOCK)
        cost = self.settings.cost * self._contracts(vault) * spot
        life = int(self.expiries[self.book.cell[vault]]) - int(self.clock_at[vault])
        for at in range(start, end, BLOCK):
            beta, g = TERMS.shares(at - int(self.clock_at[vault]), life)
            gain = self._gain(vault, float(equity), need.maintenance, beta / WAD, g / WAD, at)
            if gain >= cost:
                self._take(vault, at, spot, need, beta, g)
                return
            if at - int(self.clock_at[vault]) > 2 * TERMS.t2_seconds:
                return

    def _gain(self, vault: int, equity: float, margin: float, beta: float, g: float, at: int) -> float:
        """What a take of everything leaves the taker at the mark."""
        if equity >= (beta + self.settings.phi) * margin:
            return beta * margin
        own = min(equity, beta * margin)
        top_up = min(max(g * margin - own, 0.0), self._room(vault, at)) if g else 0.0
        return own + top_up

    def _contracts(self, vault: int) -> float:
        mine = slice(int(self.book.offsets[vault]), int(self.book.offsets[vault + 1]))
        return float(np.abs(self.quantity[mine][self.book.kind[mine] != CASH]).sum())

    def _take(self, vault: int, at: int, spot: float, need: _Case, beta: int, g: int) -> None:
        """Everything a taker may take, in the auction's integers."""
        held, equity = _wad(self.collateral[vault]), _wad(self.collateral[vault] + need.value)
        margin = max(_wad(need.maintenance), 1)
        plan = auction.plan_take(
            WAD,
            equity=equity,
            margin=margin,
            target=_wad(need.target),
            missing=_wad(self.settings.deposit),
            collateral=held,
            beta=beta,
            g=g,
            phi=_wad(self.settings.phi),
            dust=_wad(self.settings.dust),
            native=NATIVE,
        )
        out = self.out
        out.takes += 1
        self.ever_taken[vault] = True
        out.worst_health = min(out.worst_health, equity / margin)
        out.insolvent += equity < 0
        out.seconds.append(float(at - int(self.flagged_at[vault])))
        top_up = min(plan.top_up_native / 1e6, self._room(vault, at))
        if top_up > 0:
            self._draw(vault, top_up, at)
            out.top_up += top_up
        fraction = plan.fraction / WAD
        out.bonus += fraction * need.value + plan.cash_native / 1e6 + top_up
        out.cut += plan.cut_native / 1e6
        self.fund += plan.cut_native / 1e6
        self.paid += plan.cash_native / 1e6
        self.collateral[vault] -= (plan.cash_native + plan.cut_native) / 1e6
        mine = slice(int(self.book.offsets[vault]), int(self.book.offsets[vault + 1]))
        quantity, kind = self.quantity[mine].copy(), self.book.kind[mine]
        if plan.fraction == WAD:
            quantity[:] = 0.0
            self.open[vault] = False
            self.flagged_at[vault] = self.due_at[vault] = 0
            out.whole += 1
        else:
            step = np.where(kind == CASH, 1e-6, LOT)
            count = np.abs(quantity) * fraction / step
            count = np.where(quantity < 0, np.ceil(count - 1e-9), np.floor(count + 1e-9))
            quantity = np.round(quantity - np.sign(quantity) * count * step, 6)
            if plan.ends:
                self.flagged_at[vault] = self.due_at[vault] = self.clock_at[vault] = 0
        self.quantity[mine] = quantity
        self.least[vault] = least_payoff(kind, self.book.strike[mine], quantity)
        self._moved = True

    def _current(self) -> Book:
        """The book as takes have left it."""
        return self.book.with_quantities(self.quantity, self.least)

    # --- insurance and settlement -----------------------------------------------------------------------------

    def _room(self, vault: int, at: int) -> float:
        """What insurance's caps leave for a vault now."""
        cell, day = int(self.book.cell[vault]), at // DAY
        room = float(self.flag_margin[vault]) * TERMS.vault_cap / WAD
        for base, drawn, cap in (
            (self.cell_base.get(cell, self.fund), self.cell_drawn.get(cell, 0.0), TERMS.cell_cap),
            (self.day_base.get(day, self.fund), self.day_drawn.get(day, 0.0), TERMS.day_cap),
        ):
            room = min(room, auction.draw_room(_wad(self.fund), _wad(base), _wad(drawn), cap) / WAD)
        return max(min(room, self.fund), 0.0)

    def _draw(self, vault: int, amount: float, at: int) -> None:
        cell, day = int(self.book.cell[vault]), at // DAY
        self.cell_base.setdefault(cell, self.fund)
        self.day_base.setdefault(day, self.fund)
        self.cell_drawn[cell] = self.cell_drawn.get(cell, 0.0) + amount
        self.day_drawn[day] = self.day_drawn.get(day, 0.0) + amount
        self.fund -= amount

    def _settle(self, now: int) -> None:
        """Vaults of cells that have expired since the last round."""
        for cell in np.flatnonzero(self.expiries <= now):
            mine = np.flatnonzero(self.open & (self.book.cell == cell))
            if not len(mine):
                continue
            expiry = int(self.expiries[cell])
            price = self.tape.average(expiry - WINDOW, expiry)
            left = self.collateral[mine] + self._current().take(mine).payoff(price)
            self._cover(mine, left, expiry)

    def _close(self) -> None:
        """At the end of the tape what is below zero is a loss, at the mark."""
        last = len(self.tape) - 1
        mine = np.flatnonzero(self.open)
        if len(mine):
            value = self.rule(self._current().take(mine), self.tape.cells(last, self.expiries)).value
            self._cover(mine, self.collateral[mine] + value, int(self.tape.at[last]))

    def _cover(self, vaults: Ints, left: Floats, at: int) -> None:
        """Shortfalls: insurance within its caps, then the winners."""
        for vault, short in zip(vaults[left < 0], -left[left < 0], strict=True):
            if short < 1e-6:
                continue
            if not self.ever_flagged[vault]:
                self.flag_margin[vault] = 0.1 * self._contracts(int(vault)) * float(self.tape.price[-1])
            paid = min(float(short), self._room(int(vault), at))
            self._draw(int(vault), paid, at)
            self.out.insured += paid
            self.out.haircut += float(short) - paid
            self.out.insolvent += 1
        self.open[vaults] = False
        self.flagged_at[vaults] = 0


@dataclass(frozen=True)
class _Case:
    value: float
    initial: float
    maintenance: float
    target: float


def _one(need: Need, i: int) -> _Case:
    return _Case(float(need.value[i]), float(need.initial[i]), float(need.maintenance[i]), float(need.target[i]))


def _wad(amount: float) -> int:
    return round(float(amount) * 1e6) * NATIVE if abs(amount) > 1e6 else round(float(amount) * 1e12) * 10**6
