"""One replay from the first round to the last claim, and the record of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bulkhead.chain.contract import Log, Query, decode_logs, read
from bulkhead.chain.lens import CellView, VaultView, cell_view, vault_view
from bulkhead.chain.parameters import PARAMETERS
from bulkhead.chain.rpc import Call, Rpc, to_bytes
from bulkhead.chain.vaults_from_logs import Book
from bulkhead.chain.words import describe
from bulkhead.client import from_wad
from bulkhead.client.history import IDS
from bulkhead.progress import Activity, doing
from bulkhead.replay.audit import Audit, conservation, flows_of
from bulkhead.replay.coins import CoinMarket
from bulkhead.replay.keepers import KeeperDriver
from bulkhead.replay.market import LEAD_SECONDS, Deployer, LocalMarket, deploy_plainly
from bulkhead.replay.notes import note_settlement, note_take
from bulkhead.replay.offers import MarketTerms, offer_for
from bulkhead.replay.participants import MAKER, NOTIONAL, PLANNED_VAULTS, PlannedVault
from bulkhead.replay.price_paths.path import PricePath
from bulkhead.replay.price_paths.rounds import Round
from bulkhead.report.model import Check, RunRecord, Sample, VaultRecord
from bulkhead.risk.words import WAD

#: Blocks while an auction runs come this often, so that its bonus can grow.
AUCTION_STEP = 15
#: When nobody has taken for so long, the blocks come more rarely: the bonus has reached its end.
PATIENCE, SLOW_STEP = 900, 300
CENT = Decimal("0.01")
#: After blocks with one of these all books are read.
CHANGING = ("VaultFlagged", "VaultTaken", "VaultSettled", "ClaimPaid")


@dataclass
class View:
    """What an observer of the replay gets after every step."""

    now: int
    step: int
    steps: int
    phase: str
    cell: CellView
    vaults: dict[int, VaultView]
    record: RunRecord


Observer = Callable[[View], None]


@dataclass
class Replay:
    """A replay that runs.

    Attributes:
        local: Chain and people.
        path: What is played.
        keeper: The keeper.
        look: Called after every step.
        planned: Who opens what.
        coins: What is played beside it in a market that counts coins, None for nothing.
    """

    local: LocalMarket
    path: PricePath
    keeper: KeeperDriver
    look: Observer = lambda view: None
    planned: Sequence[PlannedVault] = PLANNED_VAULTS
    coins: CoinMarket | None = None
    record: RunRecord = field(init=False)

    def __post_init__(self) -> None:
        first = self.path.rounds[0]
        self.record = RunRecord(
            title=f"Bulkhead: {self.path.symbol} through a crash",
            source=self.path.source,
            symbol=self.path.symbol,
            decimals=self.local.market.decimals,
            started_at=first.at,
            ended_at=self.path.rounds[-1].at,
            expiry=self.path.expiry,
        )
        self.audit = Audit(self.local.chain)
        self.book = Book(block=self.local.chain.deployment.block - 1)
        self.logs: list[Log] = []
        self.stamps: dict[int, int] = {}
        self.vaults: dict[int, VaultRecord] = {}
        self.custody: dict[int, str] = {}
        self.cell = (self.local.market.index, self.path.expiry)
        #: Vaults of other markets, whose tokens are none of this one's.
        self._elsewhere: set[int] = set()
        self._step = 0

    def through(self) -> RunRecord:
        """From the first vault to the last claim."""
        self.open()
        self.play()
        self.settle()
        return self.close()

    # --- following the chain ----------------------------------------------------------------------------------

    def _follow(self, queries: Sequence[Query] = ()) -> tuple[int, list[Any]]:
        """Takes in new logs with their stamps, and reads views at the same block in the same post.

        Returns:
            (stamp of the newest block, answers of the views).
        """
        chain = self.local.chain
        header = chain.rpc.block()
        head, now = int(header["number"], 16), int(header["timestamp"], 16)
        self.stamps[head] = now
        addresses = [contract.address for contract in chain.speakers.values()]
        span = {"address": addresses, "fromBlock": hex(self.book.block + 1), "toBlock": hex(head)}
        calls: list[Call] = [query.request(head) for query in queries]
        if head > self.book.block:
            calls.append(("eth_getLogs", (span,)))
        answers = chain.rpc.batch_strict(calls)
        if head > self.book.block:
            fresh = decode_logs(answers.pop(), chain.speakers)
            self._take_in(fresh)
            self.book.block = head
            self._note(fresh)
            if any(log.event in CHANGING for log in fresh):
                self.audit.promises(self.book, self.cell, head)
        return now, [query.function.decode(to_bytes(a)) for query, a in zip(queries, answers, strict=True)]

    def _take_in(self, fresh: list[Log]) -> None:
        self.book.apply(fresh)
        opened = (log.values for log in fresh if log.event == "VaultOpened")
        self._elsewhere |= {int(v.vault_id) for v in opened if v.market != self.cell[0]}
        blocks = sorted({log.block for log in fresh} - set(self.stamps))
        headers = self.local.chain.rpc.batch_strict([("eth_getBlockByNumber", (hex(b), False)) for b in blocks])
        self.stamps.update({b: int(h["timestamp"], 16) for b, h in zip(blocks, headers, strict=True)})
        mine = (v for v in self.book.vaults.values() if v.market == self.cell[0])
        self.custody.update({v.vault_id: v.custody for v in mine})
        self.logs.extend(log for log in fresh if self._is_mine(log))

    def _is_mine(self, log: Log) -> bool:
        """Whether a log is about the market that is played, or about none."""
        if log.values.get("market", self.cell[0]) != self.cell[0]:
            return False
        return not any(log.values.get(name) in self._elsewhere for name in IDS)

    def _note(self, fresh: Sequence[Log]) -> None:
        """Flags and takes of the replay, each compared with the mirror."""
        moved = {(log.transaction, log.values.from_id): log.values.legs for log in fresh if log.event == "Novated"}
        for log in fresh:
            if self.coins is not None and log.event in ("VaultFlagged", "VaultTaken"):
                self.coins.note(log.event, log.values)
            if log.event == "VaultFlagged":
                self.audit.flag(log)
                if log.values.vault_id in self.vaults:
                    self.vaults[log.values.vault_id].flagged_at.append(self.stamps[log.block])
            elif log.event == "VaultTaken":
                (word,) = read(
                    self.local.chain.rpc,
                    [self.local.chain["Liquidator"].query("market_word", self.book.vaults[log.values.vault_id].market)],
                    log.block,
                )
                same = self.audit.take(log, moved[log.transaction, log.values.vault_id], word)
                if log.values.vault_id in self.vaults:
                    at = self.stamps[log.block]
                    note_take(self.vaults[log.values.vault_id], log.values, at, same, self.local.unit)

    def _show(self, phase: str) -> View:
        """Follows, samples every vault of the replay and tells the observer."""
        lens = self.local.chain["Lens"]
        now, (market, states) = self._follow(
            [lens.query("market", *self.cell), lens.query("vaults", list(self.vaults))]
        )
        cell = cell_view(self.cell, market, self.local.market.units)
        told = (vault_view(state, self.local.chain.units) for state in states)
        views = {v.vault_id: v for v in told if isinstance(v, VaultView)}
        for vault_id, view in views.items():
            if view.priced:
                self.vaults[vault_id].samples.append(
                    Sample(
                        now,
                        view.equity / WAD,
                        view.maintenance_margin / WAD,
                        None if view.health is None or view.covered or not view.legs else view.health / WAD,
                    )
                )
        if self.coins is not None:
            self.coins.look()
        seen = View(now, self._step, len(self.path.rounds), phase, cell, views, self.record)
        self.look(seen)
        return seen

    # --- opening ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Maker and traders open every planned vault through signed orders."""
        local = self.local
        terms = MarketTerms.read(local, self.cell)
        maker = local.people[MAKER]
        offers = [(planned, offer_for(planned, terms)) for planned in self.planned]
        # the sum of what the other sides need alone is enough for the maker, whatever it nets to
        need = sum((offer.maker_margin for _, offer in offers), Decimal(0)) * 2 + NOTIONAL
        maker_vault = maker.vaults.open(local.market.symbol, deposit=need.quantize(CENT))
        self._add(maker_vault, "counterparty of all", MAKER, need)
        for planned, offer in offers:
            signed = maker.orders.sign(maker_vault, self.path.expiry, offer.legs, offer.side, offer.price, offer.size,
                                       good_for=900, premium_style=offer.style)  # fmt: skip
            vault_id = local.people[planned.who].orders.fill(signed, deposit=offer.deposit)
            self._add(vault_id, planned.title, planned.who, offer.deposit)
            self.keeper.settle_down()
            self._show("opening")
        for vault in self.vaults.values():
            view = local.people[vault.who].vaults.view(vault.vault_id)
            vault.legs = [describe(leg) for leg in view.legs]
            vault.im_at_open = float(from_wad(view.initial_margin))
        if self.coins is not None:
            self.coins.open()
            self.keeper.settle_down()
        self._show("opening")

    def _add(self, vault_id: int, title: str, who: str, deposit: Decimal) -> None:
        self.vaults[vault_id] = VaultRecord(
            vault_id=vault_id,
            title=title,
            owner=self.local.people[who].address,
            who=who,
            model="ES",
            legs=[],
            opened_at=self.local.now(),
            im_at_open=0.0,
            deposit=int(deposit.quantize(CENT) * self.local.unit),
        )
        self.record.vaults.append(self.vaults[vault_id])

    # --- playing ----------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Every round, with the keeper's answer to it; between rounds the blocks that auctions need."""
        view = self._show("opening")
        with doing("playing rounds", len(self.path.rounds)) as activity:
            self._rounds(view, activity)

    def _rounds(self, view: View, activity: Activity) -> None:
        for index, point in enumerate(self.path.rounds):
            self._step = index + 1
            activity.done = index
            at = self.local.push(point, view.now)
            self.keeper.settle_down()
            view = self._show("trading")
            self.record.prices.append((at, point.answer / 10**8, view.cell.snapshot.sigma / WAD))
            following = self.path.rounds[index + 1].at if index + 1 < len(self.path.rounds) else self.path.expiry
            view = self._auctions(view, min(following, self.path.expiry - 1))

    def _auctions(self, view: View, until_at: int) -> View:
        """Blocks while some vault is flagged, until the next round; returns the last view."""
        while flagged := [v.flagged_at for v in view.vaults.values() if v.flagged]:
            step = AUCTION_STEP if view.now - min(flagged) < PATIENCE else SLOW_STEP
            if view.now + step >= until_at:
                break
            self.local.anvil.mine(view.now + step)
            self.keeper.settle_down()
            view = self._show("auction")
        return view

    def settle(self) -> None:
        """Past the expiry: the price is fixed, every vault settled, every claim paid."""
        legs = {i: v.legs for i, v in self.book.vaults.items() if i not in self._elsewhere}
        for vault_id, vault in self.vaults.items():
            vault.legs_at_expiry = [describe(leg) for leg in legs.get(vault_id, ())]
        last = self.path.rounds[-1]
        first_log = len(self.logs)
        self.local.push(Round(self.path.expiry + 60, last.answer))
        chain = self.local.chain
        word = int(chain["RiskParameters"].call("oracle", self.cell[0]))
        # feeds may show rounds of the window until then
        self.local.wait_until(self.path.expiry + PARAMETERS["settle_delay"].read(word))
        for _ in range(4):
            self.keeper.settle_down()
            self.local.wait_until(self.local.now() + 60)
        self._show("settled")
        left = [i for i, v in self.book.vaults.items() if v.legs or v.claim or v.debt]
        self.record.checks.append(
            Check(
                "Everyone settled", not left, f"vaults not settled: {left}" if left else "no legs, claims or debts left"
            )
        )
        price = int(chain["ExpiryPrices"].call("price", *self.cell))
        state = chain["Settlement"].call("cell_state", *self.cell)
        window = PARAMETERS["window_seconds"].read(word)
        self.record.expiry_price = price / WAD
        self.record.recovery = state.ratio / WAD
        self.record.checks.append(self.audit.expiry_price(price, self.local.rounds, self.path.expiry, window))
        self.record.checks.append(self.audit.settlement(self.logs[first_log:], legs, price, self.local.market))

    # --- sums -------------------------------------------------------------------------------------------------

    def close(self) -> RunRecord:
        """Balances, flows and sums; then every owner takes home what is in the vaults."""
        local, record = self.local, self.record
        token = local.market.token
        # a keeper may have gone on since the last look: flows and balances are those of one block
        self._follow()
        flows = flows_of(self.logs, self.stamps, self.custody)
        held = dict(
            zip(
                self.custody,
                read(local.chain.rpc, [token.query("balanceOf", a) for a in self.custody.values()], self.book.block),
                strict=True,
            )
        )
        unexplained = [i for i, amount in held.items() if sum(f.amount for f in flows.get(i, [])) != amount]
        record.checks.append(
            Check(
                "Flows",
                not unexplained,
                f"vaults whose logs do not explain their tokens: {unexplained}"
                if unexplained
                else f"the logs explain every token of all {len(held)} vaults",
            )
        )
        note_settlement(self.vaults, self.logs)
        for vault_id, vault in self.vaults.items():
            vault.flows = flows.get(vault_id, [])
            vault.equity_end = held[vault_id]
        for vault_id, vault in self.vaults.items():
            local.people[vault.who].vaults.close(vault_id)
        self._follow()
        balances = self._held()
        totals, difference = conservation(self.logs, balances, self.custody)
        claims = sum(1 for log in self.logs if log.event == "ClaimPaid")
        totals["conservation_difference"] = difference
        record.totals = totals
        record.checks += self.audit.checks()
        if self.coins is not None:
            record.coins = self.coins.lines()
            record.checks.append(self.coins.check())
        record.checks.append(
            Check(
                "Conservation",
                difference == 0 and balances["vaults"] == 0 and balances["cells"] <= claims,
                f"tokens in less tokens out less tokens held: {difference} native units; "
                f"dust left in the cell: {balances['cells']}"
                + (f"; left in vaults: {balances['vaults']}" if balances["vaults"] else ""),
            )
        )
        return record

    def _held(self) -> dict[str, int]:
        """Tokens in the protocol's hands, by kind of holder."""
        chain, token = self.local.chain, self.local.market.token
        cell = str(chain["Clearinghouse"].call("cell_custody", *self.cell))
        pot = str(chain["InsuranceFund"].call("pot", self.cell[0]))
        holders = [*self.custody.values(), cell, pot, chain["Exchange"].address]
        *vaults, in_cell, insurance, fees = read(chain.rpc, [token.query("balanceOf", a) for a in holders])
        return {"vaults": sum(vaults), "cells": in_cell, "insurance": insurance, "fees": fees}


def run(
    path: PricePath,
    keeper: Callable[[LocalMarket], KeeperDriver],
    deployer: Deployer = deploy_plainly,
    look: Observer | None = None,
    fork: str | None = None,
    coins: bool = False,
) -> RunRecord:
    """Plays a path from deployment to the last claim; on a fork of a node's chain so many weeks later.

    Args:
        path: What is played.
        keeper: Makes the keeper.
        deployer: What deploys.
        look: Called after every step.
        fork: Node whose chain is forked.
        coins: With vaults in a market beside it that counts coins.
    """
    started = time.monotonic()
    if fork is not None:
        with Rpc(fork) as node:
            path = path.starting_after(node.timestamp() + LEAD_SECONDS)
    with LocalMarket(path.symbol, path.rounds[0], deployer, fork=fork, coins=coins) as local:
        local.push(path.rounds[0])
        driver = keeper(local)
        try:
            driver.settle_down()
            replay = Replay(local, PricePath(path.source, path.symbol, path.rounds[1:], path.expiry), driver)
            if look is not None:
                replay.look = look
            if coins:
                replay.coins = CoinMarket(local, path.expiry)
            replay.record.started_at = path.rounds[0].at
            record = replay.through()
        finally:
            driver.stop()
    record.seconds = time.monotonic() - started
    return record
