"""A drill: a crash file, hundreds of vaults, blocks that come when they come, and this keeper; was any vault missed?

The keeper is a process of its own, started as `bulkhead keeper run` starts it. Each oracle round is a block; two blocks
of 12 seconds follow it, then, while auctions run, some more until the next round. After a round that left nothing
unsafe, flagged or in flight the next block is the next round: that is all that is skipped. The keeper looks at every
block and its transactions are mined in the next one. An observer, apart from the keeper, values every vault at every
block with the numpy mirror and asks the Lens about those near their edge: a vault is unsafe when the Lens says
liquidatable, and late when it stays so without a flag for more than two blocks although its equity covered the flagging
bonus when it became unsafe.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from bulkhead.chain.contract import decode_logs
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.invariant_state import broken
from bulkhead.chain.lens import CellView, VaultView, cell_view, read_vaults
from bulkhead.chain.rpc import to_bytes
from bulkhead.keeper.safe_ranges import Shelf
from bulkhead.replay.keepers import KeeperProcess
from bulkhead.replay.many_vaults import ManyVaults, members
from bulkhead.replay.market import PUSH_GAS, LocalMarket
from bulkhead.replay.price_paths.bars import Bar
from bulkhead.replay.price_paths.path import choose_expiry
from bulkhead.replay.price_paths.rounds import Round, rounds_of
from bulkhead.risk.auction import LiquidationTerms
from bulkhead.risk.words import WAD, RiskWord

#: Seconds between blocks after a round, and between blocks while auctions wait for the next round.
BLOCK_SECONDS, AUCTION_SECONDS = 12, 60
#: Blocks after a round at which nothing may be unsafe and unflagged any more.
ALLOWED_BLOCKS = 2
#: Blocks between two rounds at most.
MOST_BETWEEN = 12
#: Blocks whose state the chain keeps.
HISTORY = 256


@dataclass
class Outcome:
    """What a drill found.

    Attributes:
        rounds: Rounds played.
        blocks: Blocks mined.
        vaults: How many were opened.
        unsafe: Times a vault became unsafe.
        flagged: Flags that were mined.
        taken: Takes that were mined.
        missed: Vaults that were unsafe at the end and never flagged.
        late: (vault, blocks) that waited for longer than allowed.
        thin: Late ones whose equity did not cover the bonus when they became unsafe.
        worst: Most blocks that an unsafe vault waited for its flag.
        gas: Gas paid [wei], of all and of reverted transactions.
        reverted: Transactions that reverted.
        mismatches: Differences that the keeper's reconciling found.
        bugs: Unexpected errors in the keeper.
        broken: Promises that the books break at the end (bulkhead.risk.invariants).
        seconds: Time it took.
        load: Load average of the machine at the end.
    """

    rounds: int = 0
    blocks: int = 0
    vaults: int = 0
    unsafe: int = 0
    flagged: int = 0
    taken: int = 0
    missed: list[int] = field(default_factory=list)
    late: list[tuple[int, int]] = field(default_factory=list)
    thin: int = 0
    worst: int = 0
    gas: int = 0
    gas_reverted: int = 0
    reverted: int = 0
    mismatches: int = 0
    bugs: int = 0
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0
    load: float = 0.0

    @property
    def passed(self) -> bool:
        """Nothing missed, nothing late, no bug, no broken promise, at most 1 % of gas wasted."""
        return not (self.missed or self.late or self.bugs or self.broken) and self.gas_reverted * 100 <= self.gas

    def lines(self) -> list[str]:
        """For people."""
        wasted = self.gas_reverted / self.gas if self.gas else 0.0
        return [
            f"{self.vaults} vaults, {self.rounds} rounds, {self.blocks} blocks in {self.seconds:.0f} s "
            f"(load {self.load:.1f})",
            f"{self.unsafe} times a vault became unsafe; {self.flagged} flags, {self.taken} takes",
            f"missed {len(self.missed)}, late {len(self.late)} (and {self.thin} without equity for the bonus); "
            f"longest wait for a flag {self.worst} blocks",
            f"reverted {self.reverted} transactions, {wasted:.2%} of the gas",
            f"mismatches {self.mismatches}, bugs {self.bugs}",
            f"broken promises {len(self.broken)}" + "".join(f"\n  {one}" for one in self.broken[:5]),
        ]


def window(bars: Sequence[Bar], hours: float) -> list[Bar]:
    """The stretch of so many hours in which the price falls furthest, by its lowest low after its highest high."""
    if not hours:
        return list(bars)
    length = max(int(hours * 3600 / bars[0].seconds), 2)
    best, at = 0.0, 0
    for start in range(0, max(len(bars) - length, 1), max(length // 8, 1)):
        part = bars[start : start + length]
        fall, top = 0.0, float(part[0].high)
        for bar in part:
            top = max(top, bar.high)
            fall = max(fall, 1 - bar.low / top)
        if fall > best:
            best, at = fall, start
    return list(bars[at : at + length])


class Drill:
    """One drill on a local market."""

    def __init__(
        self, local: LocalMarket, keeper: KeeperProcess, many: ManyVaults, tell: Callable[[str], None]
    ) -> None:
        self.local, self.keeper, self.many, self.tell = local, keeper, many, tell
        self.outcome = Outcome(vaults=len(many.opened))
        self.own = local.people["keeper"].address.lower()
        self._since: dict[int, tuple[int, bool]] = {}
        self._rpc = local.anvil.rpc
        self._book = local.chain.book()
        self._shelf: Shelf | None = None
        self._read = 0
        self._now = local.now()

    def play(self, rounds: Sequence[Round]) -> Outcome:
        """Every round."""
        for number, point in enumerate(rounds):
            until = rounds[number + 1].at if number + 1 < len(rounds) else point.at + BLOCK_SECONDS * 4
            busy = self._block(max(point.at, self._now + 1), point.answer)
            for _ in range(ALLOWED_BLOCKS):
                if busy:
                    busy = self._block(self._now + BLOCK_SECONDS)
            for _ in range(MOST_BETWEEN):
                at = self._now + AUCTION_SECONDS
                if not busy or at >= until:
                    break
                busy = self._block(at)
            self.outcome.rounds += 1
            if number % 100 == 99:
                self.tell(f"{number + 1} of {len(rounds)} rounds, {self.outcome.unsafe} unsafe so far")
        self._finish()
        return self.outcome

    def _block(self, at: int, answer: int | None = None) -> bool:
        """Mines a block, lets the keeper act, checks; returns whether something is unsafe, flagged or in flight."""
        if answer is not None:
            pusher = self.local.people["deployer"].address
            data = self.local.feed.encode("push", answer, at)
            plan = {"from": pusher, "to": self.local.feed.address, "data": "0x" + data.hex(), "gas": hex(PUSH_GAS)}
            # the round is the first thing in its block
            fees = {"maxFeePerGas": hex(10**13), "maxPriorityFeePerGas": hex(10**12)}
            self._rpc.call("eth_sendTransaction", {**plan, **fees})
        self.local.anvil.mine(at)
        self._now = at
        self.outcome.blocks += 1
        block = self._rpc.block_number()
        # what the keeper sends meanwhile waits for the next block
        busy = self._check(block)
        tick, self._read = self.keeper.wait_for_look(block, self._read)
        # Anvil may answer a read at its newest block from the block that it is just mining
        _, self._read = self.keeper.wait_for(lambda line: line["event"] == "completed", self._read)
        return busy or tick["pending"] > 0

    def _check(self, block: int) -> bool:
        """Who is unsafe and unflagged at a block, by an observer of its own; whether anything is unsafe or flagged."""
        cell, chain = self.many.cell, self.local.chain
        query = chain["Lens"].query("market", *cell)
        span = {"address": [c.address for c in chain.speakers.values()], "toBlock": hex(block),
                "fromBlock": hex(self._book.block + 1)}  # fmt: skip
        answer, entries = self._rpc.batch_strict([query.request(block), ("eth_getLogs", (span,))])
        if self._book.apply(decode_logs(entries, chain.speakers)):
            self._shelf = None
        self._book.block = block
        view = cell_view(cell, query.function.decode(to_bytes(answer)), self.local.market.units)
        if not view.active:
            return False
        near = self._near(view)
        views = [v for v in read_vaults(self.local.chain, near, block) if isinstance(v, VaultView)]
        if len(views) != len(near):
            raise BulkheadError("The Lens could not tell about every vault of the drill.")
        unsafe = {v.vault_id: v for v in views if v.liquidatable and v.owner.lower() != self.own}
        for vault_id, vault in unsafe.items():
            if vault.flagged:
                continue
            if vault_id not in self._since:
                start = LiquidationTerms.unpack(view.liquidation).bonus_start
                covered = vault.equity * WAD >= start * vault.maintenance_margin
                self._since[vault_id] = (block, covered)
                self.outcome.unsafe += 1
        for vault_id in list(self._since):
            first, covered = self._since[vault_id]
            waited = block - first
            if vault_id not in unsafe or unsafe[vault_id].flagged:
                del self._since[vault_id]
                self.outcome.worst = max(self.outcome.worst, waited)
            elif waited == ALLOWED_BLOCKS + 1:
                if covered:
                    self.outcome.late.append((vault_id, waited))
                else:
                    self.outcome.thin += 1
        return bool(self._since) or any(v.flagged for v in views)

    def _near(self, view: CellView) -> list[int]:
        """Vaults below 1.03 times MM by the mirror, from a book of the observer's own."""
        if self._shelf is None:
            self._shelf = Shelf.of([r for r in self._book.vaults.values() if r.legs], view)
        bad = self._shelf.unsafe(view.snapshot, RiskWord.unpack(view.risk), slack=0.03)
        flagged = [r.vault_id for r in self._book.vaults.values() if r.flagged]
        return sorted({int(i) for i in self._shelf.ids[bad]} | set(flagged))

    def _finish(self) -> None:
        o = self.outcome
        o.missed = sorted(i for i, (first, covered) in self._since.items() if covered)
        self.keeper.stop()
        done = self.keeper.last_line()
        o.gas, o.gas_reverted, o.reverted = done["gas"], done["gas_reverted"], done["reverted"]
        o.mismatches, o.bugs = done["mismatches"], len(self.keeper.events("bug"))
        chain = self.local.chain
        book = chain.book()
        o.broken = broken(chain, book, [self.many.cell], book.block)
        logs = chain.logs()
        o.flagged = sum(log.event == "VaultFlagged" for log in logs)
        o.taken = sum(log.event == "VaultTaken" for log in logs)
        o.load = os.getloadavg()[0]


def run_drill(
    bars: Sequence[Bar],
    vaults: int,
    stream: TextIO | None = None,
    seed: int = 1,
    tell: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Plays bars against many vaults and a keeper.

    Args:
        bars: The crash.
        vaults: How many are opened.
        stream: Where the keeper's lines are copied to.
        seed: Of their cushions.
        tell: Hears of progress.
    """
    started = time.monotonic()
    rounds = rounds_of(bars)
    expiry = choose_expiry(rounds[0].at, rounds[-1].at)
    with LocalMarket("ETH", rounds[0], history=HISTORY) as local:
        local.push(rounds[0])
        local.push(Round(rounds[0].at + 60, rounds[0].answer))
        many = ManyVaults(local, expiry)
        many.open(members(vaults, seed, least=1.12, most=2.2))
        minter = local.people["deployer"].signer
        minter.forget_nonce()
        minter.execute(local.market.token, "mint", local.people["keeper"].address, 10**8 * local.unit)
        rpc = local.anvil.rpc
        rpc.call("evm_setAutomine", False)
        rpc.call("evm_setBlockGasLimit", hex(200_000_000))
        with KeeperProcess(local, stream=stream) as keeper:
            keeper.wait_for(lambda line: line["event"] == "tick")
            outcome = Drill(local, keeper, many, tell).play([r for r in rounds[1:] if r.at < expiry])
    outcome.seconds = time.monotonic() - started
    return outcome
