"""A sample of random vaults of each crash through the real contracts on Anvil, compared with the mirrors.

`python -m benchmarks.crash --chain 100`. Every vault is opened through a signed order. Then the feed writes its rounds
and a desk does what the play of bulkhead/risk/crash does: it flags some blocks after a round, and takes in the first
block in which what a take leaves it pays its cost. Which vaults are below their margin it asks of the vectorised
mirror, the contracts then decide. Each flag and take is compared with the exact mirror to the wei (equity, MM, bonus
share, fraction, cash, cut, legs) and with the vectorised mirror in relative terms; settlement, claims and the sum of
all tokens to the native unit.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from bulkhead.chain.contract import Contract, Log
from bulkhead.client import MAX_UINT
from bulkhead.client.packages import PackageLeg
from bulkhead.replay.audit import Audit
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.participants import NOTIONAL, TRADERS, PlannedVault
from bulkhead.replay.price_paths.path import PricePath, choose_expiry
from bulkhead.replay.price_paths.rounds import Round, quiet_rounds
from bulkhead.replay.run import Replay
from bulkhead.risk import auction, batch
from bulkhead.risk.crash import BLOCK, Settings
from bulkhead.risk.words import BPS, WAD, Kind, RiskWord, Snapshot

#: Strikes as shares of the first price: few enough that one maker vault can be everybody's counterparty.
STRIKES = ("0.8", "0.9", "1", "1.1", "1.2")
#: Equity at the opening over IM: room for the fee and for the extra IM that new risk near liquidation needs.
CUSHION = Decimal("1.08")
#: Tokens everybody gets beside the replay's purses [quote].
PURSE = 20_000_000
#: What the desk puts into the vault that it takes into [quote].
CAPITAL = 10_000_000
#: A price that nobody has looked at for longer restarts the auctions: look more often while one runs [seconds].
LOOK_SECONDS = 600
GAS = 5_000_000
NO_LIMITS = [-(2**200), 0, 0, 0, 0]


def random_vaults(count: int, seed: int) -> list[PlannedVault]:
    """Random vaults of one to three legs for the replay's traders."""
    draw = random.Random(seed)
    found = []
    for i in range(count):
        legs: dict[tuple[Kind, str], PackageLeg] = {}
        shape = draw.random()
        if shape < 0.15:
            legs[Kind.FUTURE, "0"] = PackageLeg(Kind.FUTURE, Decimal(0), 1)
        while not legs or (shape >= 0.15 and len(legs) < 1 + int(shape * 3)):
            kind, strike = draw.choice([Kind.CALL, Kind.PUT]), draw.choice(STRIKES)
            legs.setdefault((kind, strike), PackageLeg(kind, Decimal(strike), draw.choice([-1, 1, 1])))
        deferred = shape < 0.15 or draw.random() < 0.2
        who = TRADERS[i % len(TRADERS)]
        found.append(PlannedVault(who, f"random {i + 1}", tuple(legs.values()), draw.random() < 0.4, deferred, CUSHION))
    return found


@dataclass
class Watch(Audit):
    """The audit, and beside it the vectorised mirror at the same flags and takes.

    Attributes:
        distance: Largest relative distance of equity and MM.
        bonus: What takers got beyond the mark [quote].
        worst: Least equity over MM at a take.
        insured: Top-ups [native].
    """

    distance: float = 0.0
    bonus: float = 0.0
    worst: float = float("inf")
    insured: int = 0
    vaults: set[int] = field(default_factory=set)

    def _near(self, log: Log) -> None:
        case = self.case(log.values.vault_id, log)
        book, cells = batch.Book.of([case.legs]), batch.Cells.of([case.snapshot])
        found = batch.assess(book, cells, case.risk, threads=1)
        standing = batch.resolve(found, book, cells, case.risk, case.collateral / WAD)
        margin = log.values.margin / WAD
        for got, true in ((standing.equity[0], log.values.equity), (standing.maintenance_margin[0], log.values.margin)):
            self.distance = max(self.distance, abs(float(got) - true / WAD) / max(margin, 1e-9))

    def flag(self, log: Log) -> bool:
        """A flag."""
        self._near(log)
        self.vaults.add(int(log.values.vault_id))
        return super().flag(log)

    def take(self, log: Log, moved: Any, liquidation_word: int) -> bool:
        """A take."""
        self._near(log)
        v = log.values
        self.worst = min(self.worst, v.equity / v.margin)
        own = min(v.bonus_share * v.margin // WAD, max(v.equity, 0)) * v.fraction // WAD
        self.bonus += own / WAD
        self.insured += v.top_up
        return super().take(log, moved, liquidation_word)


@dataclass
class Desk:
    """Keeper and taker in one, with a vault of its own; decides by the vectorised mirror.

    Attributes:
        refused: Transactions that the contracts refused.
        refreshed: Looks at flagged vaults that are not below their margin any more.
    """

    local: LocalMarket
    expiry: int
    settings: Settings = field(default_factory=Settings)
    refused: int = 0
    refreshed: int = 0

    def __post_init__(self) -> None:
        chain = self.local.chain
        self.draw = random.Random(self.settings.seed)
        self.client = self.local.people["keeper"]
        self.vault_id = self.client.vaults.open(self.local.market.symbol, deposit=CAPITAL)
        market = self.local.market.index
        self.terms = auction.LiquidationTerms.unpack(int(chain["Liquidator"].call("market_word", market)))
        self.risk = RiskWord.unpack(int(chain["Clearinghouse"].call("market", market).risk))
        self.due: dict[int, int] = {}
        self.now = self.seen = self.local.now()
        self.settled = False

    def send(self, at: int, contract: Contract, name: str, *arguments: object) -> bool:
        """One transaction in a block of its own, not before `at`."""
        self.now = max(at, self.now + 1)
        self.local.anvil.set_next_timestamp(self.now)
        me = self.client.signer
        sent = self.local.anvil.send_as(me.address, contract.address, contract.encode(name, *arguments), GAS)
        while (found := self.local.chain.rpc.call("eth_getTransactionReceipt", sent)) is None:
            time.sleep(0.001)
        me.forget_nonce()
        return int(found["status"], 16) == 1

    def poke(self, at: int) -> None:
        """Folds the rounds and lets the market's clock run."""
        self.send(at, self.local.chain["OracleAdapter"], "poke", self.local.market.index, 16)
        self.seen = self.now

    def look(self, replay: Sampled, until: int) -> None:
        """What there is to do between a round and the next."""
        self.poke(self.now)
        vaults = [replay.book.vaults[i] for i in replay.sampled if replay.book.vaults[i].legs]
        if not vaults:
            return
        oracle = self.local.chain["OracleAdapter"]
        snapshot = Snapshot(**oracle.call("snapshot", self.local.market.index, self.expiry))
        book, cells = replay.flat(), batch.Cells.of([snapshot])
        found = batch.assess(book, cells, self.risk, threads=1)
        held = np.array([v.balance / self.local.unit - v.terms.deposit_held / 1e6 for v in vaults])
        standing = batch.resolve(found, book, cells, self.risk, held)
        below = (standing.equity < standing.maintenance_margin) & (held < -found.v_min)
        plans = []
        for i, vault in enumerate(vaults):
            if not below[i]:
                self.due.pop(vault.vault_id, None)
                if vault.flagged:
                    plans.append((self.now, vault.vault_id, "refresh"))
                continue
            due = self.due.setdefault(
                vault.vault_id, self.now + BLOCK * self.draw.randint(*self.settings.latency_blocks)
            )
            start = max(due, self.now)
            clock, life = start, self.expiry - start
            if vault.flagged:
                clock = self.now - (snapshot.clock - max(vault.terms.flag_clock, snapshot.restarted_at))
                life = self.expiry - vault.terms.flagged_at
            else:
                plans.append((start, vault.vault_id, "flag"))
            contracts = sum(abs(leg.quantity) for leg in vault.legs if leg.kind != Kind.CASH) / 1e6
            cost = self.settings.cost * contracts * snapshot.spot / WAD
            equity, margin = float(standing.equity[i]), float(standing.maintenance_margin[i])
            for at in range(start + BLOCK, min(until, start + 2 * self.terms.t2_seconds), BLOCK):
                beta, g = (share / WAD for share in self.terms.shares(at - clock, life))
                if self._gain(equity, margin, beta, g) >= cost:
                    plans.append((at, vault.vault_id, "take"))
                    break
        self._act(sorted(plans), until)

    def _gain(self, equity: float, margin: float, beta: float, g: float) -> float:
        """What a take of everything leaves the taker at the mark, insurance's caps left out."""
        if equity >= (beta + self.risk.phi_bps * BPS / WAD) * margin:
            return beta * margin
        own = min(equity, beta * margin)
        return own + max(g * margin - own, 0.0)

    def _act(self, plans: list[tuple[int, int, str]], until: int) -> None:
        liquidator = self.local.chain["Liquidator"]
        for at, vault_id, act in plans:
            while at - self.seen > LOOK_SECONDS and self.seen + LOOK_SECONDS < until:
                self.poke(self.seen + LOOK_SECONDS)
            if max(at, self.now + 1) >= until:
                break
            if act == "take":
                into = (WAD, self.vault_id, NO_LIMITS, MAX_UINT, b"")
                done = self.send(at, liquidator, "take", vault_id, *into)
            elif act == "refresh":
                done = self.send(at, liquidator, "refresh", [vault_id])
                self.refreshed += 1
            else:
                done = self.send(at, liquidator, act, vault_id)
            self.seen = self.now
            self.refused += not done

    def settle_down(self) -> None:
        """After the expiry: the price, every settlement, every claim. Before it there is nothing to do unasked."""
        if self.settled or self.local.now() < self.expiry:
            return
        self.now = self.local.now()
        settlement, market = self.local.chain["Settlement"], self.local.market.index
        window = [r for r in self.local.rounds if r[1] <= self.expiry - 1800][-1:]
        window += [r for r in self.local.rounds if self.expiry - 1800 < r[1] <= self.expiry]
        self.send(self.now, settlement, "fix", market, self.expiry, [number for number, _, _ in window])
        count = int(self.local.chain["Clearinghouse"].call("next_id"))
        for name in ("settle_many", "claim_many"):
            for first in range(1, count, 50):
                self.send(self.now, settlement, name, list(range(first, min(first + 50, count))))
        self.client.vaults.close(self.vault_id)
        self.settled = True

    def stop(self) -> None:
        """Nothing to end."""


class Sampled(Replay):
    """The replay without its keeper's own loop and without a sample of every vault after every step."""

    sampled: list[int]
    _flat: tuple[tuple[int, int], batch.Book] | None = None

    def _show(self, phase: str) -> Any:
        self._follow()

    def flat(self) -> batch.Book:
        """The legs of the sampled vaults; made anew when some log has changed one."""
        vaults = [self.book.vaults[i] for i in self.sampled if self.book.vaults[i].legs]
        newest = (len(vaults), max(v.updated_block for v in vaults))
        if self._flat is None or self._flat[0] != newest:
            self._flat = newest, batch.Book.of([v.legs for v in vaults])
        return self._flat[1]

    def play(self) -> None:
        """Every round, and what the desk makes of it before the next."""
        desk = self.keeper
        assert isinstance(desk, Desk)
        self.sampled = [i for i in self.vaults if self.vaults[i].who != "maker"]
        stamps = [point.at for point in self.path.rounds[1:]] + [self.path.expiry]
        desk.now = self.local.now()
        for point, following in zip(self.path.rounds, stamps, strict=True):
            desk.now = self.local.push(point, desk.now)
            desk.look(self, min(following, self.path.expiry - 1))
            self._follow()


def play(rounds: list[Round], count: int, symbol: str, seed: int) -> dict[str, Any]:
    """One crash from deployment to the last claim."""
    begun = time.monotonic()
    expiry = choose_expiry(rounds[0].at, rounds[-1].at)
    played = [r for r in rounds if r.at < expiry]
    played += quiet_rounds(played[-1], expiry)
    with LocalMarket(symbol, played[0]) as local:
        mint = local.people["deployer"].signer
        for role in ("maker", "keeper", *TRADERS):
            mint.execute(local.market.token, "mint", local.people[role].address, PURSE * local.unit)
        local.push(played[0])
        desk = Desk(local, expiry, Settings(seed=seed))
        replay = Sampled(
            local, PricePath("crash", symbol, played[1:], expiry), desk, planned=random_vaults(count, seed)
        )
        watch = replay.audit = Watch(local.chain)
        replay.open()
        opened = time.monotonic() - begun
        replay.play()
        replay.settle()
        record = replay.close()
    failed = [check.name for check in record.checks if not check.passed]
    unit = 10**record.decimals
    notional = NOTIONAL * count
    traders = [v for v in record.vaults if v.who != "maker"]
    return {
        "vaults": count, "rounds": len(played), "im_percent": 100 * sum(v.im_at_open for v in traders) / notional,
        "flags": watch.flags, "flagged": len(watch.vaults), "takes": watch.takes,
        "bonus_bp": 1e4 * watch.bonus / notional, "worst_health": watch.worst, "refused": desk.refused,
        "refreshed": desk.refreshed,
        "insurance": record.totals["insurance_used"] / unit, "recovery": record.recovery, "settled": watch.settled,
        "distance": watch.distance, "failed": failed, "wrong": watch.wrong[:5],
        "opening_seconds": round(opened, 1), "seconds": round(time.monotonic() - begun, 1),
    }  # fmt: skip


def line(name: str, r: dict[str, Any]) -> str:
    """One crash as a line of text."""
    worst = f"{r['worst_health']:.2f}" if np.isfinite(r["worst_health"]) else "-"
    verdict = "all equal to the exact mirror" if not r["failed"] else f"DIFFERENT: {r['failed']} {r['wrong']}"
    return (
        f"{name}  {r['vaults']} vaults, {r['rounds']} rounds: {r['flags']} flags of {r['flagged']} vaults, "
        f"{r['takes']} takes, "
        f"{r['settled']} settled, bonus {r['bonus_bp']:.1f} bp, insurance {r['insurance']:.2f}, recovery "
        f"{r['recovery']:.4f}, worst E/MM {worst}; {verdict}; vectorised mirror within {r['distance']:.1e}; "
        f"{r['seconds']:.0f} s"
    )
