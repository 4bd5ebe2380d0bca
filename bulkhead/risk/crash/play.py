"""One margin rule, one population of vaults and one tape: every round to the end."""

from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from bulkhead.risk import auction
from bulkhead.risk.batch import Book, Floats, Ints
from bulkhead.risk.crash.insurance import Insurance
from bulkhead.risk.crash.mandate import Short
from bulkhead.risk.crash.outcome import Outcome, Settings, VaultOutcomes
from bulkhead.risk.crash.population import LOT
from bulkhead.risk.crash.rules import Need, Rule, notional, stamped
from bulkhead.risk.crash.tape import WINDOW, Tape, expiries_after
from bulkhead.risk.crash.terms import BLOCK, NATIVE, TERMS, wad
from bulkhead.risk.words import WAD, Kind

CALL, PUT, FUTURE, CASH = (int(kind) for kind in Kind)


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


class Play:
    """One rule, one population, one tape."""

    def __init__(self, book: Book, tape: Tape, rule: Rule, settings: Settings | None = None) -> None:
        """Opens every vault at its initial margin."""
        self.settings = settings or Settings()
        self.tape, self.rule = tape, rule
        self.draw = random.Random(self.settings.seed)
        self.expiries = expiries_after(int(tape.at[0]))
        count = len(book)
        first = tape.cells(0, self.expiries)
        self.book = stamped(book, float(tape.sigma[0]))
        need = rule(self.book, first, opening=True)
        self.collateral = np.maximum(np.ceil((need.initial - need.value) * 1e6) / 1e6, 0.0)
        self.open = np.ones(count, np.bool_)
        self.paid = 0.0  # by vaults to takers, less what takers paid
        self.flagged_at = np.zeros(count, np.int64)
        self.clock_at = np.zeros(count, np.int64)
        self.due_at = np.zeros(count, np.int64)
        self.call_at = np.zeros(count, np.int64)  # when a keeper comes for a mandate
        self.flag_margin = np.zeros(count)
        size = notional(self.book, first.spot[self.book.cell])
        self.out = Outcome(
            vaults=int(np.sum(need.initial > 0)), notional=float(size.sum()), initial=float(need.initial.sum()),
            each=VaultOutcomes.of(size, need.initial),
        )  # fmt: skip
        self.insurance = Insurance(self.settings.fund * self.out.notional)
        self.quantity, self.least = self.book.quantity.copy(), self.book.least.copy()
        self._live, self._part, self._moved = np.zeros(0, np.int64), self.book, False

    def run(self) -> Outcome:
        """Plays every round to the end of the tape."""
        for index in range(len(self.tape)):
            until = int(self.tape.at[index + 1]) if index + 1 < len(self.tape) else int(self.tape.at[index]) + 3600
            self._settle(int(self.tape.at[index]))
            self._round(index, until)
        self._close()
        self.out.flagged = int(self.out.each.flagged.sum())
        self.out.taken = int(self.out.each.taken.sum())
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
        self._top_ups(live, need, now, until)
        equity = self.collateral[live] + need.value
        below = equity < need.maintenance
        watched = below | (self.flagged_at[live] > 0) | (self.due_at[live] > 0)
        for i in np.flatnonzero(watched):
            self._vault(int(live[i]), now, until, float(cells.spot[self.book.cell[live[i]]]), _one(need, i))

    def _top_ups(self, live: Ints, need: Need, now: int, until: int) -> None:
        """What mandates add before any flag: the keeper that would flag comes with them."""
        mandate, each = self.settings.mandate, self.out.each
        if mandate is None:
            return
        equity = self.collateral[live] + need.value
        low = (equity >= 0) & (equity < mandate.trigger * need.maintenance)
        self.call_at[live[~low]] = 0
        for i in np.flatnonzero(low):
            vault, deposit = int(live[i]), self.settings.deposit
            if not self.call_at[vault]:
                self.call_at[vault] = now + BLOCK * self.draw.randint(*self.settings.latency_blocks)
            if self.call_at[vault] >= until:
                continue
            flagged = bool(self.flagged_at[vault])
            missing = float(-self.least[vault] - self.collateral[vault]) + (deposit if flagged else 0.0)
            ends = float(need.target[i]) + deposit if flagged else None
            short = Short(float(equity[i]), float(need.maintenance[i]), missing, ends)
            given = mandate.amount(short, mandate.share * each.initial[vault] - each.added[vault])
            self.collateral[vault] += given
            each.added[vault] += given

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
            self.due_at[vault] = self.call_at[vault] or now + BLOCK * self.draw.randint(*self.settings.latency_blocks)
        act = max(int(self.due_at[vault]), now)
        if not self.flagged_at[vault]:
            if act >= until:
                return
            self.flagged_at[vault] = self.clock_at[vault] = act
            self.flag_margin[vault] = need.maintenance
            self.out.each.flagged[vault] = True
        elif not self.clock_at[vault]:
            self.clock_at[vault] = act
        end = min(until, int(self.expiries[self.book.cell[vault]]))
        start = max(act, int(self.clock_at[vault]) + BLOCK)
        cost = self.settings.cost * self._notional(vault, spot)
        life = int(self.expiries[self.book.cell[vault]]) - int(self.clock_at[vault])
        blocks = range(start, min(end, int(self.clock_at[vault]) + 2 * TERMS.t2_seconds + 2 * BLOCK), BLOCK)

        def pays(at: int) -> bool:
            beta, g = TERMS.shares(at - int(self.clock_at[vault]), life)
            return self._gain(vault, float(equity), need.maintenance, beta / WAD, g / WAD, at) >= cost

        # bonus and top-up only grow, so the first block that pays is found by halving
        if blocks and pays(blocks[-1]):
            at = blocks[bisect_left(blocks, True, key=pays)]
            self._take(vault, at, spot, need, *TERMS.shares(at - int(self.clock_at[vault]), life))

    def _gain(self, vault: int, equity: float, margin: float, beta: float, g: float, at: int) -> float:
        """What a take of everything leaves the taker at the mark."""
        if equity >= (beta + self.settings.phi) * margin:
            return beta * margin
        own = min(equity, beta * margin)
        top_up = min(max(g * margin - own, 0.0), self._room(vault, at)) if g else 0.0
        return own + top_up

    def _notional(self, vault: int, spot: float, risky: bool = False) -> float:
        """A vault's options and delta legs, or its short options and delta legs alone, at spot [token]."""
        mine = slice(int(self.book.offsets[vault]), int(self.book.offsets[vault + 1]))
        kind, quantity = self.book.kind[mine], self.quantity[mine]
        inverse = self.book.units.inverse
        size = np.abs(quantity)
        deltas = float(size[kind == (CASH if inverse else FUTURE)].sum())
        options = float(size[(kind <= PUT) & ((quantity < 0) | (not risky))].sum())
        return options + deltas / spot if inverse else (options + deltas) * spot

    def _take(self, vault: int, at: int, spot: float, need: _Case, beta: int, g: int) -> None:
        """Everything a taker may take, in the auction's integers."""
        held, equity = wad(self.collateral[vault]), wad(self.collateral[vault] + need.value)
        margin = max(wad(need.maintenance), 1)
        plan = auction.plan_take(
            WAD,
            equity=equity,
            margin=margin,
            target=wad(need.target),
            missing=wad(self.settings.deposit),
            collateral=held,
            beta=beta,
            g=g,
            phi=wad(self.settings.phi),
            dust=wad(self.settings.dust),
            native=NATIVE,
        )
        out = self.out
        out.takes += 1
        out.each.taken[vault] = True
        out.each.below[vault] |= equity < 0
        out.worst_health = min(out.worst_health, equity / margin)
        out.insolvent += equity < 0
        out.seconds.append(float(at - int(self.flagged_at[vault])))
        top_up = min(plan.top_up_native / 1e6, self._room(vault, at))
        if top_up > 0:
            self._draw(vault, top_up, at)
            out.top_up += top_up
            out.each.lost[vault] += top_up
        fraction = plan.fraction / WAD
        from_owner = fraction * need.value + plan.cash_native / 1e6
        out.bonus += from_owner + top_up
        out.cut += plan.cut_native / 1e6
        out.each.paid[vault] += from_owner + plan.cut_native / 1e6
        self.insurance.fund += plan.cut_native / 1e6
        self.paid += plan.cash_native / 1e6
        self.collateral[vault] -= (plan.cash_native + plan.cut_native) / 1e6
        mine = slice(int(self.book.offsets[vault]), int(self.book.offsets[vault + 1]))
        quantity, kind = self.quantity[mine].copy(), self.book.kind[mine]
        if plan.fraction == WAD:
            quantity[:] = 0.0
            self.open[vault] = False
            out.each.kept[vault] = self.collateral[vault]
            self.flagged_at[vault] = self.due_at[vault] = 0
            out.whole += 1
        else:
            step = np.where((kind == CASH) | (self.book.units.inverse & (kind == FUTURE)), 1e-6, LOT)
            count = np.abs(quantity) * fraction / step
            count = np.where(quantity < 0, np.ceil(count - 1e-9), np.floor(count + 1e-9))
            quantity = np.round(quantity - np.sign(quantity) * count * step, 6)
            if plan.ends:
                self.flagged_at[vault] = self.due_at[vault] = self.clock_at[vault] = 0
        self.quantity[mine] = quantity
        self.least[vault] = self._least(kind, self.book.strike[mine], quantity)
        self._moved = True

    def _least(self, kind: Ints, strike: Floats, quantity: Floats) -> float:
        """v_min of one vault [token]."""
        if not self.book.units.inverse:
            return least_payoff(kind, strike, quantity)
        left = quantity != 0
        one = Book.flat(kind[left], strike[left], quantity[left], [0, int(left.sum())], units=self.book.units)
        return float(one.least[0])

    def _current(self) -> Book:
        """The book as takes have left it."""
        return self.book.with_quantities(self.quantity, self.least)

    # --- insurance and settlement -----------------------------------------------------------------------------

    def _room(self, vault: int, at: int) -> float:
        """What insurance's caps leave for a vault now."""
        cell = int(self.book.cell[vault])
        return self.insurance.room(float(self.flag_margin[vault]), cell, at, at >= self.expiries[cell])

    def _draw(self, vault: int, amount: float, at: int) -> None:
        cell = int(self.book.cell[vault])
        self.insurance.draw(cell, amount, at, at >= self.expiries[cell])

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
        """Shortfalls: insurance within its caps, then the winners; what is left is the owners'."""
        self.out.each.kept[vaults] = np.maximum(left, 0.0)
        for vault, short in zip(vaults[left < 0], -left[left < 0], strict=True):
            if short < 1e-6:
                continue
            if not self.flagged_at[vault]:
                self.flag_margin[vault] = 0.1 * self._notional(int(vault), float(self.tape.price[-1]), True)
            paid = min(float(short), self._room(int(vault), at))
            self._draw(int(vault), paid, at)
            self.out.insured += paid
            self.out.haircut += float(short) - paid
            self.out.insolvent += 1
            self.out.each.below[vault] = True
            self.out.each.lost[vault] += float(short)
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
