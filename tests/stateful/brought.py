"""Brought prices and people who bring them with bad will: what a walk of the whole market holds constant.

Five signers agree on a price at every second. A keeper brings minutes, whoever likes leaves some out, brings them late,
with few signers, of another moment, or twice. Two markets read the same feed: a stranger pokes and observes one of them
whenever he likes, nobody looks at the other. Samples are those of a model at every step; the two markets are in the
same state whenever they are compared; and each cell of both settles at the average of the model's samples, which is
that of the honest prices when somebody has brought them all.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import cache

import boa

from bulkhead.chain.listing import feeds_argument
from bulkhead.risk.volatility import OracleWord
from tests.contracts import deployer
from tests.matrix.run import reason_of
from tests.stateful.tally import Tally
from tests.worlds.brought import FEED, KEYS, SIGNERS, package, payload
from tests.worlds.oracle import EMPTY, START, UNIT, Facts, deploy_oracle

MINUTE, HOUR = 60, 3600
WINDOW = 1800
#: Samples are taken until so long after their minute, and a price counts for so long before a window [seconds].
LATE, REACH = 90 * MINUTE, 48 * MINUTE
POKED, QUIET = 1, 2
#: How a cell may end.
ENDS = ("settled", "settled at the honest average")


class Brought(Tally):
    """A feed of brought prices, two markets on it, and the model of its samples.

    Attributes:
        samples: (price [1e-8], signers) by minute [unix seconds], as they were brought.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.draw = random.Random(seed)
        self.level = [float(self.draw.uniform(1500, 2500))]
        self.samples: dict[int, tuple[int, int]] = {}
        boa.env.timestamp = START
        self.feed = deployer("RedStoneAdapter").deploy(FEED, SIGNERS, 3, 100)
        self.who = boa.env.generate_address("caller")
        self._wait(3 * MINUTE)
        self._bring([START + MINUTE, START + 2 * MINUTE], 5)
        self._spot(0)
        parameters = boa.env.generate_address("parameters")
        self.expiries, self.oracle = deploy_oracle(parameters, EMPTY)
        for market in (POKED, QUIET):
            feeds = feeds_argument(market, (self.feed.address, EMPTY, EMPTY), (60, 0), kinds=(2, 0))
            self.oracle.list_market(market, feeds, OracleWord().pack(), sender=parameters)
        self.expiry = START + 3 * HOUR
        self.actions: dict[str, Callable[[], str | None]] = {
            "time passes": self.wait, "all minutes brought": self.honest, "some minutes brought": self.some,
            "spot brought": self.spot, "another moment": self.another_moment, "too late": self.too_late,
            "fewer signers": self.fewer, "a poke": self.poke, "an observe": self.observe,
        }  # fmt: skip
        #: Nobody gets these past the feed.
        self.forbidden = ("another moment", "too late", "fewer signers")

    # --- the world --------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return int(boa.env.timestamp)

    def _wait(self, seconds: int) -> None:
        boa.env.timestamp += seconds

    def honest_price(self, at: int) -> float:
        """What the signers agree on at a second."""
        minute = (at - START) // MINUTE
        while len(self.level) <= minute:
            self.level.append(self.level[-1] * math.exp(self.draw.gauss(0, 0.002)))
        return self.level[minute] * (1 + 0.002 * math.sin(at % MINUTE))

    def _message(self, at: int, signers: Sequence[int]) -> bytes:
        return payload([_package(KEYS[one], self._value(at, one), at * 1000) for one in signers])

    def _value(self, at: int, signer: int) -> float:
        return round(self.honest_price(at) * (1 + (signer - 2) * 1e-4), 8)

    def median(self, at: int, signers: Sequence[int]) -> int:
        """Of some signers at a second [1e-8]."""
        values = sorted(round(self._value(at, one) * UNIT) for one in signers)
        return (values[(len(values) - 1) // 2] + values[len(values) // 2]) // 2

    def _bring(self, minutes: Sequence[int], count: int) -> None:
        """Minutes by so many signers each; the model takes what has more of them than it had."""
        for begin in range(0, len(minutes), 32):
            part = minutes[begin : begin + 32]
            chosen = [sorted(self.draw.sample(range(5), count)) for _ in part]
            self.feed.bring_many(
                part, [self._message(at, some) for at, some in zip(part, chosen, strict=True)], sender=self.who
            )
            for at, some in zip(part, chosen, strict=True):
                if self.samples.get(at, (0, 0))[1] < count and at + LATE >= self.now:
                    self.samples[at] = self.median(at, some), count

    def _spot(self, age: int) -> None:
        self.feed.update([self._message(self.now - age, range(5))], sender=self.who)

    def _known(self) -> list[int]:
        """Whole minutes that can be brought now, oldest first."""
        newest = self.now // MINUTE * MINUTE
        return list(range(max(newest - LATE + 2 * MINUTE, START + MINUTE), newest + 1, MINUTE))

    # --- steps ------------------------------------------------------------------------------------------------------

    def wait(self) -> None:
        # never silent for an hour: that is an outage whoever looks
        self._wait(self.draw.choice((5, 40, 200, 700)))
        if self.draw.random() < 0.5:
            self._spot(self.draw.randrange(30))

    def honest(self) -> None:
        self._bring(self._known(), 5)

    def some(self) -> None:
        minutes = self._known()
        chosen = self.draw.sample(minutes, min(len(minutes), self.draw.randint(1, 12)))
        self._bring(sorted(chosen), self.draw.choice((3, 4)))

    def spot(self) -> None:
        self._spot(self.draw.randrange(60))

    def another_moment(self) -> str | None:
        # a minute that all have signed is closed to everybody
        minutes = self._known()
        at = self.draw.choice([one for one in minutes if self.samples.get(one, (0, 0))[1] < 5] or minutes)
        moment = min(at + self.draw.randint(1, 59), self.now)
        return self._tried(at, moment, range(5))

    def too_late(self) -> str | None:
        at = (self.now - LATE) // MINUTE * MINUTE - self.draw.randint(0, 60) * MINUTE
        return self._tried(at, at, range(5)) if at > START else "too early in the day"

    def fewer(self) -> str | None:
        there = [at for at in self._known() if at in self.samples]
        if not there:
            return "nothing there"
        at = self.draw.choice(there)
        return self._tried(at, at, self.draw.sample(range(5), max(self.samples[at][1] - self.draw.randint(0, 1), 3)))

    def _tried(self, at: int, moment: int, signers: Sequence[int]) -> str | None:
        if moment == at and self.samples.get(at, (0, 0))[1] < len(signers) and at + LATE >= self.now:
            return "nothing to try"
        try:
            self.feed.bring(at, self._message(moment, sorted(signers)), sender=self.who)
        except boa.BoaError as error:
            return reason_of(error)
        return None

    def poke(self) -> None:
        self.oracle.poke(POKED, self.draw.randrange(300))

    def observe(self) -> None:
        self.oracle.observe(POKED, self.expiry)

    def step(self) -> None:
        """One action, and what must hold after it."""
        self.steps += 1
        name = self.draw.choice(list(self.actions))
        told = self.actions[name]()
        self.count(name, told)
        self.demand([] if told or name not in self.forbidden else [f"somebody chose a sample: {name}"], name)
        at = self.draw.choice(self._known())
        shown = self.feed.samples(at, at + MINUTE)
        price = int(shown.price) if shown.last == at else 0
        model = self.samples.get(at, (0, 0))[0]
        self.demand([] if price == model else [f"the sample of a minute is {price}, the model's {model}"], name)
        if self.steps % 10 == 0:
            self._alike()

    def _alike(self) -> None:
        """What a stranger does to a market is no state of it: both are what their feed makes of them."""
        self._wait(1)
        self._spot(0)
        both = []
        for market in (POKED, QUIET):
            facts = Facts.from_words(self.oracle.snapshot(market, 0))
            both.append((facts.status & 0xFFFF, facts.spot, facts.undisputed))
        self.demand([] if both[0] == both[1] else [f"poked {both[0]}, left alone {both[1]}"], "pokes")

    # --- the end of a cell ------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Both markets fix the cell at the average of the samples that were brought."""
        start = self.expiry - WINDOW
        while self.now < self.expiry + HOUR:
            self._wait(min(9 * MINUTE, self.expiry + HOUR - self.now))
            self._spot(0)
            if self.draw.random() < 0.7:
                self._bring(self._known(), self.draw.choice((3, 5)))
        honest = all(self.samples.get(at, (0, 0))[1] == 5 for at in range(start, self.expiry, MINUTE))
        total, price = 0, 0
        for at in range(start - REACH, self.expiry, MINUTE):
            price = self.samples.get(at, (price, 0))[0]
            total += price * MINUTE if at >= start else 0
        expected = total * 10**10 // WINDOW
        fixed = [int(self.expiries.fix(market, self.expiry, [])) for market in (POKED, QUIET)]
        self.seen["settled"] += 1
        wrong = [] if fixed == [expected] * 2 else [f"fixed at {fixed}, the samples give {expected}"]
        self.demand(wrong, "settlement")
        if honest:
            self.seen["settled at the honest average"] += 1
            mean = sum(self.median(at, range(5)) * MINUTE for at in range(start, self.expiry, MINUTE)) * 10**10
            self.demand([] if expected == mean // WINDOW else ["not the honest average"], "settlement")

    def go(self, steps: int) -> Brought:
        """So many steps, in episodes of one cell each; what one has done is undone after it."""
        while self.steps < steps:
            with boa.env.anchor():
                kept = dict(self.samples)
                self._wait(self.draw.randint(0, HOUR))
                self.honest()
                while self.steps < steps and self.now < self.expiry + 10 * MINUTE:
                    self.step()
                self.settle()
                self.samples = kept
        return self

    def never(self) -> list[str]:
        """Actions that were never accepted, and those that must not be and were never tried."""
        return self.lacking([*self.actions, *ENDS], self.forbidden)

    def text(self) -> str:
        """How often each action and each reason was seen."""
        return "\n".join([f"brought prices: {self.steps} steps", *self.lines([*self.actions, *ENDS])])


@cache
def _package(key: str, value: float, at_ms: int) -> bytes:
    return package(key, value, at_ms)
