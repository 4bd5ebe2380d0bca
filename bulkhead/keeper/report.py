"""What a keeper has earned: per take, day and market, realised and marked, and what gas it paid for that."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bulkhead.keeper.books import INNER, Entry
from bulkhead.keeper.books_store import Holding, Position
from bulkhead.keeper.journal import Attempt, Journal
from bulkhead.risk.words import WAD


@dataclass(frozen=True)
class Account:
    """Everything that a report is made of.

    Attributes:
        entries: The books.
        holdings: By market.
        positions: Own vaults.
        attempts: Transactions of the journal.
    """

    entries: Sequence[Entry]
    holdings: Sequence[Holding]
    positions: Sequence[Position]
    attempts: Sequence[Attempt]


@dataclass
class Result:
    """Of one market [quote, wad].

    Attributes:
        brought: Tokens that have come from outside, less those that have gone there.
        wallet: Tokens in the wallet.
        in_vaults: Tokens in own vaults.
        tips: For flags, for ending them, for settling and for owners' mandates.
        realised: Of own vaults that hold nothing any more.
        marked: Of those that do: tokens, and legs at mark.
        takes: How many.
        bonus: Their gain at mark when they were made.
        deposited: From the wallet into own vaults, all in all.
    """

    brought: int = 0
    wallet: int = 0
    in_vaults: int = 0
    tips: int = 0
    realised: int = 0
    marked: int = 0
    takes: int = 0
    bonus: int = 0
    deposited: int = 0

    @property
    def profit(self) -> int:
        """All in all, before gas."""
        return self.tips + self.realised + self.marked


def results(account: Account) -> dict[str, Result]:
    """Results by market."""
    found: dict[str, Result] = {}
    for holding in account.holdings:
        entries = [e for e in account.entries if e.market == holding.market]
        positions = {p.vault_id: p for p in account.positions if p.market == holding.market}
        result, native = Result(), holding.native
        by_wallet = {(e.block, e.index) for e in entries if e.wallet < 0}
        earned: dict[int, int] = defaultdict(int)
        for entry in entries:
            result.in_vaults += entry.tokens * native
            if entry.kind == "deposit" and entry.wallet:
                result.deposited -= entry.wallet * native
            if entry.kind == "tip" and entry.wallet:
                result.tips += entry.wallet * native
            elif entry.kind == "bonus":
                result.takes, result.bonus = result.takes + 1, result.bonus + entry.gain
            elif entry.kind not in INNER:
                earned[entry.vault_id] += entry.tokens * native
            elif entry.tokens > 0 and (entry.block, entry.index) not in by_wallet:
                # a deposit by somebody else
                result.brought += entry.tokens * native
        for vault_id, tokens in earned.items():
            position = positions.get(vault_id)
            if position is not None and position.open:
                result.marked += tokens + position.value
            else:
                result.realised += tokens
        result.wallet = holding.wallet * native
        result.brought += result.wallet - sum(e.wallet for e in entries) * native
        found[holding.symbol] = result
    return found


#: Takes that a report shows, the newest.
MOST_TAKES = 100


def report_of(account: Account) -> dict[str, Any]:
    """The report in quote units and coins."""
    natives = {h.market: (h.symbol, h.native) for h in account.holdings}
    paid = {hash_.lower(): a for a in account.attempts for hash_ in (s.hash for s in a.sends) if a.mined_block}
    days: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(("takes", "bonus", "tips", "gas_coins"), 0.0))
    takes: list[dict[str, Any]] = []
    stamps = {entry.block: entry.at for entry in account.entries}
    shared = Counter(entry.transaction for entry in account.entries if entry.kind == "bonus")
    for entry in account.entries:
        symbol, native = natives.get(entry.market, (str(entry.market), 0))
        if entry.kind == "tip" and entry.wallet:
            days[_day(entry.at)]["tips"] += entry.wallet * native / WAD
        elif entry.kind == "bonus":
            days[_day(entry.at)]["takes"] += 1
            days[_day(entry.at)]["bonus"] += entry.gain / WAD
            gas = paid.get(entry.transaction.lower())
            cost = gas.paid / shared[entry.transaction] / WAD if gas else None
            takes.append(
                {"at": _time(entry.at), "market": symbol, "vault": entry.taken_id, "into": entry.vault_id,
                 "bonus": round(entry.gain / WAD, 6), "gas_coins": cost,
                 "transaction": entry.transaction}
            )  # fmt: skip
    for attempt in account.attempts:
        if attempt.paid:
            days[_day(stamps.get(attempt.mined_block, 0) or int(attempt.at))]["gas_coins"] += attempt.paid / WAD
    return {
        "markets": {symbol: _shown(result) for symbol, result in results(account).items()},
        "days": {day: {k: round(v, 9) for k, v in told.items()} for day, told in sorted(days.items())},
        "takes": takes[-MOST_TAKES:],
        "gas": _gas(account.attempts),
    }


def _gas(attempts: Iterable[Attempt]) -> dict[str, Any]:
    """Gas by function, in coins and in quote as far as the price of a coin was known."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(("calls", "coins", "quote"), 0.0))
    wasted = total = 0
    for attempt in attempts:
        if attempt.paid:
            told = found[attempt.name]
            told["calls"] += 1
            told["coins"] += attempt.paid / WAD
            told["quote"] += attempt.paid * attempt.coin_price / WAD / WAD
            total += attempt.paid
            wasted += attempt.paid if attempt.state == "reverted" else 0
    calls = {name: {k: round(v, 9) for k, v in told.items()} for name, told in sorted(found.items())}
    return {"calls": calls, "coins": total / WAD, "reverted_coins": wasted / WAD}


def _shown(result: Result) -> dict[str, float | int]:
    told = {**vars(result), "profit": result.profit}
    return {name: value if name == "takes" else round(value / WAD, 6) for name, value in told.items()}


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" if at else "unknown"


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}" if at else "unknown"


def merged(accounts: Sequence[Account]) -> Account:
    """Several accounts of one keeper as one."""
    holdings: dict[int, Holding] = {}
    for held in (h for account in accounts for h in account.holdings):
        before = holdings.get(held.market)
        holdings[held.market] = held if before is None else replace(held, wallet=held.wallet + before.wallet)
    return Account(
        sorted((e for a in accounts for e in a.entries), key=lambda e: (e.block, e.index, e.place)),
        [holdings[market] for market in sorted(holdings)],
        [p for a in accounts for p in a.positions],
        [t for a in accounts for t in a.attempts],
    )


def of_journal(path: Path | str) -> dict[str, Any]:
    """The report of a keeper that does not run, out of its journal.

    Raises:
        BadInput: There is none, it is in use, or it is no journal.
    """
    journals = Journal.reading(path)
    found = [Account(j.ledger.entries(), j.ledger.holdings(), j.ledger.positions(), j.all()) for j in journals]
    for journal in journals:
        journal.close()
    return report_of(merged(found))


def lines_of(found: dict[str, Any]) -> list[str]:
    """The same for people."""
    lines: list[str] = []
    for symbol, m in found["markets"].items():
        parts = f"realised {m['realised']}, marked {m['marked']}, tips {m['tips']}"
        lines.append(f"{symbol}: profit {m['profit']} ({parts}); {m['takes']} takes with {m['bonus']} at mark")
        lines.append(
            f"{symbol}: {m['brought']} brought in, {m['wallet']} in the wallet, {m['in_vaults']} in own vaults"
        )
    for day, d in found["days"].items():
        told = f"{d['takes']:.0f} takes, {d['bonus']} bonus, {d['tips']} tips, {d['gas_coins']} coins for gas"
        lines.append(f"{day}: {told}")
    for name, g in found["gas"]["calls"].items():
        lines.append(f"gas of {name}: {g['calls']:.0f} calls, {g['coins']} coins, {g['quote']} quote")
    for t in found["takes"][-10:]:
        lines.append(f"take at {t['at']}: vault {t['vault']} into {t['into']}, {t['bonus']} at mark")
    return lines or ["Nothing is in the books yet."]
