"""What a keeper would do in a crash that begins now: on a private fork of its node, where prices fall and vols rise.

The fork is an Anvil of its own under another chain id, so that nothing signed there counts anywhere else. The keeper is
the real one with the settings it would run with; only what reaches beyond the fork is left out (`LEFT_OUT`, alerts, the
journal's file). Nobody else acts there: what it earns is the most that was to be had.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TextIO

from bulkhead.chain import deployment as deployments
from bulkhead.chain.anvil import CHAIN_ID, Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.lens import VaultView, read_vaults
from bulkhead.chain.rpc import Rpc, to_hex, to_int
from bulkhead.keeper.config import Settings
from bulkhead.keeper.journal import Attempt
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.launch import assemble, wallet_plans
from bulkhead.keeper.node import Node
from bulkhead.keeper.report import Result, results
from bulkhead.keeper.service import Keeper
from bulkhead.progress import Activity, doing
from bulkhead.replay.rehearsed import Seen
from bulkhead.replay.shaken import ShakenPrices
from bulkhead.risk.words import WAD

#: Roles that reach beyond the fork: price services and maker servers.
LEFT_OUT = frozenset({"bring", "unwind"})
#: A new price so often [seconds].
ROUND_SECONDS = 60
#: What a fork's node may take for an answer that it has to fetch [seconds].
PATIENCE_SECONDS = 120.0
#: Transactions that are told of.
KEPT = 500


@dataclass(frozen=True)
class Shake:
    """What happens to prices.

    Attributes:
        fall: Share that every price loses; negative to rise.
        minutes: Over how long, evenly.
        after: For how long prices then stay [minutes].
        vol: What the vols of live surfaces are multiplied by in the end.
        block_seconds: Between blocks.
        base_fee: Of every block [wei]; None leaves it as it is.
    """

    fall: float = 0.3
    minutes: float = 60.0
    after: float = 30.0
    vol: float = 1.5
    block_seconds: int = 12
    base_fee: int | None = None

    def __post_init__(self) -> None:
        """Refuses what makes no sense.

        Raises:
            BadInput: A figure is beyond its bounds.
        """
        if not -9 <= self.fall <= 0.99:
            raise BadInput("--fall is a share of the price, at most 0.99, or negative to rise, at least -9.")
        if not 1 <= self.minutes + self.after <= 2_880 or self.minutes < 0 or self.after < 0:
            raise BadInput("--minutes and --after are not negative, and together from 1 to 2880 minutes.")
        if not 0.1 <= self.vol <= 5:
            raise BadInput("--vol is a factor from 0.1 to 5.")
        if not 1 <= self.block_seconds <= ROUND_SECONDS:
            raise BadInput(f"--block-seconds is from 1 to {ROUND_SECONDS}.")
        if self.base_fee is not None and self.base_fee < 0:
            raise BadInput("--base-fee is not negative.")

    @property
    def seconds(self) -> int:
        """Length of all."""
        return round((self.minutes + self.after) * 60)

    def way(self, passed: int) -> float:
        """How far the fall has come after so many seconds, from 0 to 1."""
        return min(passed / (self.minutes * 60), 1.0) if self.minutes else 1.0


class Rehearsal:
    """One fork, one keeper, one crash."""

    def __init__(self, fork: Anvil, keeper: Keeper, shake: Shake, chain: Connection, log: io.StringIO) -> None:
        self.fork, self.keeper, self.shake, self.chain, self.log = fork, keeper, shake, chain, log
        self.seen = Seen()
        self._base_fee = shake.base_fee

    async def play(self, activity: Activity) -> dict[str, Any]:
        """All of it; returns what is told."""
        rpc = self.fork.rpc
        head = rpc.block()
        start, first = to_int(head["timestamp"]), to_int(head["number"])
        if self._base_fee is None:
            self._base_fee = to_int(head.get("baseFeePerGas") or "0x0")
        prices = ShakenPrices(self.fork, self.chain, [m.index for m in self.chain.deployment.markets.values()])
        await self._block(start + self.shake.block_seconds)
        before = self._results()
        now, due = start + self.shake.block_seconds, start + self.shake.block_seconds
        while now - start < self.shake.seconds:
            busy = self.seen.waits or self._flagged() or self.keeper.wallets.pending
            now = now + self.shake.block_seconds if busy else max(due, now + self.shake.block_seconds)
            if now >= due:
                way = self.shake.way(now - start)
                prices.move(1 - self.shake.fall * way, 1 + (self.shake.vol - 1) * way, now)
                due = now + ROUND_SECONDS
                activity.text = f"rehearsing, minute {(now - start) // 60} of {self.shake.seconds // 60}"
            await self._block(now)
        return self._told(first, start, before, prices)

    async def _block(self, at: int) -> None:
        """A block, and what the keeper does about it."""
        self.fork.rpc.call("anvil_setNextBlockBaseFeePerGas", to_hex(self._base_fee or 0))
        self.fork.mine(at)
        self.seen.blocks += 1
        head = await self.keeper.providers.head(True)
        done = await self.keeper.tick(head)
        if done.block < 0:
            raise BulkheadError(f"The keeper could not look at the fork: {self._lines('read-failed')[-1:]}")
        await self.keeper.after(head)
        states = self.keeper.bookkeeper.states
        if states:
            self.seen.look(states[0])
            for index in states[0].markets:
                held = sum(seen.markets[index].wallet for seen in states)
                self.seen.wallet[index] = min(self.seen.wallet.get(index, held), held)

    def _flagged(self) -> bool:
        state = self.keeper.bookkeeper.state
        return state is not None and any(v.flagged and state.live(v) for v in state.vaults.values())

    def _lines(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.log.getvalue().splitlines()) if line["event"] == event]

    def _results(self) -> dict[str, Result]:
        return results(self.keeper.bookkeeper.account(attempts=False))

    # --- what is told ---------------------------------------------------------------------------------------------

    def _told(self, first: int, start: int, before: dict[str, Result], prices: ShakenPrices) -> dict[str, Any]:
        logs = self.chain.logs(first + 1)
        flags = [log.values for log in logs if log.event == "VaultFlagged"]
        takes = [log.values for log in logs if log.event == "VaultTaken"]
        ended = {log.values.vault_id for log in logs if log.event == "FlagEnded"}
        book = self.chain.book()
        views = [v for v in read_vaults(self.chain, sorted(book.vaults)) if isinstance(v, VaultView)]
        left = [v for v in views if v.liquidatable and not v.flagged and v.legs]
        return {
            "from_block": first,
            "minutes": self.shake.seconds / 60,
            "blocks": self.seen.blocks,
            "wallets": self.keeper.wallets.addresses,
            "roles": sorted(self.keeper.policy.roles),
            "markets": self._markets(before, prices),
            "feeds_without_a_price": prices.silent,
            "vaults": {
                "on_chain": len(book.vaults),
                "unsafe": len(self.seen.unsafe),
                "flagged": len(flags),
                "taken": sum(log.into_id in self.keeper.observer.registry.kept for log in takes),
                "flags_ended": len(ended),
                "still_flagged": sorted(v.vault_id for v in views if v.flagged),
                "unsafe_without_a_flag": sorted(v.vault_id for v in left),
                "longest_wait_blocks": self.seen.longest,
            },
            "own_vaults": {
                "open": sum(self.keeper.wallets.has(v.owner) and bool(v.legs) for v in views),
                "least_health": None if self.seen.own_health is None else round(self.seen.own_health / WAD, 4),
                "liquidatable": sorted(self.seen.own_unsafe),
            },
            "gas": self._gas(),
            "not_sent": dict(Counter(line["reason"] for line in self._lines("action-failed")).most_common(10)),
            "alerts": list(dict.fromkeys(line["text"] for line in self._lines("alert"))),
            "bugs": [line["reason"] for line in self._lines("bug")],
            "done": self._done(first, start),
        }

    def _markets(self, before: dict[str, Result], prices: ShakenPrices) -> dict[str, Any]:
        found: dict[str, Any] = {}
        after = self._results()
        for symbol, result in after.items():
            entry = self.chain.deployment.market(symbol)
            index = entry.index
            was = before.get(symbol, Result())
            native = self.keeper.observer.queries.markets[index].native
            earned = {
                name: round((getattr(result, name) - getattr(was, name)) / WAD, 6)
                for name in ("tips", "realised", "marked", "bonus", "deposited", "profit")
            }
            spot, sigma = self.seen.spot.get(index), self.seen.sigma.get(index)
            found[symbol] = {
                "spot": None
                if spot is None
                else dict(zip(("first", "least", "most", "last"), _wads(spot), strict=True)),
                "sigma": None if sigma is None else dict(zip(("first", "most"), _wads(sigma), strict=True)),
                "surface": index in prices.surfaces,
                "currency": entry.currency,
                "takes": result.takes - was.takes,
                "least_in_wallet": round(self.seen.wallet.get(index, 0) * native / WAD, 6),
                **earned,
            }
        return found

    def _gas(self) -> dict[str, Any]:
        attempts = self._attempts()
        return {
            "transactions": len(attempts),
            "coins": sum(a.paid for a in attempts) / WAD,
            "quote": round(sum(a.paid * a.coin_price for a in attempts) / WAD / WAD, 6),
            "reverted_coins": sum(a.paid for a in attempts if a.state == "reverted") / WAD,
        }

    def _attempts(self) -> list[Attempt]:
        return [a for sender in self.keeper.wallets.senders for a in sender.journal.all() if a.mined_block]

    def _done(self, first: int, start: int) -> list[dict[str, Any]]:
        """What was mined, in order."""
        attempts = sorted(self._attempts(), key=lambda a: (a.mined_block, a.account, a.nonce))[:KEPT]
        blocks = sorted({a.mined_block for a in attempts})
        headers = self.fork.rpc.batch_strict([("eth_getBlockByNumber", (to_hex(b), False)) for b in blocks])
        stamps = {b: to_int(header["timestamp"]) for b, header in zip(blocks, headers, strict=True)}
        return [
            {"minute": round((stamps[a.mined_block] - start) / 60, 1), "block": a.mined_block - first, "call": a.name,
             "key": a.key, "wallet": a.account, "outcome": a.state, "gas": a.gas_used}
            for a in attempts
        ]  # fmt: skip


def _wads(amounts: tuple[int, ...]) -> list[float]:
    return [round(amount / WAD, 6) for amount in amounts]


@contextmanager
def _fork(settings: Settings, deployment: Deployment) -> Iterator[Anvil]:
    """An Anvil that forks the first node that serves the deployment.

    Raises:
        BulkheadError: None does.
    """
    first: BulkheadError | None = None
    for provider in settings.providers:
        try:
            with Rpc(provider.url, timeout_seconds=max(provider.timeout_seconds, 20)) as node:
                deployment.check(node)
        except BulkheadError as error:
            first = first or error
            continue
        # another id: what is signed there is worth nothing on the chain itself
        other = CHAIN_ID if deployment.chain_id != CHAIN_ID else CHAIN_ID + 1
        extra = ("--no-mining", "--no-storage-caching")
        with Anvil(chain_id=other, accounts=0, block_seconds=None, extra=extra, fork=provider.url) as fork:
            yield fork
        return
    assert first is not None
    raise first


def rehearse(settings: Settings, shake: Shake, stream: TextIO | None = None) -> dict[str, Any]:
    """Plays it, and leaves nothing behind.

    Args:
        settings: Of the keeper.
        shake: What happens.
        stream: Where the keeper's log lines are copied to.

    Raises:
        BulkheadError: No node serves the deployment, or the keeper cannot start.
    """
    started = time.monotonic()
    planned = wallet_plans(settings)
    deployment = deployments.load(settings.deployment)
    log = io.StringIO()
    with doing("rehearsing") as activity, _fork(settings, deployment) as fork:
        there = replace(deployment, chain_id=fork.rpc.chain_id)
        chain = Connection(fork.rpc, there)
        policy = settings.policy
        policy = replace(policy, roles=policy.roles - LEFT_OUT, unwind=None)
        lines = JsonLog(log, settings.secrets([one.account for one in planned]))

        async def play() -> dict[str, Any]:
            keeper = await assemble(
                there, [Node(fork.url, timeout_seconds=PATIENCE_SECONDS)], planned, ":memory:", lines, policy,
                settings.fees(), settings.coin_market,
            )  # fmt: skip
            try:
                return await Rehearsal(fork, keeper, shake, chain, log).play(activity)
            finally:
                await keeper.close()

        try:
            found = asyncio.run(play())
        finally:
            if stream is not None:
                stream.write(log.getvalue())
    return {**found, "seconds": round(time.monotonic() - started, 1)}
