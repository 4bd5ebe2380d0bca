"""Prices and time of a chain of one's own: moved by command on an Anvil, refused everywhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract
from bulkhead.chain.deployment import MarketEntry
from bulkhead.chain.errors import AbiMismatch, BadInput, BulkheadError, Reverted, RpcError, WrongNetwork
from bulkhead.chain.rpc import Rpc, to_hex, to_int
from bulkhead.progress import doing

#: Rounds on the way, so that prices stay fresh and settlement windows are covered [seconds].
ROUND_SECONDS = 1_200
#: Steps of a crash that takes its time [seconds].
STEP_SECONDS = 60
#: Rounds written in one transaction.
MOST_ROUNDS = 100
#: Longest leap: further than any series expires [seconds].
MOST_SECONDS = 400 * 86_400
#: Gas of writing one round, generously.
ROUND_GAS = 80_000


def require_anvil(rpc: Rpc) -> None:
    """Refuses every node but an Anvil, whose time and accounts are one's own.

    Raises:
        WrongNetwork: It is none.
    """
    try:
        rpc.call("anvil_nodeInfo")
    except RpcError:
        raise WrongNetwork(
            f"The node at {rpc.url} is no Anvil: prices and time move by command only on a chain of one's own."
        ) from None


class LocalChain:
    """A deployment on an Anvil, with test feeds that anyone may write."""

    def __init__(self, chain: Connection) -> None:
        """Takes a deployment.

        Raises:
            WrongNetwork: The node is no Anvil.
        """
        require_anvil(chain.rpc)
        self.chain = chain
        self.rpc = chain.rpc
        self.writer = str(self.rpc.call("eth_accounts")[0])

    def feeds(self, entries: Sequence[MarketEntry]) -> list[Contract]:
        """Price feeds of markets.

        Raises:
            BadInput: One of them is no test feed.
        """
        found = {feed: self.chain.aggregator(feed) for entry in entries for feed in entry.feeds[:2] if feed}
        for feed in found.values():
            try:
                feed.call("latest_id")
            except (Reverted, AbiMismatch):
                raise BadInput(f"The feed at {feed.address} is no test feed; its price cannot be moved.") from None
        return list(found.values())

    def price(self, entry: MarketEntry) -> Decimal:
        """The newest answer of a market's primary test feed [quote]."""
        feed = self.feeds([entry])[0]
        return Decimal(self._answer(feed)).scaleb(-int(feed.call("decimals")))

    @staticmethod
    def _answer(feed: Contract) -> int:
        return int(feed.call("latestRoundData")[1])

    def crash(self, entry: MarketEntry, price: Decimal, seconds: int = 0) -> int:
        """Moves every price feed of a market to a price, at once or in steps of a minute.

        Args:
            entry: The market.
            price: Where to [quote].
            seconds: How long it takes; the chain's time moves on with it.

        Returns:
            Rounds written.

        Raises:
            BadInput: The price is not above 0, or a feed is no test feed.
        """
        if price <= 0:
            raise BadInput("A price is above 0.")
        if not 0 <= seconds <= MOST_SECONDS:
            raise BadInput(f"A crash takes at most {MOST_SECONDS // 86_400} days.")
        moved = {feed: (self._answer(feed), int(feed.call("decimals"))) for feed in self.feeds([entry])}
        still = [] if seconds == 0 else self._others(entry)
        steps = max(seconds // STEP_SECONDS, 1)
        begin = self.rpc.timestamp()
        with doing(f"moving {entry.symbol} to {price}", steps) as activity:
            for step in range(1, steps + 1):
                at = begin + max(seconds * step // steps, step)
                rounds = {
                    feed: [(start + (int(price * 10**decimals) - start) * step // steps, at)]
                    for feed, (start, decimals) in moved.items()
                }
                if step % (ROUND_SECONDS // STEP_SECONDS) == 0:
                    rounds |= {feed: [(self._answer(feed), at)] for feed in still}
                self._write(rounds, at)
                activity.step()
        return steps * len(moved)

    def _others(self, entry: MarketEntry) -> list[Contract]:
        """Price feeds of the markets beside one, where they are others."""
        mine = set(entry.feeds)
        found = self.feeds([other for other in self.chain.deployment.markets.values() if other != entry])
        return [feed for feed in found if feed.address not in mine]

    def warp(self, until: int) -> int:
        """Moves the chain's time on; feeds repeat their price on the way, as living ones do.

        Args:
            until: Stamp of the newest block afterwards [unix seconds].

        Returns:
            Rounds written.

        Raises:
            BadInput: The moment is past or too far away, or a feed is no test feed.
        """
        now = self.rpc.timestamp()
        if not now < until <= now + MOST_SECONDS:
            raise BadInput(f"The chain is at {now}; a leap goes forward, by at most {MOST_SECONDS // 86_400} days.")
        feeds = {feed: self._answer(feed) for feed in self.feeds(list(self.chain.deployment.markets.values()))}
        stamps = [*range(now + ROUND_SECONDS, until, ROUND_SECONDS), until]
        with doing("moving time on", len(stamps)) as activity:
            for first in range(0, len(stamps), MOST_ROUNDS):
                part = stamps[first : first + MOST_ROUNDS]
                self._write({feed: [(answer, at) for at in part] for feed, answer in feeds.items()}, part[-1])
                activity.done += len(part)
        return len(stamps) * len(feeds)

    def _write(self, rounds: Mapping[Contract, Sequence[tuple[int, int]]], at: int) -> None:
        """Writes rounds (answer, stamp) into blocks of their own, the last of which is at a moment or just behind."""
        interval = self.rpc.call("anvil_getIntervalMining")
        automine = bool(self.rpc.call("anvil_getAutomine"))
        # nothing else is mined between a round and its block
        self.rpc.call("evm_setIntervalMining", 0)
        self.rpc.call("evm_setAutomine", False)
        try:
            for feed, several in rounds.items():
                answers, stamps = [answer for answer, _ in several], [stamp for _, stamp in several]
                plan = {
                    "from": self.writer, "to": feed.address, "gas": to_hex(ROUND_GAS * (1 + len(several))),
                    "data": "0x" + feed.encode("push_many", answers, stamps).hex(),
                }  # fmt: skip
                sent = str(self.rpc.call("eth_sendTransaction", plan))
                self.rpc.call("evm_setNextBlockTimestamp", max(at, self.rpc.timestamp() + 1))
                self.rpc.call("evm_mine")
                receipt = self.rpc.call("eth_getTransactionReceipt", sent)
                if receipt is None or to_int(receipt["status"]) != 1:
                    raise BulkheadError(f"The rounds of {feed.address} were not written; does somebody else mine here?")
        finally:
            self.rpc.call("evm_setAutomine", automine)
            if interval:
                self.rpc.call("evm_setIntervalMining", interval)
