"""Feeds of every kind that a settlement window can meet: random scripts of rounds, and the contract that plays them.

A script is what a feed shows and when: phases that change inside the window, rounds that cannot be read, answers at
their bounds, stamps that stand still, go back or lie ahead, bursts, silence, rounds shown late, changed decimals.
One rule is assumed, as the settlement average does: by the change of phase an aggregator has shown every round that it
will ever show, and its older phases have no eight unreadable ids in a row.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import boa
from boa.util.abi import Address

from bulkhead.risk.settlement_average import History
from bulkhead.risk.volatility import Round
from tests.contracts import deployer

WINDOW = 1800
SETTLE_DELAY = 300
PHASE = 2**64
UNIT = 10**8
WAD = 10**18
DECIMALS = 8

# kinds of a round in contracts/testing/ScriptedFeed
UNKNOWN, ANSWERS, ZEROS, BURNS, ANOTHER = range(5)

_HEAD_SLOT, _FIRST_SLOT = 0, 1


@dataclass(frozen=True)
class ScriptedRound:
    """One round of a script.

    Attributes:
        shown_at: When the feed begins to answer it [unix seconds].
        id: `phase << 64 | round`.
        answer: In feed decimals.
        stamp: [unix seconds].
        kind: What `getRoundData` does.
    """

    shown_at: int
    id: int
    answer: int
    stamp: int
    kind: int = ANSWERS

    @property
    def word(self) -> int:
        """As ScriptedFeed keeps it."""
        return self.kind << 248 | (self.answer & 2**184 - 1) << 64 | self.stamp


@dataclass(frozen=True)
class FeedScript:
    """A feed over one settlement window.

    Attributes:
        start: Beginning of the window [unix seconds].
        expiry: Its end.
        rounds: In the order of their ids.
        least: Bound below [wad]; an answer at it is no price.
        most: Bound above [wad].
        strange: When the feed shows other decimals than at listing: (from, to) [unix seconds].
        strange_decimals: Those decimals.
    """

    start: int
    expiry: int
    rounds: tuple[ScriptedRound, ...]
    least: int = 100 * WAD
    most: int = 100_000 * WAD
    strange: tuple[int, int] = (0, 0)
    strange_decimals: int = 18

    def newest(self, now: int) -> int:
        """Id of the newest round shown, 0 before the first."""
        return max((r.id for r in self.rounds if r.shown_at <= now), default=0)

    def decimals(self, now: int) -> int:
        """Decimals shown."""
        return self.strange_decimals if self.strange[0] <= now < self.strange[1] else DECIMALS

    def price(self, scripted: ScriptedRound) -> int:
        """What a round counts with [wad], 0 when it does not."""
        price = scripted.answer * 10 ** (18 - DECIMALS)
        counts = scripted.kind == ANSWERS and scripted.stamp != 0 and self.least < price < self.most
        return price if counts else 0

    def clamped(self, now: int) -> frozenset[int]:
        """Ids of the rounds shown whose answer is at or beyond a bound."""
        scale = 10 ** (18 - DECIMALS)
        return frozenset(
            r.id
            for r in self.rounds
            if r.shown_at <= now
            and r.kind == ANSWERS
            and 0 < r.answer * scale < 2**96
            and not self.least < r.answer * scale < self.most
        )

    def history(self, now: int) -> History:
        """What it answers at a moment, as the mirror takes it."""
        shown = {reading.id: reading for shown_at, reading in self._readings if shown_at <= now}
        return History(shown, max(shown, default=0))

    @cached_property
    def _readings(self) -> list[tuple[int, Round]]:
        return [(r.shown_at, Round(r.id, self.price(r), r.stamp)) for r in self.rounds]


class PlayedFeed:
    """A ScriptedFeed that plays a script; writes go into storage, which costs nothing next to a transaction."""

    def __init__(self, script: FeedScript) -> None:
        self.script = script
        self.contract: Any = deployer("ScriptedFeed").deploy()
        self.address = Address(self.contract.address)
        for scripted in script.rounds:
            number = scripted.id >> 64 << 20 | scripted.id & 2**20 - 1
            boa.env.set_storage(self.address, _FIRST_SLOT + number, scripted.word)

    def forget(self, phase: int) -> None:
        """Makes all rounds of a phase unreadable, as a proxy does that no longer knows the aggregator."""
        for scripted in self.script.rounds:
            if scripted.id // PHASE == phase:
                boa.env.set_storage(self.address, _FIRST_SLOT + (phase << 20) + scripted.id % PHASE, 0)

    def show(self, now: int) -> None:
        """Moves the feed to a moment."""
        boa.env.set_storage(self.address, _HEAD_SLOT, self.script.decimals(now) << 80 | self.script.newest(now))


@dataclass(frozen=True)
class Temper:
    """How a feed behaves.

    Attributes:
        gap: Mean time between rounds [seconds].
        lag: From a round's stamp to when it is shown [seconds].
        disorder: Share of rounds with a stamp up to 900 s back.
        ahead: Share of rounds with a stamp up to 900 s ahead.
        bad: Share of rounds that are no price.
        skips: Share of rounds before which ids are missing.
    """

    gap: int
    lag: int = 0
    disorder: float = 0
    ahead: float = 0
    bad: float = 0.05
    skips: float = 0.02

    @classmethod
    def draw(cls, rng: random.Random) -> Temper:
        """A random one, most of them with one fault or two."""
        return cls(
            gap=rng.choice([10, 60, 60, 300, 300, 1200, 1200, 3600]),
            lag=rng.choice([0, 0, 60]),
            disorder=rng.choice([0, 0, 0, 0.05, 0.3]),
            ahead=rng.choice([0, 0, 0, 0.05]),
            bad=rng.choice([0, 0.05, 0.05, 0.4]),
            skips=rng.choice([0, 0.02]),
        )


def random_script(
    rng: random.Random, expiry: int, temper: Temper | None = None, until: int | None = None
) -> FeedScript:
    """A feed around one window, from up to two hours before it to a quarter of an hour behind it, or to `until`."""
    temper = temper or Temper.draw(rng)
    start = expiry - WINDOW
    changes = sorted(rng.randrange(start - 900, expiry + 200) for _ in range(rng.choice([0, 0, 0, 1, 1, 2])))
    ends = [*changes, until or expiry + 900]
    rounds: list[ScriptedRound] = []
    at, price = start - rng.randrange(600, 7200), 2000 * UNIT
    for number, end in enumerate(ends):
        base, n = (3 + number) * PHASE, 0
        if number:
            opened = changes[number - 1]
            for stamp in _early_stamps(rng, opened):
                n += 1
                rounds.append(ScriptedRound(opened, base + n, price + rng.randrange(-UNIT, UNIT), stamp))
            at = max(at, opened)
        while at < end:
            n += 1
            if rng.random() < temper.skips:
                n += rng.randrange(1, 8 if number < len(changes) else 20)
            price = max(UNIT, round(price * (1 + rng.gauss(0, 0.003))))
            shown = ScriptedRound(at + temper.lag, base + n, price, _stamp(rng, temper, at))
            # a new phase begins with a round that can be read, else nothing says when it began
            if n > 1 and rng.random() < temper.bad:
                shown = _spoil(rng, shown)
            if shown.shown_at < end or number == len(changes):
                rounds.append(shown)
            at += round(rng.expovariate(1 / temper.gap))
    strange = rng.randrange(start, expiry) if rng.random() < 0.05 else 0
    return FeedScript(start, expiry, tuple(rounds), strange=(strange, strange + rng.randrange(1, 600)))


def _early_stamps(rng: random.Random, opened: int) -> list[int]:
    """Stamps of the rounds that a new aggregator had already made when the proxy turned to it, and of its first."""
    stamps, at = [], opened - rng.choice([0, 0, 200, 3000])
    while at < opened:
        stamps.append(at)
        at += rng.randrange(30, 400)
    return [*stamps, opened]


def _stamp(rng: random.Random, temper: Temper, at: int) -> int:
    """Stamp of a round made at a moment."""
    if rng.random() < temper.disorder:
        return at - rng.randrange(900)
    if rng.random() < temper.ahead:
        return at + rng.randrange(900)
    return at


def _spoil(rng: random.Random, scripted: ScriptedRound) -> ScriptedRound:
    """The same round as one that does not count."""
    return rng.choice(
        [
            replace(scripted, kind=UNKNOWN),
            replace(scripted, kind=ZEROS),
            replace(scripted, kind=ANOTHER),
            replace(scripted, kind=BURNS),
            replace(scripted, stamp=0),
            replace(scripted, answer=0),
            replace(scripted, answer=-scripted.answer),
            replace(scripted, answer=2**183 - 1),
            replace(scripted, answer=100 * UNIT),
            replace(scripted, answer=100_000 * UNIT),
        ]
    )


def hints_of(rng: random.Random, ids: Sequence[int]) -> list[int]:
    """Hints that lie: ids of the feed, ids next to them, of phases that do not exist, and no ids at all."""
    lies = [*rng.sample(ids, min(3, len(ids))), rng.choice(ids) + 1, rng.choice(ids) + PHASE, rng.randrange(2**80)]
    return rng.sample(lies, rng.randrange(1, len(lies)))


def silent(script: FeedScript, since: int, until: int) -> FeedScript:
    """The same feed without the rounds that it would have made in some time, numbered without a gap."""
    kept = [r for r in script.rounds if not since <= r.stamp < until]
    numbers = Counter[int]()
    rounds = []
    for scripted in kept:
        phase = scripted.id // PHASE
        numbers[phase] += 1
        rounds.append(replace(scripted, id=phase * PHASE + numbers[phase]))
    return replace(script, rounds=tuple(rounds))


def random_pair(rng: random.Random, expiry: int, heartbeat: int) -> tuple[FeedScript, FeedScript]:
    """Two feeds around one window, with what decides between them.

    One may be lower than the other, fall silent before or inside the window and speak again hours later, or answer at
    a bound.
    """
    start = expiry - WINDOW
    pair = []
    for _ in range(2):
        temper = Temper(gap=rng.choice([120, 600, 1800]), bad=0, skips=0)
        script = random_script(rng, expiry, temper, until=expiry + 2 * heartbeat)
        level = rng.choice([0.6, 0.93, 0.97, 1, 1])
        script = replace(
            script, strange=(0, 0), rounds=tuple(replace(r, answer=int(r.answer * level)) for r in script.rounds)
        )
        if rng.random() < 0.6:
            death = rng.choice([rng.randrange(start - heartbeat, start + 1), rng.randrange(start, expiry + 600)])
            script = silent(
                script, death, rng.choice([expiry, expiry + heartbeat, death + heartbeat * 11 // 10, 2**40])
            )
        if rng.random() < 0.2:
            highest = max((r.answer for r in script.rounds), default=2000 * UNIT)
            # contracts keep a bound in 22 bits
            most = (highest - rng.randrange(3) * UNIT) * 10 ** (18 - DECIMALS)
            script = replace(script, most=most >> most.bit_length() - 22 << most.bit_length() - 22)
        pair.append(script)
    return pair[0], pair[1]
