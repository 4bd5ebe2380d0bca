"""Prices and vols of a fork, moved at will: by code laid over its feeds, and in the name of its VolSurface.

Only for a chain of one's own (`anvil_*` methods). A feed keeps its past: what is not one of the new rounds is answered
by its own code, which runs on its own storage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from eth_utils import keccak

from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read, read_each
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.rpc import Call, to_hex
from bulkhead.risk.feed_word import FeedKind, FeedWord
from bulkhead.risk.svi import MAX_A, MAX_B, SviSlice
from bulkhead.vol.surface import Surface

#: Where the code laid over a feed keeps its rounds: the newest id, the first id, bytes of an answer; from `ROUNDS` on
#: four words for each round: answer, stamp, half-width, and one that stays empty.
BASE = int.from_bytes(keccak(text="bulkhead.shaken.feed")) - 2**64
NEWEST, FIRST, SIZE, ROUNDS, ROUND_WORDS = 0, 1, 2, 8, 4
#: Turns the address of a feed into that at which its own code is kept.
ASIDE = 2**160 - 2**96
#: Bytes of a feed's answer; a brought one tells its half-width as well.
ANSWER, ANSWER_WITH_WIDTH = 160, 192
#: Coins for the account that sets surfaces [wei], and gas of one.
COINS, SET_GAS = 10**20, 3_000_000
#: Of a surface word (oracle/surface): lowest bits of its parts, and their masks.
LIVE_AT, ATM_AT, HIGH_AT, LOW_AT = 32, 124, 164, 180
TIME, ATM, BPS = 2**32 - 1, 2**40 - 1, 2**16 - 1


def _load(number: int) -> str:
    """Pushes a word of the overlay's storage."""
    return f"7f{BASE + number:064x}54"


def overlay(own: str) -> str:
    """Code for a feed: new rounds out of storage, everything else by its own code.

    Args:
        own: Address at which that is kept.
    """
    # instructions in hexadecimal; ":name" stands for PUSH1 of a place and "name:" for the place (JUMPDEST)
    source = (
        "5f3560e01c", "8063feaf968c14", ":latest", "57", "639a6fc8f514", ":one", "57",  # by selector
        "own:", "365f5f37", "5f5f365f", f"73{own[2:].lower()}", "5af4", "3d5f5f3e", ":well", "57", "3d5ffd",
        "well:", "3d5ff3",
        # latestRoundData(): where there is a new round
        "latest:", "50", _load(NEWEST), "80", ":told", "57", ":own", "56",
        # getRoundData(uint80): an id from the first to the newest
        "one:", "600435", _load(FIRST), "8015", ":own", "57", "8110", ":own", "57", _load(NEWEST), "8111", ":own", "57",
        # the round's first word, then roundId and answeredInRound, answer, startedAt and updatedAt, half-width
        "told:", "80", _load(FIRST), "9003", "60021b", f"7f{BASE + ROUNDS:064x}", "01", "815f52", "81608052",
        "8054602052", "8060010154", "80604052", "606052", "60020154", "60a052", _load(SIZE), "5ff3",
    )  # fmt: skip
    places: dict[str, int] = {}
    at = 0
    for part in source:
        if part.endswith(":"):
            places[part[:-1]] = at
        at += 1 if part.endswith(":") else 2 if part.startswith(":") else len(part) // 2
    code = ("5b" if p.endswith(":") else f"60{places[p[1:]]:02x}" if p.startswith(":") else p for p in source)
    return "0x" + "".join(code)


@dataclass
class ShakenFeed:
    """A feed whose price is told by us from now on.

    Attributes:
        word: What its market keeps of it.
        answer: Its last answer of its own, in its decimals.
        width: Half-width of that, 0 for a feed that tells none.
        first: Id of the first new round.
        newest: Id of the newest one.
    """

    word: FeedWord
    answer: int
    width: int
    first: int
    newest: int

    def writes(self, share: float, at: int) -> list[Call]:
        """A round at a share of the last own answer, at a stamp [unix seconds]."""
        self.newest += 1
        place = ROUNDS + ROUND_WORDS * (self.newest - self.first)
        words = {
            place: max(round(self.answer * share), 1), place + 1: at, place + 2: round(self.width * share),
            FIRST: self.first, NEWEST: self.newest,
            SIZE: ANSWER_WITH_WIDTH if self.word.kind is FeedKind.BROUGHT else ANSWER,
        }  # fmt: skip
        return [
            ("anvil_setStorageAt", (self.word.source, f"0x{BASE + slot:064x}", f"0x{word:064x}"))
            for slot, word in words.items()
        ]


@dataclass(frozen=True)
class ShakenSurface:
    """The vol surface of a market as it was when the rehearsal began.

    Attributes:
        surface: Its smiles.
        word: Its word.
        lives: For how long a publication counts [seconds].
    """

    surface: Surface
    word: int
    lives: int

    def at(self, now: int, factor: float) -> tuple[int, int, list[int]]:
        """(word, index, sixteen slices) of the same smiles with all vols times a factor."""
        carried = self.surface.carried(now)
        slices = [_louder(one, factor) for one in carried.slices]
        made = replace(carried, slices=tuple(slices))
        atm, high, low = (
            min(round((self.word >> place & mask) * factor), mask)
            for place, mask in ((ATM_AT, ATM), (HIGH_AT, BPS), (LOW_AT, BPS))
        )
        word = now | (now + self.lives & TIME) << LIVE_AT | atm << ATM_AT | high << HIGH_AT | low << LOW_AT
        words = made.words
        return word, made.index, [*words, *[0] * (16 - len(words))]


def _louder(one: SviSlice, factor: float) -> SviSlice:
    """A smile with all vols times a factor: total variance is linear in its level and its slope."""
    a, b = round(one.a * factor**2), round(one.b * factor**2)
    return replace(one, a=max(min(a, MAX_A), -MAX_A), b=min(b, MAX_B))


class ShakenPrices:
    """All feeds and surfaces of some markets.

    Attributes:
        feeds: The feeds.
        surfaces: Surfaces that were live, by market.
        silent: Feeds that have no price to begin with: they are left as they are.
    """

    def __init__(self, fork: Anvil, chain: Connection, markets: Iterable[int]) -> None:
        """Lays code over the feeds; prices stay as they are until `move`."""
        self._fork, self._chain = fork, chain
        self._setter = chain["VolSurface"].address
        self.feeds: list[ShakenFeed] = []
        self.surfaces: dict[int, ShakenSurface] = {}
        self.silent: list[str] = []
        oracle, wanted, now = chain["OracleAdapter"], list(markets), fork.rpc.timestamp()
        found = read(
            fork.rpc,
            [oracle.query("market_words", i) for i in wanted] + [oracle.query("surface", i) for i in wanted],
        )
        for words in found[: len(wanted)]:
            for word in filter(None, words[:2]):
                self._cover(FeedWord.unpack(word))
        for market, told in zip(wanted, found[len(wanted) :], strict=True):
            made_at, live_until = told.word & TIME, told.word >> LIVE_AT & TIME
            if made_at and live_until >= now:
                surface = Surface.from_words(market, made_at, told.index, [word & 2**224 - 1 for word in told.slices])
                self.surfaces[market] = ShakenSurface(surface, told.word, live_until - made_at)
        if self.surfaces:
            fork.set_balance(self._setter, COINS)
            fork.rpc.call("anvil_impersonateAccount", self._setter)

    def _cover(self, word: FeedWord) -> None:
        if any(feed.word.source == word.source for feed in self.feeds):
            return
        rpc, feed = self._fork.rpc, self._chain.aggregator(word.source)
        (last,) = read_each(rpc, [feed.query("latestRoundData")])
        if isinstance(last, BulkheadError) or int(last[1]) <= 0:
            self.silent.append(word.source)
            return
        raw = str(rpc.call("eth_call", {"to": word.source, "data": "0xfeaf968c"}, "latest"))
        width = int(raw[2 + 2 * ANSWER :] or "0", 16)
        own = f"0x{int(word.source, 16) ^ ASIDE:040x}"
        code = rpc.call("eth_getCode", word.source, "latest")
        rpc.batch_strict([("anvil_setCode", (own, code)), ("anvil_setCode", (word.source, overlay(own)))])
        self.feeds.append(ShakenFeed(word, int(last[1]), width, int(last[0]) + 1, int(last[0])))

    def move(self, share: float, factor: float, at: int) -> None:
        """Every price at a share of what it was, every vol times a factor; for the next block.

        Args:
            share: Of each price.
            factor: Of each vol of a live surface.
            at: Stamp of that block [unix seconds].
        """
        rpc, oracle = self._fork.rpc, self._chain["OracleAdapter"]
        rpc.batch_strict([call for feed in self.feeds for call in feed.writes(share, at)])
        for market, shaken in self.surfaces.items():
            word, index, slices = shaken.at(at, factor)
            if index:
                data = oracle.encode("set_surface", market, word, index, slices)
                # first in its block, whatever a keeper pays
                fees = {"maxFeePerGas": to_hex(10**13), "maxPriorityFeePerGas": to_hex(10**12)}
                plan = {"from": self._setter, "to": oracle.address, "data": "0x" + data.hex(), "gas": to_hex(SET_GAS)}
                rpc.call("eth_sendTransaction", {**plan, **fees})
