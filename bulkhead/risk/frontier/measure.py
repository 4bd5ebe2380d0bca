"""What a margin does: to idle vaults in calm weeks, in crashes when takers are late, and over a cycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bulkhead.risk import batch, peers
from bulkhead.risk.batch import Book, Bools, Cells, Floats, Ints
from bulkhead.risk.crash.population import population
from bulkhead.risk.crash.rules import notional
from bulkhead.risk.crash.tape import expiries_after
from bulkhead.risk.frontier.market import WARM_UP, WEEK, Market, cells_at
from bulkhead.risk.frontier.setting import Setting
from bulkhead.risk.scales import DAY, HOUR
from bulkhead.risk.vol_path import VolPath
from bulkhead.risk.words import Kind

#: Hours between two looks at an idle vault.
LOOK = 4 * HOUR
#: How late takers come: one block, five minutes, half an hour, and a day without any keeper.
DELAYS = {"12 s": 0, "5 min": 300, "30 min": 1_800, "24 h": DAY}


@dataclass(frozen=True)
class Asked:
    """What a rule says of vaults at one time or more [quote]; `initial` is before the cap on losses."""

    value: Floats
    maintenance: Floats
    initial: Floats
    room: Floats


#: A margin rule: vaults and the prices of their cells.
Rule = Callable[[Book, Cells], Asked]


def ours(setting: Setting) -> Rule:
    """The ES model in a setting; `initial` is MM before the cap, what kappa multiplies."""

    def rule(book: Book, cells: Cells) -> Asked:
        found = batch.assess(book, cells, setting.risk, threads=1, nodes=setting.nodes)
        room = np.maximum(found.value - found.v_min, 0.0)
        return Asked(found.value, np.minimum(found.margin, room), found.margin, room)

    return rule


def theirs(name: str) -> Rule:
    """Another venue's rule."""

    def rule(book: Book, cells: Cells) -> Asked:
        positions = peers.Positions.of(book, cells)
        asked, value = peers.RULES[name](positions), positions.value()
        room = np.maximum(value - book.least, 0.0)
        return Asked(value, np.minimum(asked.maintenance, room), np.maximum(asked.initial, asked.maintenance), room)

    return rule


@dataclass(frozen=True)
class Held:
    """Vaults left alone for a while; one entry for each, or (time, vault).

    Attributes:
        notional: Contracts at spot when opened [quote].
        initial: What kappa multiplies at the opening [quote].
        room: The cap of IM then [quote].
        ratio: Fast over slow vol then.
        gain: Value less that at the opening, at each look.
        maintenance: MM at each look.
        alive: The vault's expiry lies ahead.
    """

    notional: Floats
    initial: Floats
    room: Floats
    ratio: Floats
    gain: Floats
    maintenance: Floats
    alive: Bools

    def im(self, kappas: Sequence[float], stressed_more: float) -> Floats:
        """IM of every vault at its opening (kappa, vault); kappas of 0 take `initial` as it is."""
        grown = stressed_more * np.clip(self.ratio - 1, 0, 2) / 2
        factor = np.array([k + grown if k else np.ones(len(grown)) for k in kappas])
        return np.asarray(np.minimum(factor * self.initial, self.room), np.float64)

    def need(self) -> Floats:
        """IM at the opening with which a vault would not once have been below MM."""
        short = np.where(self.alive, self.maintenance - self.gain, -np.inf)
        return np.asarray(short.max(axis=0), np.float64)


def hold(rule: Rule, path: VolPath, sigma: Floats, times: Ints, book: Book, expiries: Ints) -> Held:
    """Vaults opened at the first time and looked at at every one."""
    count, cells = len(book), cells_at(path, sigma, times, expiries)
    many = book.take(np.tile(np.arange(count), len(times)))
    steps = np.repeat(np.arange(len(times)), count)
    many = Book.flat(
        many.kind, many.strike, many.quantity, many.offsets, many.cell + steps * len(expiries), many.model, many.ratios
    )
    many.__dict__["least"] = np.tile(book.least, len(times))
    found = rule(many, cells)
    value, margin = (x.reshape(len(times), count) for x in (found.value, found.maintenance))
    entry = path.index(times[:1])
    return Held(
        notional(book, np.full(count, path.price[entry][0])),
        found.initial[:count],
        found.room[:count],
        np.full(count, path.ratio[entry][0]),
        value - value[0],
        margin,
        expiries[book.cell][None, :] > times[:, None],
    )


def idle(
    rule: Rule, market: Market, sigma: Floats, weeks: Ints, count: int, seed: int, look: bool = True
) -> list[Held]:
    """Vaults opened at the start of each week and left alone for it, or only opened."""
    found = []
    for number, week in enumerate(weeks):
        book = population(count, float(market.path.price[market.path.index(week)]), seed + number)
        times = np.arange(week, week + WEEK, LOOK) if look else np.array([week])
        found.append(hold(rule, market.path, sigma, times, book, expiries_after(int(week))))
    return found


@dataclass(frozen=True)
class Crashed:
    """Vaults through one crash."""

    name: str
    step: int
    held: Held

    def losses(self, im: Floats) -> dict[str, float]:
        """By delay, what the vaults' own money did not cover when they were taken so late, over their notional."""
        held = self.held
        equity = im + held.gain
        below = (equity < held.maintenance) & held.alive
        first = np.where(below.any(axis=0), below.argmax(axis=0), -1)
        last = held.alive.sum(axis=0) - 1
        out = {}
        for name, delay in DELAYS.items():
            taken = np.minimum(first + delay // self.step, last)
            left = np.take_along_axis(equity, np.maximum(taken, 0)[None, :], axis=0)[0]
            lost = np.where(first >= 0, np.maximum(-left, 0), 0).sum()
            out[name] = float(lost / held.notional.sum())
        return out


def crashes(rule: Rule, market: Market, sigma: Callable[[VolPath], Floats], count: int, seed: int) -> list[Crashed]:
    """Vaults opened when each crash's file begins."""
    found = []
    for number, (window, path) in enumerate(market.windows):
        book = population(count, float(window.price[0]), seed + number)
        fine = path.through(window.at, window.price)
        held = hold(rule, fine, sigma(path)[path.index(window.at)], window.at, book, expiries_after(int(window.at[0])))
        found.append(Crashed(f"{window.name} {market.name}", int(window.at[1] - window.at[0]), held))
    return found


@dataclass(frozen=True)
class Cycle:
    """How a margin moves over years.

    Attributes:
        jumps: Share of hours in which MM rises by more than a quarter.
        swing: Highest over lowest week's mean MM over spot.
    """

    jumps: float
    swing: float


def cycle(rule: Rule, market: Market, sigma: Floats, first: int, last: int) -> Cycle:
    """MM of a short 30-day straddle at the money, at every hour."""
    path = market.path
    begin = max(first, int(path.at[0]) + WARM_UP)
    times = np.arange(-(-begin // HOUR), min(last, int(path.at[-1])) // HOUR) * HOUR
    entries, count = path.index(times), len(times)
    cells = Cells.flat_surface(1.0, 30 * DAY, sigma[entries], path.iv(entries, 30 * DAY), path.ratio[entries])
    kinds = np.tile([int(Kind.CALL), int(Kind.PUT)], count)
    book = Book.flat(kinds, np.ones(2 * count), -np.ones(2 * count), np.arange(0, 2 * count + 1, 2), np.arange(count))
    asked = rule(book, cells).maintenance
    means = asked[: count // 168 * 168].reshape(-1, 168).mean(axis=1)
    return Cycle(float(np.mean(asked[1:] > 1.25 * asked[:-1])), float(means.max() / means.min()))
