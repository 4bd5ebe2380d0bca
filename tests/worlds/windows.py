"""Settlement windows played through the real ExpiryPrices: what is shown, observed, proven, lied about and asked."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import boa

from bulkhead.chain import system
from bulkhead.risk.expiry import LAST_RESORT_SECONDS, Origin, Source, Terms, settle
from bulkhead.risk.settlement_average import NoPriceInForceError, average_price, price_seconds, round_at
from bulkhead.risk.volatility import OracleWord
from tests.contracts import deployer
from tests.worlds.feeds import (
    PHASE,
    SETTLE_DELAY,
    UNIT,
    WINDOW,
    FeedScript,
    PlayedFeed,
    ScriptedRound,
    hints_of,
    random_pair,
)

EMPTY = "0x" + "00" * 20
EXPIRY = 1_800_000_000  # 2027-01-15 08:00 UTC
#: Lowest status bit of a snapshot.
FRESH = 1
#: What an oracle is made of.
ROOM = ("OracleAdapter", "ExpiryPrices", "FeedCheck", "VolFolder")
#: Rounds that one call walks.
WALK = 48
#: A heartbeat that no script outlives [seconds].
PATIENT = 200_000
#: When listed feeds begin to show rounds, before the expiry [seconds].
PAST = 20_000
NO_FEED = (EMPTY, 0, 0, 0, 0, 0)
ORACLE_WORD = OracleWord().pack() | SETTLE_DELAY << 200


class Oracle:
    """OracleAdapter and ExpiryPrices alone, with any number of markets."""

    def __init__(self) -> None:
        origin = boa.env.generate_address("deployer of an oracle")
        names = [name for name, _ in system.CONTRACTS if name in ROOM]
        at = system.predict(boa.env.generate_address("deployer of all else"), 0)
        at |= {name: system.create_address(origin, nonce) for nonce, name in enumerate(names)}
        config = system.SystemConfig(EMPTY, EMPTY, (), ())
        with boa.env.prank(origin):
            made = {n: deployer(n).deploy(*system.constructor_arguments(n, at, config)) for n in names}
        self.parameters = at["RiskParameters"]
        self.adapter: Any = made["OracleAdapter"]
        self.expiry_prices: Any = made["ExpiryPrices"]
        self.markets = 0

    def list(self, primary: PlayedFeed, fallback: PlayedFeed | None = None, heartbeat: int = PATIENT) -> int:
        """A new market on feeds that show a history by now; its index."""
        self.markets += 1
        feeds = [
            (feed.address, heartbeat, 50, feed.script.least, feed.script.most, 0) if feed is not None else NO_FEED
            for feed in (primary, fallback)
        ]
        self.adapter.list_market(self.markets, (*feeds, EMPTY, 0, self.markets), ORACLE_WORD, sender=self.parameters)
        return self.markets


def new_oracle() -> Oracle:
    """A fresh oracle."""
    return Oracle()


@dataclass
class Cell:
    """One expiry of one market whose feeds play scripts."""

    oracle: Oracle
    feeds: tuple[PlayedFeed, ...]
    market: int

    @property
    def script(self) -> FeedScript:
        """What its primary plays."""
        return self.feeds[0].script

    @cached_property
    def _window(self) -> tuple[int, ...]:
        terms = self.oracle.adapter.cell_terms(self.market, self.script.expiry)
        return self.market, self.script.expiry, self.script.start, terms.delay, terms.primary

    def live_sum(self) -> int | None:
        """Sum of the open window by the contract [wad * seconds], None while rounds are missing in it."""
        live = self.oracle.expiry_prices.average(self._window)
        return int(live.sum) if live.is_complete else None

    def fix(self, hints: list[int]) -> int:
        """One call of `fix`: the price [wad], 0 until it is final."""
        return int(self.oracle.expiry_prices.fix(self.market, self.script.expiry, hints))

    def origins(self) -> list[Origin]:
        """Where a price came from that the last call fixed."""
        logs = self.oracle.expiry_prices.get_logs()
        return [Origin(log.source) for log in logs if type(log).__name__ == "ExpiryPriceFixed"]

    def fix_honestly(self, now: int) -> int:
        """Calls with the one hint for each feed that a keeper finds off chain, until the price stands."""
        hints = []
        for feed in self.feeds:
            with contextlib.suppress(NoPriceInForceError):
                hints.append(round_at(feed.script.history(now), self.script.start).id)
        for _ in range(3 + max(len(feed.script.rounds) for feed in self.feeds) // WALK):
            if price := self.fix(hints):
                return price
        return 0

    def molest(self, rng: random.Random) -> None:
        """One call by somebody who would like another price."""
        action = rng.choice(["fix", "fix", "observe", "poke"])
        if action == "fix":
            self.fix(hints_of(rng, [r.id for feed in self.feeds for r in feed.script.rounds]))
        elif action == "observe":
            self.oracle.adapter.observe(self.market, self.script.expiry)
        else:
            self.oracle.adapter.poke(self.market, rng.randrange(300))


def with_past(script: FeedScript) -> FeedScript:
    """The same feed with two rounds long before all others: what a feed must show to be listed."""
    base = script.rounds[0].id // PHASE * PHASE if script.rounds else PHASE
    lowest = min([2000 * UNIT, script.most // 10**10, *(r.answer for r in script.rounds if script.price(r))])
    past = tuple(
        ScriptedRound(script.expiry - age, base + n, lowest * 99 // 100, script.expiry - age)
        for n, age in ((1, PAST), (2, PAST - 100))
    )
    moved = [replace(r, id=r.id + 2) if r.id // PHASE * PHASE == base else r for r in script.rounds]
    return replace(script, rounds=(*past, *moved))


def move_to(now: int, *feeds: PlayedFeed) -> None:
    """Time goes on, and the feeds with it."""
    boa.env.timestamp = now
    for feed in feeds:
        feed.show(now)


def play(oracle: Oracle, rng: random.Random, script: FeedScript, tally: Counter[str]) -> None:
    """One feed seen by three markets: nobody looks at one, one is observed, one is attacked.

    At every look each shows the mirror's sum or, while rounds are missing in it, none; at the end all three give the
    mirror's price.
    """
    script = with_past(script)
    feed = PlayedFeed(script)
    move_to(script.rounds[1].shown_at, feed)
    quiet, observed, attacked = (Cell(oracle, (feed,), oracle.list(feed)) for _ in range(3))
    for now in sorted(rng.sample(range(script.start - 60, script.expiry), 5)):
        move_to(now, feed)
        if rng.random() < 0.5:
            oracle.adapter.observe(observed.market, script.expiry)
        for _ in range(rng.randrange(3)):
            if now > script.start:
                attacked.molest(rng)
        if now > script.start:
            compare_live(now, (quiet, observed, attacked), tally)
    for now in sorted(rng.sample(range(script.expiry, script.expiry + SETTLE_DELAY), 2)):
        move_to(now, feed)
        attacked.molest(rng)
    now = max(script.expiry + SETTLE_DELAY + rng.choice([0, 0, rng.randrange(600)]), script.strange[1])
    move_to(now, feed)
    compare_final(now, rng, (quiet, observed, attacked), tally)


def compare_live(now: int, cells: tuple[Cell, ...], tally: Counter[str]) -> None:
    """Every market shows the mirror's sum, or none; where none, a few calls of anyone bring it."""
    script = cells[0].script
    history = script.history(now)
    try:
        expected = price_seconds(history, script.start, now)
    except NoPriceInForceError:
        expected = None
    newest = history.rounds[history.newest]
    is_told = expected is not None and newest.price != 0 and script.decimals(now) == script.decimals(0)
    for number, cell in enumerate(cells):
        shown = cell.live_sum()
        if shown is None and is_told:
            with boa.env.anchor():
                cell.fix_honestly(now)
                shown = cell.live_sum()
            tally["cured"] += 1
            assert shown is not None, ("calls do not complete the sum", number, now - script.start)
        if shown not in (None, expected) and falls_back(script, now):
            with boa.env.anchor():
                cell.fix_honestly(now)
                shown = cell.live_sum()
            tally["false start replaced"] += 1
        if shown is not None:
            tally["live"] += 1
            assert shown == expected, ("live", number, now - script.start, shown, expected)
    compare_snapshot(now, cells[now % len(cells)], tally)


def compare_snapshot(now: int, cell: Cell, tally: Counter[str]) -> None:
    """A snapshot shows the same sum, divided, and is fresh only where the sum is complete."""
    shown = cell.live_sum()
    snapshot = cell.oracle.adapter.snapshot(cell.market, cell.script.expiry)
    is_fresh = bool(snapshot.status & FRESH)
    assert shown is not None or not is_fresh, ("fresh without its sum", now - cell.script.start)
    if is_fresh:
        tally["fresh"] += 1
        assert snapshot.window_average == shown // (now - cell.script.start), ("snapshot", now - cell.script.start)


def falls_back(script: FeedScript, now: int) -> bool:
    """Whether stamps go back over the window's start: then a start may be false until somebody names the true one."""
    stamps = [r.stamp for r in script.history(now).rounds.values() if r.price]
    return any(a > script.start >= b for a, b in itertools.pairwise(stamps))


def compare_final(now: int, rng: random.Random, cells: tuple[Cell, ...], tally: Counter[str]) -> None:
    """All markets settle at the mirror's price, the attacked one after one more lie."""
    script = cells[0].script
    try:
        expected = average_price(script.history(now), script.start, script.expiry)
    except NoPriceInForceError:
        expected = 0
    for number, cell in enumerate(cells):
        if number == len(cells) - 1 and not falls_back(script, now):
            cell.molest(rng)
        price = cell.fix_honestly(now)
        tally["final" if price else "none"] += 1
        assert price == expected, ("final", number, price, expected)


def play_pair(oracle: Oracle, rng: random.Random, heartbeat: int, tally: Counter[str]) -> None:
    """Two feeds and one cell that anybody calls at any time: what is fixed, and when, is what the mirror decides."""
    scripts = [with_past(script) for script in random_pair(rng, EXPIRY, heartbeat)]
    feeds = (PlayedFeed(scripts[0]), PlayedFeed(scripts[1]))
    move_to(EXPIRY - PAST + 100, *feeds)
    cell = Cell(oracle, feeds, oracle.list(*feeds, heartbeat=heartbeat))
    terms = Terms(EXPIRY, settle_delay=SETTLE_DELAY)
    last_resort = EXPIRY + LAST_RESORT_SECONDS
    times = [rng.randrange(EXPIRY - WINDOW + 1, EXPIRY) for _ in range(3)]
    times += [rng.randrange(EXPIRY, last_resort + heartbeat) for _ in range(4)]
    times += [EXPIRY + SETTLE_DELAY - 1, EXPIRY + SETTLE_DELAY, last_resort - 1, last_resort]
    for now in sorted(times):
        move_to(now, *feeds)
        expected = settle(*(Source(s.history(now), heartbeat, s.clamped(now)) for s in scripts), terms, now)
        if rng.random() < 0.3:
            cell.molest(rng)
        if now < EXPIRY + SETTLE_DELAY - 1 or rng.random() < 0.7:
            price = cell.fix_honestly(now)
            assert price == (expected[0] if expected else 0), (now - EXPIRY, price, expected)
            for origin in cell.origins():
                assert expected and origin == expected[1], (now - EXPIRY, origin, expected)
                tally[origin.name] += 1
