"""One replay from the first round to the last claim, and the record of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any, Protocol

from bulkhead.chain import anvil
from bulkhead.chain.book import Book
from bulkhead.chain.contract import Log, Query, decode_logs, read
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.lens import CellView, VaultView, cell_view, read_cells, vault_view
from bulkhead.chain.parameters import PARAMETERS
from bulkhead.chain.rpc import Call, to_bytes
from bulkhead.chain.sender import account_from_key
from bulkhead.chain.words import describe
from bulkhead.client import Bulkhead, PackageLeg, from_wad, to_strike
from bulkhead.keeper.launch import assemble
from bulkhead.keeper.log import JsonLog
from bulkhead.keeper.plan import Policy
from bulkhead.keeper.providers import Node
from bulkhead.keeper.service import Tick
from bulkhead.orders import PremiumStyle
from bulkhead.replay.audit import Audit, conservation, flows_of
from bulkhead.replay.bars import Bar
from bulkhead.replay.cast import EDGE, MAKER, MAKER_VOL, NOTIONAL, PARTS, ROLES, Part
from bulkhead.replay.rounds import Round, quiet_rounds, rounds_of
from bulkhead.replay.stage import Deployer, Stage, deploy_plainly
from bulkhead.report.model import Check, RunRecord, Sample, TakeRecord, VaultRecord
from bulkhead.risk import exact, margin
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord

DAY = 86_400
EXPIRY_HOUR = 8 * 3600
FRIDAY = 1
#: Blocks while an auction runs come this often, so that its bonus can grow.
AUCTION_STEP = 15
#: When nobody has taken for so long, the blocks come more rarely: the bonus has reached its end.
PATIENCE, SLOW_STEP = 900, 300
#: Looks of the keeper at one moment; more means that it acts without end.
MOST_LOOKS = 60
#: How often, and for how long each, to wait for the block that a send makes.
MOST_PAUSES, PAUSE_SECONDS = 100, 0.003
CENT = Decimal("0.01")
MICRO = Decimal("0.000001")


class KeeperDriver(Protocol):
    """What a replay needs of its keeper: that it has had its say at the newest block."""

    def settle_down(self) -> None:
        """Returns when the keeper has nothing to do at the newest block."""
        ...

    def stop(self) -> None:
        """Ends it."""
        ...


class InlineKeeper:
    """The keeper in this process, for the replay: the same loop body, ticked by hand."""

    def __init__(self, stage: Stage, log: JsonLog, policy: Policy | None = None, most_looks: int = MOST_LOOKS) -> None:
        self._most_looks = most_looks
        self._runner = asyncio.Runner()
        account = account_from_key(anvil.key(ROLES.index("keeper")))
        nodes = [Node(stage.anvil.url, timeout_seconds=60)]
        self.keeper = self._runner.run(assemble(stage.chain.deployment, nodes, account, ":memory:", log, policy))

    def settle_down(self) -> None:
        """Ticks until nothing is sent and nothing is in flight."""
        for _ in range(self._most_looks):
            done = self._runner.run(self._look())
            if done.block >= 0 and not done.sent and not done.pending:
                return
        raise BulkheadError(f"The keeper acted {self._most_looks} times at one moment; something is wrong with it.")

    async def _look(self) -> Tick:
        before = self.keeper.last
        head = await self.keeper.providers.head()
        for _ in range(MOST_PAUSES):
            if not (before.sent and before.pending and head.number == before.block):
                break
            # a node may answer a send before it mines it
            await asyncio.sleep(PAUSE_SECONDS)
            head = await self.keeper.providers.head()
        return await self.keeper.tick(head)

    def stop(self) -> None:
        """Closes connections and the loop."""
        self._runner.run(self.keeper.close())
        self._runner.close()


def choose_expiry(first_at: int, last_at: int) -> int:
    """The first expiry of the grid after the data, or the last one that can be traded at its start."""
    day = last_at // DAY * DAY + EXPIRY_HOUR
    expiry = day if day > last_at else day + DAY
    if expiry - first_at <= 7 * DAY:
        return expiry
    while expiry // DAY % 7 != FRIDAY:
        expiry += DAY
    while expiry - first_at > 56 * DAY:
        expiry -= 7 * DAY
    return expiry


@dataclass
class Plot:
    """What a replay plays: rounds, and where they come from."""

    source: str
    symbol: str
    rounds: list[Round]
    expiry: int

    @classmethod
    def of(cls, bars: Sequence[Bar], source: str, symbol: str) -> Plot:
        """From bars; what lies after the expiry is left out."""
        rounds = rounds_of(bars)
        expiry = choose_expiry(rounds[0].at, rounds[-1].at)
        played = [r for r in rounds if r.at < expiry]
        if len(played) < 2:
            raise BadInput("The price does not move enough for a replay: fewer than two oracle rounds.")
        played += quiet_rounds(played[-1], expiry)
        return cls(source, symbol, played, expiry)


@dataclass
class View:
    """What an onlooker of the replay gets after every step."""

    now: int
    step: int
    steps: int
    phase: str
    cell: CellView
    vaults: dict[int, VaultView]
    record: RunRecord


Onlooker = Callable[[View], None]


@dataclass
class Replay:
    """A replay that runs.

    Attributes:
        stage: Chain and people.
        plot: What is played.
        keeper: The keeper.
        look: Called after every step.
        parts: Who opens what.
    """

    stage: Stage
    plot: Plot
    keeper: KeeperDriver
    look: Onlooker = lambda view: None
    parts: Sequence[Part] = PARTS
    record: RunRecord = field(init=False)

    def __post_init__(self) -> None:
        first = self.plot.rounds[0]
        self.record = RunRecord(
            title=f"Bulkhead: {self.plot.symbol} through a crash",
            source=self.plot.source,
            symbol=self.plot.symbol,
            decimals=self.stage.market.decimals,
            started_at=first.at,
            ended_at=self.plot.rounds[-1].at,
            expiry=self.plot.expiry,
        )
        self.audit = Audit(self.stage.chain)
        self.book = Book(block=self.stage.chain.deployment.block - 1)
        self.logs: list[Log] = []
        self.stamps: dict[int, int] = {}
        self.cast: dict[int, VaultRecord] = {}
        self.custody: dict[int, str] = {}
        self.cell = (self.stage.market.index, self.plot.expiry)
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
        chain = self.stage.chain
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
        return now, [query.function.decode(to_bytes(a)) for query, a in zip(queries, answers, strict=True)]

    def _take_in(self, fresh: list[Log]) -> None:
        self.book.apply(fresh)
        blocks = sorted({log.block for log in fresh} - set(self.stamps))
        headers = self.stage.chain.rpc.batch_strict([("eth_getBlockByNumber", (hex(b), False)) for b in blocks])
        self.stamps.update({b: int(h["timestamp"], 16) for b, h in zip(blocks, headers, strict=True)})
        self.custody.update({v.vault_id: v.custody for v in self.book.vaults.values()})
        self.logs.extend(fresh)

    def _note(self, fresh: Sequence[Log]) -> None:
        """Flags and takes of the cast, each compared with the mirror."""
        moved = {(log.transaction, log.values.from_id): log.values.legs for log in fresh if log.event == "Novated"}
        for log in fresh:
            if log.event == "VaultFlagged":
                self.audit.flag(log)
                if log.values.vault_id in self.cast:
                    self.cast[log.values.vault_id].flagged_at.append(self.stamps[log.block])
            elif log.event == "VaultTaken":
                (word,) = read(
                    self.stage.chain.rpc,
                    [self.stage.chain["Liquidator"].query("market_word", self.cell[0])],
                    log.block,
                )
                same = self.audit.take(log, moved[log.transaction, log.values.vault_id], word)
                if log.values.vault_id in self.cast:
                    self._take(self.cast[log.values.vault_id], log, same)

    def _take(self, vault: VaultRecord, log: Log, same: bool) -> None:
        v = log.values
        risk = v.fraction * v.margin // WAD
        bonus = min(v.bonus_share * risk // WAD, max(v.equity, 0))
        vault.taken_at.append(self.stamps[log.block])
        vault.insurance_used += v.top_up
        vault.takes.append(
            TakeRecord(
                at=self.stamps[log.block],
                fraction=v.fraction / WAD,
                bonus_share=v.bonus_share / WAD,
                cash=v.cash,
                cut=v.cut,
                top_up=v.top_up,
                equity=v.equity / WAD,
                margin=v.margin / WAD,
                cost=bonus / WAD + v.cut / self.stage.unit,
                exact=same,
            )
        )

    def _show(self, phase: str) -> View:
        """Follows, samples every vault of the cast and tells the onlooker."""
        lens = self.stage.chain["Lens"]
        now, (market, states) = self._follow([lens.query("market", *self.cell), lens.query("vaults", list(self.cast))])
        cell = cell_view(self.cell, market)
        views = {v.vault_id: v for v in map(vault_view, states) if isinstance(v, VaultView)}
        for vault_id, view in views.items():
            if view.priced:
                self.cast[vault_id].samples.append(
                    Sample(
                        now,
                        view.equity / WAD,
                        view.maintenance_margin / WAD,
                        None if view.health is None or view.covered or not view.legs else view.health / WAD,
                    )
                )
        seen = View(now, self._step, len(self.plot.rounds), phase, cell, views, self.record)
        self.look(seen)
        return seen

    # --- opening ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Maker and traders open every vault of the cast through signed orders."""
        stage = self.stage
        cell = read_cells(stage.chain, [self.cell])[self.cell]
        maker = stage.people[MAKER]
        risk = RiskWord.unpack(cell.risk)
        packages = [(part, *self._package(part, cell, risk)) for part in self.parts]
        # the sum of what the other sides need alone is enough for the maker, whatever it nets to
        need = sum((deal.other_margin for _, deal, _ in packages), Decimal(0)) * 2 + NOTIONAL
        maker_vault = maker.vaults.open(stage.market.symbol, deposit=need.quantize(CENT))
        self._add(maker_vault, "counterparty of all", MAKER, maker, need)
        for part, deal, order in packages:
            signed = maker.orders.sign(maker_vault, self.plot.expiry, order.legs, order.side, order.price, order.size,
                                       good_for=900, premium_style=order.style)  # fmt: skip
            trader = stage.people[part.who]
            vault_id = trader.orders.fill(signed, deposit=deal.deposit)
            self._add(vault_id, part.title, part.who, trader, deal.deposit)
            self.keeper.settle_down()
            self._show("opening")
        for vault in self.cast.values():
            view = stage.people[vault.who].vaults.view(vault.vault_id)
            vault.legs = [describe(leg) for leg in view.legs]
            vault.im_at_open = float(from_wad(view.initial_margin))
        self._show("opening")

    def _add(self, vault_id: int, title: str, who: str, owner: Bulkhead, deposit: Decimal) -> None:
        self.cast[vault_id] = VaultRecord(
            vault_id=vault_id,
            title=title,
            owner=owner.address,
            who=who,
            model="ES",
            legs=[],
            opened_at=self.stage.now(),
            im_at_open=0.0,
            deposit=int(deposit.quantize(CENT) * self.stage.unit),
        )
        self.record.vaults.append(self.cast[vault_id])

    def _package(self, part: Part, cell: CellView, risk: RiskWord) -> tuple[Deal, Package]:
        """Price, size and deposit of a part at the present prices, by the mirror."""
        spot = from_wad(cell.snapshot.spot)
        tick = Decimal(PARAMETERS["tick"].read(self._trading_word())).scaleb(-8)
        lot = Decimal(cell.lot).scaleb(-6)
        size = max((NOTIONAL / spot / lot).to_integral_value() * lot, lot)
        legs = [
            PackageLeg(leg.kind, (spot * leg.strike / tick).to_integral_value(rounding=ROUND_HALF_UP) * tick, leg.ratio)
            for leg in part.legs
        ]
        unit = [Leg(leg.kind, to_strike(leg.strike), leg.ratio * 10**6) for leg in legs]
        quoted = replace(cell.snapshot, surface_near=MAKER_VOL, surface_far=0, surface_weight=0)
        mark = from_wad(exact.assess(unit, quoted, risk).value)
        edge = abs(mark) * EDGE if part.legs[0].kind is not Kind.FUTURE else Decimal(0)
        price = (mark + edge if part.buys else mark - edge).quantize(MICRO)
        sign = 1 if part.buys else -1
        held = [Leg(leg.kind, leg.strike, sign * leg.quantity * int(size * 10**6) // 10**6) for leg in unit]
        premium = price * size
        if part.deferred:
            held.append(Leg(Kind.CASH, 0, -sign * int((premium * 10**6).to_integral_value())))
        mine = margin.resolve(exact.assess(held, cell.snapshot, risk), 0, 0, risk, cell.snapshot)
        theirs = [Leg(leg.kind, leg.strike, -leg.quantity) for leg in held]
        other = margin.resolve(exact.assess(theirs, cell.snapshot, risk), 0, 0, risk, cell.snapshot)
        fee = max(abs(premium), abs(mark) * size, spot * size / 100) / 8
        upfront = Decimal(0) if part.deferred else sign * premium
        locked = Decimal(risk.deposit).scaleb(-6)
        if part.cushion:
            deposit = part.cushion * from_wad(mine.initial_margin) - from_wad(mine.equity) + upfront + locked
            # a premium is paid out of what is there before its legs are
            deposit = max(deposit, upfront + locked)
        else:
            deposit = upfront + locked
        deposit = max(deposit + min(fee, spot * size / 1000), locked * 2).quantize(CENT, rounding=ROUND_UP)
        style = PremiumStyle.DEFERRED if part.deferred else PremiumStyle.UPFRONT
        needs = from_wad(other.initial_margin) + abs(upfront) + max(-from_wad(other.equity), Decimal(0))
        order = Package(tuple(legs), "sell" if part.buys else "buy", price, size, style)
        return Deal(deposit, needs), order

    def _trading_word(self) -> int:
        return int(self.stage.chain["RiskParameters"].call("trading", self.cell[0]))

    # --- playing ----------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Every round, with the keeper's answer to it; between rounds the blocks that auctions need."""
        view = self._show("opening")
        for index, point in enumerate(self.plot.rounds):
            self._step = index + 1
            at = self.stage.push(point, view.now)
            self.keeper.settle_down()
            view = self._show("trading")
            self.record.prices.append((at, point.answer / 10**8, view.cell.snapshot.sigma / WAD))
            following = self.plot.rounds[index + 1].at if index + 1 < len(self.plot.rounds) else self.plot.expiry
            view = self._auctions(view, min(following, self.plot.expiry - 1))

    def _auctions(self, view: View, until_at: int) -> View:
        """Blocks while some vault is flagged, until the next round; returns the last view."""
        while flagged := [v.flagged_at for v in view.vaults.values() if v.flagged]:
            step = AUCTION_STEP if view.now - min(flagged) < PATIENCE else SLOW_STEP
            if view.now + step >= until_at:
                break
            self.stage.anvil.mine(view.now + step)
            self.keeper.settle_down()
            view = self._show("auction")
        return view

    def settle(self) -> None:
        """Past the expiry: the price is fixed, every vault settled, every claim paid."""
        legs = {i: v.legs for i, v in self.book.vaults.items()}
        for vault_id, vault in self.cast.items():
            vault.legs_at_expiry = [describe(leg) for leg in legs.get(vault_id, ())]
        last = self.plot.rounds[-1]
        first_log = len(self.logs)
        self.stage.push(Round(self.plot.expiry + 60, last.answer))
        for _ in range(4):
            self.keeper.settle_down()
            self.stage.wait_until(self.stage.now() + 60)
        self._show("settled")
        left = [i for i, v in self.book.vaults.items() if v.legs or v.claim or v.debt]
        self.record.checks.append(
            Check(
                "Everyone settled", not left, f"vaults not settled: {left}" if left else "no legs, claims or debts left"
            )
        )
        chain = self.stage.chain
        price = int(chain["ExpiryPrices"].call("price", *self.cell))
        state = chain["Settlement"].call("cell_state", *self.cell)
        window = PARAMETERS["window_seconds"].read(int(chain["RiskParameters"].call("oracle", self.cell[0])))
        self.record.expiry_price = price / WAD
        self.record.recovery = state.ratio / WAD
        self.record.checks.append(self.audit.expiry_price(price, self.stage.rounds, self.plot.expiry, window))
        self.record.checks.append(self.audit.settlement(self.logs[first_log:], legs, price, self.stage.market))

    # --- sums -------------------------------------------------------------------------------------------------

    def close(self) -> RunRecord:
        """Balances, flows and sums; then every owner takes home what is in the vaults."""
        stage, record = self.stage, self.record
        token = stage.market.token
        flows = flows_of(self.logs, self.stamps, self.custody)
        held = dict(
            zip(
                self.custody,
                read(stage.chain.rpc, [token.query("balanceOf", a) for a in self.custody.values()]),
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
        self._note_settlement()
        for vault_id, vault in self.cast.items():
            vault.flows = flows.get(vault_id, [])
            vault.equity_end = held[vault_id]
        for vault_id, vault in self.cast.items():
            stage.people[vault.who].vaults.close(vault_id)
        self._follow()
        balances = self._held()
        totals, difference = conservation(self.logs, balances, self.custody)
        claims = sum(1 for log in self.logs if log.event == "ClaimPaid")
        totals["conservation_difference"] = difference
        record.totals = totals
        record.checks += self.audit.checks()
        record.checks.append(
            Check(
                "Conservation",
                difference == 0 and balances["vaults"] == 0 and balances["cells"] <= claims,
                f"tokens in less tokens out less tokens held: {difference} native units; "
                f"dust left in the cell: {balances['cells']}",
            )
        )
        return record

    def _note_settlement(self) -> None:
        """Net of each vault, and its part of what insurance paid into the cell, by its shortfall."""
        settled = [log.values for log in self.logs if log.event == "VaultSettled"]
        drawn = sum(log.values.amount for log in self.logs if log.event == "CellInsured")
        short = sum(v.shortfall for v in settled)
        for v in settled:
            if v.vault_id in self.cast:
                self.cast[v.vault_id].settled_net = v.net
                self.cast[v.vault_id].insurance_used += drawn * v.shortfall // short if short else 0

    def _held(self) -> dict[str, int]:
        """Tokens in the protocol's hands, by kind of holder."""
        chain, token = self.stage.chain, self.stage.market.token
        cell = str(chain["Clearinghouse"].call("cell_custody", *self.cell))
        pot = str(chain["InsuranceFund"].call("pot", self.cell[0]))
        holders = [*self.custody.values(), cell, pot, chain["Exchange"].address]
        *vaults, in_cell, insurance, fees = read(chain.rpc, [token.query("balanceOf", a) for a in holders])
        return {"vaults": sum(vaults), "cells": in_cell, "insurance": insurance, "fees": fees}


@dataclass(frozen=True)
class Package:
    """What the maker signs for a part."""

    legs: tuple[PackageLeg, ...]
    side: str
    price: Decimal
    size: Decimal
    style: PremiumStyle


@dataclass(frozen=True)
class Deal:
    """What a part needs: the trader's deposit, and the margin of the maker's side [quote]."""

    deposit: Decimal
    other_margin: Decimal


def run(
    plot: Plot,
    keeper: Callable[[Stage], KeeperDriver],
    deployer: Deployer = deploy_plainly,
    look: Onlooker | None = None,
) -> RunRecord:
    """Plays a plot from deployment to the last claim."""
    started = time.monotonic()
    with Stage(plot.symbol, plot.rounds[0], deployer) as stage:
        stage.push(plot.rounds[0])
        driver = keeper(stage)
        try:
            driver.settle_down()
            replay = Replay(stage, Plot(plot.source, plot.symbol, plot.rounds[1:], plot.expiry), driver)
            if look is not None:
                replay.look = look
            replay.record.started_at = plot.rounds[0].at
            record = replay.through()
        finally:
            driver.stop()
    record.seconds = time.monotonic() - started
    return record


__all__ = ["InlineKeeper", "KeeperDriver", "Plot", "Replay", "View", "choose_expiry", "run"]
