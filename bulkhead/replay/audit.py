"""The replay checked against the exact mirror: every flag, every take, the expiry price, every settlement, the sums.

Nothing here reads what it checks: prices, legs and balances come from the block before, the plan from the mirror,
and the comparison is to the wei and to the native unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulkhead.chain.connection import Connection, Market
from bulkhead.chain.contract import Log, Query, read
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.flows import movements
from bulkhead.chain.invariant_state import broken
from bulkhead.chain.rpc import to_bytes
from bulkhead.chain.vaults_from_logs import Book
from bulkhead.chain.words import Terms, TokenWord, VaultWord, legs_of, payoff
from bulkhead.report.model import Check, Flow
from bulkhead.risk import auction, exact, margin
from bulkhead.risk.words import BPS, WAD, Cell, Leg, RiskWord, Snapshot, Units


@dataclass(frozen=True)
class Case:
    """One vault at one block, as the chain stores it."""

    word: VaultWord
    terms: Terms
    token: TokenWord
    risk: RiskWord
    balance: int
    legs: tuple[Leg, ...]
    words: tuple[int, ...]
    snapshot: Snapshot

    @property
    def native(self) -> int:
        """Wad in one native unit."""
        return int(10 ** (18 - self.token.decimals))

    @property
    def collateral(self) -> int:
        """C [wad]."""
        return self.balance * self.native - self.units.micro(self.terms.deposit_held)

    @property
    def units(self) -> Units:
        """What its market counts in."""
        return self.token.units

    def standing(self) -> margin.Standing:
        """Where the mirror sees it."""
        assessed = exact.assess(self.legs, self.snapshot, self.risk, inverse=self.units.inverse)
        return margin.resolve(assessed, self.collateral, self.risk, self.snapshot, units=self.units)


def case_of(chain: Connection, vault_id: int, block: int, transaction: str) -> Case:
    """A vault before a transaction, at the prices that it saw: those after its block, unless others came behind it."""
    house, oracle = chain["Clearinghouse"], chain["OracleAdapter"]
    (loaded,) = read(chain.rpc, [house.query("load", vault_id)], block - 1)
    vault, legs = loaded.vault, loaded.legs
    word, terms = VaultWord.unpack(vault.word), Terms.unpack(vault.terms)
    prices = _prices(chain, oracle.query("snapshot", word.market, terms.expiry), block, transaction)
    return Case(
        word=word,
        terms=terms,
        token=TokenWord.unpack(vault.token),
        risk=RiskWord.unpack(vault.risk),
        balance=vault.balance,
        legs=legs_of(legs),
        words=tuple(legs),
        snapshot=Snapshot(**prices),
    )


def _prices(chain: Connection, query: Query, block: int, transaction: str) -> dict[str, Any]:
    """A snapshot as a transaction saw it: that after its block, whose clock it set, less vols that others folded."""
    found: dict[str, Any] = dict(read(chain.rpc, [query], block)[0])
    whole = chain.rpc.block(block)
    if str(whole["transactions"][0]).lower() != transaction.lower() or len(whole["transactions"]) == 1:
        return found
    folds = [log for log in chain.logs(block, block) if log.event == "VolUpdated"]
    if any(log.transaction.lower() != transaction.lower() for log in folds):
        # the first of several, such as a take with pokes behind it: the state before, at the time of the block
        method, (call, tag) = query.request(block - 1)
        moment = {"time": whole["timestamp"], "number": whole["number"]}
        seen = query.function.decode(to_bytes(chain.rpc.call(method, call, tag, {}, moment)))
        found |= {name: seen[name] for name in ("sigma", "sigma_now", "vol_ratio")}
    return found


@dataclass
class Audit:
    """Collects what was compared.

    Attributes:
        flags: Flags compared.
        takes: Takes compared.
        settled: Vaults whose settlement was compared.
        books: Times that all vaults and what the ledger counts of them were read and asked for broken promises.
        wrong: Sentences about what differed.
    """

    chain: Connection
    flags: int = 0
    takes: int = 0
    settled: int = 0
    books: int = 0
    wrong: list[str] = field(default_factory=list)
    _last: tuple[int, str, Case] | None = field(default=None, init=False, repr=False)

    def case(self, vault_id: int, log: Log) -> Case:
        """`case_of`, which keeps the last one."""
        if self._last is None or self._last[:2] != (vault_id, log.transaction):
            self._last = vault_id, log.transaction, case_of(self.chain, vault_id, log.block, log.transaction)
        return self._last[2]

    def _compare(self, what: str, chain: object, mirror: object) -> bool:
        if chain != mirror:
            self.wrong.append(f"{what}: {chain} on chain, {mirror} by the mirror")
        return chain == mirror

    def promises(self, book: Book, cell: Cell, block: int) -> None:
        """What can be read off the books at a block (bulkhead.risk.invariants), and the logs' vaults beside them."""
        self.books += 1
        self.wrong += [f"books in block {block}: {one}" for one in broken(self.chain, book, [cell], block)]

    def flag(self, log: Log) -> bool:
        """A flag: equity and MM are the mirror's, and the vault was liquidatable.

        A second flag marks the winding down of a vault: it keeps the MM of the first, and equity is below zero.
        """
        self.flags += 1
        case = self.case(log.values.vault_id, log)
        standing = case.standing()
        worst = exact.max_loss(case.legs, case.units.inverse)
        covered = worst != exact.UNBOUNDED and case.collateral >= -worst
        name = f"flag of vault {log.values.vault_id}"
        marked = case.word.flagged
        margin_told = case.terms.flag_margin * 10**12 if marked else standing.maintenance_margin
        least = 0 if marked else standing.maintenance_margin
        results = (
            self._compare(f"{name}, equity", log.values.equity, standing.equity),
            self._compare(f"{name}, MM", log.values.margin, margin_told),
            self._compare(f"{name}, liquidatable", standing.equity < least and not covered, True),
        )
        return all(results)

    def take(self, log: Log, moved: Sequence[int], liquidation_word: int) -> bool:
        """A take: share, bonus, cash, cut and legs are the mirror's, rounded by its rules."""
        self.takes += 1
        vault_id = log.values.vault_id
        case = self.case(vault_id, log)
        standing = case.standing()
        terms = auction.LiquidationTerms.unpack(liquidation_word)
        clock, restart = case.snapshot.clock, case.snapshot.restarted_at
        start = max(case.terms.flag_clock, restart)
        beta, growth = terms.shares(clock - min(start, clock), case.terms.expiry - case.terms.flagged_at)
        deposit = case.terms.deposit
        missing = deposit - case.terms.deposit_held + deposit * 30 // 100
        wanted = self._wanted(log)
        plan = auction.plan_take(
            wanted,
            equity=standing.equity,
            margin=standing.maintenance_margin,
            target=standing.target,
            missing=case.units.micro(missing),
            collateral=case.collateral,
            beta=beta,
            g=growth,
            phi=case.risk.phi_bps * BPS,
            dust=case.risk.dust * case.units.unit,
            native=case.native,
        )
        legs, _ = auction.split_legs(case.words, plan.fraction, case.token.lot, case.token.units.inverse)
        name = f"take of vault {vault_id} in block {log.block}"
        results = (
            self._compare(f"{name}, equity", log.values.equity, standing.equity),
            self._compare(f"{name}, MM", log.values.margin, standing.maintenance_margin),
            self._compare(f"{name}, bonus share", log.values.bonus_share, beta),
            self._compare(f"{name}, fraction", log.values.fraction, plan.fraction),
            self._compare(f"{name}, cash", log.values.cash, plan.cash_native),
            self._compare(f"{name}, cut", log.values.cut, plan.cut_native),
            self._compare(f"{name}, legs", list(moved), legs),
            self._compare(f"{name}, top-up within plan", log.values.top_up <= plan.top_up_native, True),
        )
        return all(results)

    def _wanted(self, log: Log) -> int:
        """The share the taker asked for, out of the transaction itself."""
        sent = self.chain.rpc.call("eth_getTransactionByHash", log.transaction)
        data = bytes.fromhex(sent["input"][2:])
        for name in ("take", "take_many"):
            function = self.chain["Liquidator"].abi.function(name)
            if data[:4] == function.selector:
                ids, fractions, *_ = function.arguments(data)
                return int(fractions) if name == "take" else int(fractions[ids.index(log.values.vault_id)])
        raise BulkheadError(f"Transaction {log.transaction} took from a vault and is no take.")

    def expiry_price(self, price: int, rounds: Iterable[tuple[int, int, int]], expiry: int, window: int) -> Check:
        """The settlement price is the time-weighted average of the feed's rounds."""
        start = expiry - window
        seen = [(at, answer * 10**10) for _, at, answer in rounds if at <= expiry]
        first = max(i for i, (at, _) in enumerate(seen) if at <= start)
        points = seen[first:]
        ends = [at for at, _ in points[1:]] + [expiry]
        total = sum(
            answer * (end - max(at, start)) for (at, answer), end in zip(points, ends, strict=True) if end > start
        )
        expected = total // window
        passed = self._compare("expiry price", price, expected)
        return Check(
            "Expiry price", passed, f"{price / WAD:.6f} is the mean of the last {window // 60} min, to the wei"
        )

    def settlement(self, logs: Sequence[Log], legs: dict[int, tuple[Leg, ...]], price: int, market: Market) -> Check:
        """Each vault's net is its legs' payoff; each claim is paid at the cell's one ratio."""
        unit = market.native * 10**6
        claims: dict[int, int] = {}
        received = 0
        for log in logs:
            if log.event == "VaultSettled":
                vault_id = log.values.vault_id
                self.settled += 1
                net = sum(payoff(leg, price) for leg in legs.get(vault_id, ())) // unit
                self._compare(f"settlement of vault {vault_id}", log.values.net, net)
                if net > 0:
                    claims[vault_id] = net
                received += log.values.received
            elif log.event == "CellInsured":
                received += log.values.amount
        total = sum(claims.values())
        paid = {log.values.vault_id: log.values.paid for log in logs if log.event == "ClaimPaid"}
        for vault_id, claim in claims.items():
            due = auction.due_native(claim, total, received)
            self._compare(f"claim of vault {vault_id}", paid.get(vault_id), due)
        passed = not [w for w in self.wrong if w.startswith(("settlement", "claim"))]
        return Check(
            "Settlement",
            passed,
            f"{self.settled} vaults netted, {len(claims)} claims of {total} paid out of {received} native units, "
            "each equal to the mirror",
        )

    def checks(self) -> list[Check]:
        """What the flags and takes gave."""
        flags = [w for w in self.wrong if w.startswith("flag")]
        takes = [w for w in self.wrong if w.startswith("take")]
        books = [w for w in self.wrong if w.startswith("books")]
        return [
            Check(
                "Promises",
                not books,
                "; ".join(books[:3])
                or f"sums, custody, deficits and the vaults of the logs, read {self.books} times, are as promised",
            ),
            Check("Flags", not flags, "; ".join(flags) or f"{self.flags} flags equal to the mirror to the wei"),
            Check("Takes", not takes, "; ".join(takes) or f"{self.takes} takes equal to the mirror to the wei"),
        ]


def flows_of(logs: Sequence[Log], stamps: dict[int, int], custody: dict[int, str]) -> dict[int, list[Flow]]:
    """Every movement of every vault's tokens, out of the logs."""
    found: dict[int, list[Flow]] = defaultdict(list)
    for moved in movements(logs, {address.lower(): vault_id for vault_id, address in custody.items()}):
        found[moved.vault_id].append(Flow(stamps[moved.log.block], moved.kind, moved.amount))
    return dict(found)


def conservation(logs: Sequence[Log], balances: dict[str, int], custody: dict[int, str]) -> tuple[dict[str, int], int]:
    """Sums over the protocol's events against the tokens it holds.

    Args:
        logs: All logs of the deployment.
        balances: Tokens now at "vaults", "cells", "insurance" and "fees" [native].
        custody: Addresses of all vaults that ever were.

    Returns:
        (totals, tokens in less tokens out less tokens held) [native].
    """
    inside = {address.lower() for address in custody.values()}
    deposited = sum(log.values.amount for log in logs if log.event == "Deposited")
    insured = sum(log.values.amount for log in logs if log.event == "InsuranceAdded")
    withdrawn = sum(log.values.amount for log in logs if log.event in ("Withdrawn", "VaultClosed"))
    tips = sum(
        log.values.amount for log in logs if log.event == "TipPaid" and log.values.receiver.lower() not in inside
    )
    collected = sum(log.values.amount for log in logs if log.event == "FeesCollected")
    held = sum(balances.values())
    difference = deposited + insured - withdrawn - tips - collected - held
    totals = {
        "deposited": deposited,
        "insurance_added": insured,
        "withdrawn": withdrawn,
        "tips_paid_out": tips,
        **{f"held_{name}": amount for name, amount in balances.items()},
        "insurance_used": sum(log.values.amount for log in logs if log.event == "InsuranceDrawn"),
        "insurance_cuts": sum(log.values.cut for log in logs if log.event == "VaultTaken"),
    }
    return totals, difference
