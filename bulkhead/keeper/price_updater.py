"""Follows feeds of brought prices: what their adapters know, what the sources offer, which samples are due.

Sources are asked beside the loop: a slow one never stands between a block and the transactions it asks for.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from bulkhead.chain.background import end
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.keeper.node import Head
from bulkhead.keeper.price_sources import PriceSource
from bulkhead.keeper.price_updates import INSTANT, LATE_SECONDS, BringSamples, BroughtFeed, Message
from bulkhead.keeper.providers import Providers
from bulkhead.risk.feed_word import FeedKind, FeedWord
from bulkhead.risk.scales import MINUTE

#: Words of `OracleAdapter.market_words`: feeds by role, and where the word of the price last seen tells of the listing.
FEED_WORDS = {"primary": 0, "fallback": 1}
SEEN, LISTED_AT = 4, 131
#: No settlement window is longer [seconds].
LONGEST_WINDOW = 65_535
#: A sample is asked for so long after its minute: signers take their time; and again, for those who sign late, until
#: so long after it [seconds].
FIRST_ASKED, LAST_ASKED = 5, 600
#: A sample not on chain after this long is told of: there is time left to bring it by hand [seconds].
OVERDUE_SECONDS = 600
#: Samples asked for at one look, and offers of spot that are kept.
MOST_ASKED, MOST_OFFERS = 8, 30
#: A source that has answered nothing for so long is told of [seconds].
SILENT_SECONDS = 60.0


@dataclass(frozen=True)
class BringPace:
    """How often sources are asked, by this machine's clock [seconds].

    Attributes:
        spot: Between two questions for spot.
        first_pause: Before a source, or one sample, is asked again after it had nothing; doubling from then
        longest_pause: up to this.
        patience: A look waits so long for answers.
    """

    spot: float = 2.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    patience: float = 0.1


@dataclass(frozen=True)
class FeedPlan:
    """What is brought to one feed, and from where.

    Attributes:
        market: Index of the market.
        symbol: Its name.
        source: Where messages come from.
        role: Which of the market's feeds.
        fee: Most that a message costs [wei].
        keep_fresh: Spot is kept younger than this for others, 0 for not at all [seconds].
    """

    market: int
    symbol: str
    source: PriceSource
    role: str = "primary"
    fee: int = 0
    keep_fresh: int = 0


@dataclass
class _Wait:
    """When something is asked again."""

    tries: int = 0
    until: float = 0.0

    def failed(self, pace: BringPace) -> None:
        """Waits twice as long as the last time."""
        self.until = time.monotonic() + min(pace.first_pause * 2 ** min(self.tries, 20), pace.longest_pause)
        self.tries += 1

    @property
    def over(self) -> bool:
        """Whether it may be asked now."""
        return time.monotonic() >= self.until


@dataclass
class _Feed:
    """What is known of one feed.

    Attributes:
        plan: What is brought to it.
        word: The feed as the oracle has it.
        listed_at: When its market was listed [unix seconds].
        there: Minutes due whose sample is on chain; and those of them that nobody can better.
        full: Those.
        messages: Samples of the source that are not known to be on chain as good.
        sent: Signers of the samples that this keeper has sent.
        alone: Minutes that have spoiled a batch.
        missed: Samples that came too late or never.
        brought: Samples seen on chain.
    """

    plan: FeedPlan
    word: FeedWord
    listed_at: int
    there: set[int] = field(default_factory=set)
    full: set[int] = field(default_factory=set)
    messages: dict[int, Message] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)
    alone: set[int] = field(default_factory=set)
    waits: dict[int, _Wait] = field(default_factory=dict)
    rest: _Wait = field(default_factory=_Wait)
    offers: list[Message] = field(default_factory=list)
    spot: int = 0
    spot_at: int = 0
    due: tuple[int, ...] = ()
    missed: int = 0
    brought: int = 0
    complaint: str = ""
    silent_since: float = 0.0
    asked_at: float = -math.inf

    def answered(self) -> None:
        """The source works."""
        self.rest, self.complaint, self.silent_since = _Wait(), "", 0.0

    def failed(self, error: BulkheadError, pace: BringPace) -> None:
        """The source does not."""
        self.rest.failed(pace)
        self.complaint = str(error)
        self.silent_since = self.silent_since or time.monotonic()


class Bringer:
    """Follows the feeds that a keeper brings prices to.

    Attributes:
        problems: What could not be read at the last look.
        pace: How often sources are asked.
    """

    def __init__(self, chain: Connection, providers: Providers, plans: Sequence[FeedPlan]) -> None:
        self.chain = chain
        self.providers = providers
        self.problems: list[str] = []
        self.pace = BringPace()
        self._plans = plans
        self._feeds: list[_Feed] = []
        self._windows: dict[Cell, int] = {}
        self._question: asyncio.Task[None] | None = None

    async def meet(self) -> None:
        """Reads what never changes.

        Raises:
            BadInput: A feed is none of brought prices.
            BulkheadError: The nodes failed.
        """
        if not self._plans:
            return
        oracle, head = self.chain["OracleAdapter"], await self.providers.head()
        asked = [oracle.query(name, plan.market) for plan in self._plans for name in ("market_words", "price_market")]
        answers = await self.providers.read_each(asked, head.number)
        self._feeds = []
        for plan, words, priced in zip(self._plans, answers[::2], answers[1::2], strict=True):
            if failed := next((answer for answer in (words, priced) if isinstance(answer, BulkheadError)), None):
                raise failed
            if priced != plan.market:
                raise BadInput(f"Setting prices: {plan.symbol} goes by the prices of market {priced}; bring those.")
            packed = words[FEED_WORDS[plan.role]]
            if not packed or FeedWord.unpack(packed).kind != FeedKind.BROUGHT:
                raise BadInput(f"Setting prices: the {plan.role} feed of {plan.symbol} is none of brought prices.")
            self._feeds.append(_Feed(plan, FeedWord.unpack(packed), words[SEEN] >> LISTED_AT))

    async def close(self) -> None:
        """Ends what runs, and connections."""
        if self._question is not None:
            await end([self._question])
        for plan in self._plans:
            await plan.source.close()

    def reorganised(self) -> None:
        """What was on chain may not be any more."""
        for feed in self._feeds:
            feed.there.clear()
            feed.full.clear()
            feed.sent.clear()

    # --- one look -----------------------------------------------------------------------------------------------

    async def look(
        self, head: Head, cells: Iterable[Cell], flying: Set[tuple[str, int]] = frozenset()
    ) -> tuple[BroughtFeed, ...]:
        """The feeds at a block, and what to bring to them.

        Args:
            head: The block.
            cells: Cells in which vaults have legs.
            flying: (adapter, minute) of samples in flight.
        """
        self.problems = []
        if not self._feeds:
            return ()
        await self._read_windows(head, cells)
        for feed in self._feeds:
            self._set_due(feed, head.timestamp)
        await self._read(head)
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(self._ask(head.timestamp))
        await asyncio.wait({self._question}, timeout=self.pace.patience)
        return tuple(self._told(feed, head.timestamp, flying) for feed in self._feeds)

    async def _read_windows(self, head: Head, cells: Iterable[Cell]) -> None:
        """Where the settlement windows of cells begin that are open or have lately been."""
        wanted = {plan.market for plan in self._plans}
        near = [
            cell
            for cell in cells
            if cell[0] in wanted and cell[1] - LONGEST_WINDOW <= head.timestamp <= cell[1] + LATE_SECONDS
        ]
        self._windows = {cell: start for cell, start in self._windows.items() if cell in near}
        unknown = [cell for cell in near if cell not in self._windows]
        oracle = self.chain["OracleAdapter"]
        answers = await self.providers.read_each([oracle.query("cell_terms", *cell) for cell in unknown], head.number)
        for cell, terms in zip(unknown, answers, strict=True):
            if isinstance(terms, BulkheadError):
                self.problems.append(f"window of cell {cell}: {terms}")
            else:
                self._windows[cell] = cell[1] - int(terms.window)

    def _set_due(self, feed: _Feed, now: int) -> None:
        """Minutes whose samples are due: every ten, and all of settlement windows."""
        first = max(now - LATE_SECONDS, feed.listed_at) + 1
        due = set(range(-(-first // INSTANT) * INSTANT, now + 1, INSTANT))
        for cell, start in self._windows.items():
            if cell[0] == feed.plan.market:
                begin = -(-max(start, now - LATE_SECONDS) // MINUTE) * MINUTE
                due |= set(range(begin, min(cell[1], now) + 1, MINUTE))
        lost = [at for at in feed.due if at not in due and at < first and at not in feed.there]
        feed.missed += len(lost)
        feed.due = tuple(sorted(due))
        for known in (feed.there, feed.full, feed.alone):
            known &= due
        for noted in (feed.messages, feed.sent, feed.waits):
            for at in set(noted) - due:
                del noted[at]

    def _contract(self, feed: _Feed) -> Contract:
        return self.chain.pull_feed(feed.word.source)

    async def _read(self, head: Head) -> None:
        """Spot, and which of the samples due are there."""
        queries, names = [], []
        for feed in self._feeds:
            contract = self._contract(feed)
            queries.append(contract.query("latestRoundData"))
            names.append((feed, 0))
            for at in feed.due:
                if at not in feed.full:
                    queries.append(contract.query("samples", at, at + MINUTE))
                    names.append((feed, at))
        answers = await self.providers.read_each(queries, head.number)
        for (feed, at), answer in zip(names, answers, strict=True):
            if isinstance(answer, BulkheadError):
                if at or feed.spot_at:
                    self.problems.append(f"prices brought to {feed.plan.symbol}: {answer}")
            elif not at:
                feed.spot, feed.spot_at = int(answer[1]), int(answer[3])
            else:
                self._note(feed, at, answer)

    @staticmethod
    def _note(feed: _Feed, at: int, samples: Any) -> None:
        if samples.last != at:
            feed.there.discard(at)
            return
        feed.brought += at not in feed.there
        feed.there.add(at)
        if samples.is_full:
            feed.full.add(at)
            feed.messages.pop(at, None)

    @staticmethod
    def _told(feed: _Feed, now: int, flying: Set[tuple[str, int]]) -> BroughtFeed:
        ready = [
            message
            for at, message in feed.messages.items()
            if (feed.word.source, at) not in flying and (at not in feed.there or message.signers > feed.sent.get(at, 0))
        ]
        return BroughtFeed(
            market=feed.plan.market,
            address=feed.word.source,
            is_primary=feed.plan.role == "primary",
            fee=feed.plan.fee,
            keep_fresh=feed.plan.keep_fresh,
            age_limit=feed.word.age_limit,
            spot=feed.spot,
            spot_at=feed.spot_at,
            # a source is ahead of the newest block, and the adapter takes nothing from its future
            offered=max((m for m in feed.offers if m.at <= now), key=lambda message: message.at, default=None),
            samples=tuple(sorted(ready, key=lambda message: message.at)),
            alone=frozenset(feed.alone),
            missing=tuple(at for at in feed.due if at not in feed.there),
        )

    # --- sources ------------------------------------------------------------------------------------------------

    async def _ask(self, now: int) -> None:
        await asyncio.gather(*(self._ask_one(feed, now) for feed in self._feeds if feed.rest.over))

    async def _ask_one(self, feed: _Feed, now: int) -> None:
        """Asks a source for spot and for samples that are due; one failure ends it until the pause is over."""
        if not feed.rest.over:
            return
        source = feed.plan.source
        try:
            if time.monotonic() - feed.asked_at >= self.pace.spot:
                feed.offers = [*feed.offers, await source.spot()][-MOST_OFFERS:]
                feed.asked_at = time.monotonic()
            wanted = [at for at in feed.due if self._is_asked(feed, at, now)][:MOST_ASKED]
            for at, found in zip(wanted, await asyncio.gather(*map(source.sample, wanted)), strict=True):
                known = feed.messages.get(at)
                if found is None or (known is not None and found.signers <= known.signers):
                    feed.waits.setdefault(at, _Wait()).failed(self.pace)
                elif at not in feed.full:
                    feed.messages[at] = found
        except BulkheadError as error:
            feed.failed(error, self.pace)
        else:
            feed.answered()

    @staticmethod
    def _is_asked(feed: _Feed, at: int, now: int) -> bool:
        """Whether a sample is asked for: it is not to be had yet, or lacks signers that may still come."""
        if at in feed.full or now - at < FIRST_ASKED or not feed.waits.get(at, _Wait()).over:
            return False
        has = at in feed.messages or at in feed.there
        return not has or now - at <= LAST_ASKED

    # --- what became of it ----------------------------------------------------------------------------------------

    def sent(self, action: BringSamples) -> None:
        """Notes that samples were planned: they are not sent again unless more have signed them."""
        for feed in self._of(action):
            for message in action.messages:
                feed.sent[message.at] = max(feed.sent.get(message.at, 0), message.signers)

    def refused(self, action: BringSamples) -> None:
        """Notes that the chain would refuse them: each is tried alone, and what is refused alone is asked for anew."""
        for feed in self._of(action):
            for message in action.messages:
                feed.sent.pop(message.at, None)
                if len(action.messages) == 1:
                    feed.messages.pop(message.at, None)
                    feed.waits.setdefault(message.at, _Wait()).failed(self.pace)
                feed.alone.add(message.at)

    def _of(self, action: BringSamples) -> list[_Feed]:
        return [feed for feed in self._feeds if feed.word.source == action.feed and feed.plan.market == action.market]

    def complaints(self, now: int) -> list[tuple[str, str, str]]:
        """(kind, market, sentence) of what people should hear of."""
        found: list[tuple[str, str, str]] = []
        for feed in self._feeds:
            symbol, name = feed.plan.symbol, feed.plan.source.name
            if feed.silent_since and time.monotonic() - feed.silent_since >= SILENT_SECONDS:
                found.append(("price-source", symbol, f"No prices of {symbol} from {name}: {feed.complaint}"))
            late = [at for at in feed.due if at not in feed.there and now - at >= OVERDUE_SECONDS]
            if late:
                text = (
                    f"{len(late)} samples of {symbol} are not on chain after ten minutes, the first of {late[0]}; "
                    "after ninety minutes they cannot be brought any more."
                )
                found.append(("sample-missing", symbol, text))
            if feed.missed:
                found.append(
                    ("sample-lost", f"{symbol}:{feed.missed}", f"{feed.missed} samples of {symbol} were never brought.")
                )
        return found

    def figures(self) -> list[tuple[str, str, int]]:
        """(market, outcome, samples) for the metrics."""
        return [
            entry
            for feed in self._feeds
            for entry in ((feed.plan.symbol, "brought", feed.brought), (feed.plan.symbol, "lost", feed.missed))
        ]
