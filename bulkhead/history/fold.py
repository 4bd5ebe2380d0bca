"""Logs in chain order become rows: what happened, and what each vault was at the end of every block that changed it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils import to_checksum_address
from sqlalchemy import Table

from bulkhead.chain.contract import Log
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.words import Terms, TokenWord, VaultWord
from bulkhead.history import tables
from bulkhead.history.rows import hexed, row_of
from bulkhead.history.source import Block
from bulkhead.profit.accounts import Account, legs_from
from bulkhead.profit.novations import Novation, novations_of
from bulkhead.profit.rule import bonus_of, value_of
from bulkhead.risk.words import Leg, Snapshot

#: (market, expiry, block) -> the prices of that moment; None when no node knew them.
Prices = Mapping[tuple[int, int, int], Snapshot | None]


def cells_of(logs: Sequence[Log]) -> dict[tuple[int, int], tuple[int, int]]:
    """(market, expiry) of every novation by block and index, as the updates of its vaults tell."""
    told: dict[tuple[str, int], tuple[int, int]] = {}
    for log in logs:
        if log.event == "VaultUpdated" and log.values.legs:
            key = (log.transaction, log.values.vault_id)
            if key not in told:
                word, terms = VaultWord.unpack(log.values.word), Terms.unpack(log.values.terms)
                told[key] = (word.market, terms.expiry)
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for log in logs:
        if log.event == "Novated":
            ids = (log.values.to_id, log.values.from_id)
            cell = next((told[(log.transaction, i)] for i in ids if (log.transaction, i) in told), None)
            if cell is not None:
                found[(log.block, log.index)] = cell
    return found


def moments_of(logs: Sequence[Log]) -> set[tuple[int, int, int]]:
    """Cells and blocks whose prices the fold wants: those of takes and moves."""
    wanted = [key for key, one in novations_of(logs).items() if one.kind != "fill"]
    cells = cells_of(logs) if wanted else {}
    return {(*cells[key], key[0]) for key in wanted if key in cells}


@dataclass
class Rows:
    """What a stretch of blocks adds.

    Attributes:
        events: Rows by table.
        states: Rows of `vault_states`.
        touched: The vaults as they are at the end.
    """

    events: dict[Table, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    states: list[dict[str, Any]] = field(default_factory=list)
    touched: dict[int, Account] = field(default_factory=dict)


@dataclass
class Fold:
    """Turns logs of one deployment into rows.

    Attributes:
        deployment: Its id in the database.
        addresses: Address of each speaking contract.
        accounts: Vaults known so far.
        tokens: Token word of each market.
    """

    deployment: int
    addresses: Mapping[str, str]
    accounts: dict[int, Account]
    tokens: dict[int, TokenWord]
    _custodies: dict[str, int] = field(default_factory=dict, init=False)
    _top_up: str = field(default="", init=False)

    def __post_init__(self) -> None:
        if "AutoTopUp" in self.addresses:
            self._top_up = to_checksum_address(self.addresses["AutoTopUp"])

    def take(self, logs: Sequence[Log], blocks: Mapping[int, Block], prices: Prices) -> Rows:
        """Rows of logs in chain order; accounts are brought forward."""
        rows = Rows()
        novations, cells = novations_of(logs), cells_of(logs)
        moved: dict[tuple[str, frozenset[int], str], dict[str, Any]] = {}
        self._custodies = {account.custody: account.vault_id for account in self.accounts.values()}
        changed: set[int] = set()
        block = -1
        for log in logs:
            if log.block != block:
                self._end_block(rows, changed, block, blocks)
                block = log.block
            at = blocks[block].at
            place = {
                "deployment": self.deployment, "block": block, "log_index": log.index, "at": at,
                "tx": log.transaction,
            }  # fmt: skip
            plain = row_of(log, self.addresses)
            if plain is not None:
                rows.events[plain[0]].append({**place, **plain[1]})
            if log.event == "Novated":
                key = (block, log.index)
                one = novations[key]
                row = self._novated(one, cells.get(key, (0, 0)), prices, changed)
                rows.events[tables.novations].append({**place, **row})
                moved[(log.transaction, one.pair, one.kind)] = row
            elif log.event == "OrderFilled":
                pair = frozenset((int(log.values.maker_vault), int(log.values.taker_vault)))
                rows.events[tables.fills].append({**place, **self._filled(log, moved[(log.transaction, pair, "fill")])})
            elif log.event == "VaultTaken":
                pair = frozenset((int(log.values.vault_id), int(log.values.into_id)))
                row = self._taken(log, moved[(log.transaction, pair, "take")])
                rows.events[tables.takes].append({**place, **row})
            self._about_vault(log, at, changed)
        self._end_block(rows, changed, block, blocks)
        return rows

    def _about_vault(self, log: Log, at: int, changed: set[int]) -> None:
        if log.contract == "Clearinghouse" and log.event == "VaultOpened":
            inverse = self._token(log.values.market).units.inverse
            self.accounts[log.values.vault_id] = Account.opened(log, at, inverse)
            self._custodies[log.values.custody] = log.values.vault_id
            changed.add(log.values.vault_id)
        elif log.contract == "Clearinghouse" and log.event == "MarketConfigured":
            self.tokens[log.values.market] = TokenWord.unpack(log.values.token_word)
        elif log.contract in ("Clearinghouse", "Settlement") and "vault_id" in log.values:
            account = self.accounts.get(log.values.vault_id)
            if account is not None:
                account.take(log, self._token(account.market).native, self._top_up)
                changed.add(account.vault_id)
        if log.event == "Withdrawn":
            self._straight_into_a_vault(log, changed)
        elif log.event == "TipPaid":
            receiver = self._custodies.get(log.values.receiver)
            account = None if receiver is None else self.accounts.get(receiver)
            if account is not None:
                account.receive_tip(log.values.amount, self._token(account.market).native)
                changed.add(account.vault_id)
        elif log.event == "VaultTaken" and log.values.top_up:
            # what came, which is less than insurance drew where the token keeps a part
            account = self.accounts.get(log.values.into_id)
            if account is not None:
                account.receive_from_insurance(log.values.top_up, self._token(account.market).native)
                changed.add(account.vault_id)

    def _straight_into_a_vault(self, log: Log, changed: set[int]) -> None:
        """A withdrawal whose receiver is the address of a vault, in the same token, is a deposit of that vault."""
        receiver = self._custodies.get(log.values.receiver)
        source = self.accounts.get(log.values.vault_id)
        if receiver is None or source is None:
            return
        account = self.accounts[receiver]
        token = self._token(account.market)
        if token.token == self._token(source.market).token:
            account.receive_from_vault(log.values.amount, token.native)
            changed.add(receiver)

    def _token(self, market: int) -> TokenWord:
        found = self.tokens.get(market)
        if found is None:
            raise BulkheadError(f"The logs tell of market {market} before it was listed: the first block is too late.")
        return found

    def _novated(
        self, one: Novation, cell: tuple[int, int], prices: Prices, changed: set[int]
    ) -> dict[str, Any]:  # fmt: skip
        v = one.log.values
        legs = [Leg.unpack(word) for word in v.legs]
        # a cell that both sides leave is told by no update; the market is that of the vaults
        held = self.accounts.get(v.to_id) or self.accounts.get(v.from_id)
        market = cell[0] if held is None else held.market
        value = None
        if one.kind != "fill":
            value = value_of(legs, prices.get((*cell, one.log.block)), self._token(market).units.inverse)
        for vault_id in (v.from_id, v.to_id):
            account = self.accounts.get(vault_id)
            if account is not None:
                account.novated(one, value, self._token(account.market).native)
                changed.add(vault_id)
        return {
            "kind": one.kind, "from_id": v.from_id, "to_id": v.to_id, "market": market, "expiry": cell[1],
            "cash": v.cash, "fee_from": v.fees[0], "fee_to": v.fees[1], "fee_receiver": v.fee_receiver,
            "legs": [[int(leg.kind), leg.strike, leg.quantity] for leg in legs], "value": value,
        }  # fmt: skip

    def _taken(self, log: Log, moved: Mapping[str, Any]) -> dict[str, Any]:
        v = log.values
        into = 1 if moved["to_id"] == v.into_id else -1
        pools = {address for name, address in self.addresses.items() if name.startswith("BackstopPool")}
        names = ("vault_id", "into_id", "taker", "fraction", "bonus_share", "cut", "top_up", "equity", "margin")
        cash, native = into * moved["cash"], self._token(moved["market"]).native
        value = None if moved["value"] is None else into * moved["value"]
        return {
            **{name: v[name] for name in names},
            "kind": "absorbed" if v.taker in pools else "taken", "market": moved["market"],
            "expiry": moved["expiry"], "cash": cash, "value": value,
            "legs": [[kind, strike, into * quantity] for kind, strike, quantity in moved["legs"]],
            "bonus": None if value is None else bonus_of(value, cash * native, v.top_up * native),
        }  # fmt: skip

    def _filled(self, log: Log, moved: Mapping[str, Any]) -> dict[str, Any]:
        v = log.values
        maker_received = 1 if moved["to_id"] == v.maker_vault else -1
        legs = [[kind, strike, maker_received * quantity] for kind, strike, quantity in moved["legs"]]
        contracts, quote = _traded(legs_from(legs), self._token(moved["market"]).units.inverse)
        return {
            "order_hash": hexed(v.order_hash), "key": hexed(v.key), "maker_vault": v.maker_vault,
            "taker_vault": v.taker_vault, "market": moved["market"], "expiry": moved["expiry"], "legs": legs,
            "size": v.size, "filled": v.filled, "price": v.price, "premium": v.premium, "maker_fee": v.maker_fee,
            "taker_fee": v.taker_fee, "contracts": contracts, "quote": quote,
        }  # fmt: skip

    def _end_block(self, rows: Rows, changed: set[int], block: int, blocks: Mapping[int, Block]) -> None:
        for vault_id in sorted(changed):
            account = self.accounts[vault_id]
            account.rest()
            rows.states.append(account.row(self.deployment, block, blocks[block].at))
            rows.touched[vault_id] = account
        changed.clear()


def _traded(legs: Sequence[Leg], inverse: bool) -> tuple[int, int]:
    """(contracts, quote of an inverse market's CASH) that a fill moved, as open interest counts them [1e-6]."""
    counted = [leg for leg in legs if not leg.is_money(inverse)]
    quote = sum(abs(leg.quantity) for leg in counted if not leg.kind.has_lot(inverse))
    return sum(abs(leg.quantity) for leg in counted) - quote, quote


def vaults_in(logs: Iterable[Log]) -> set[int]:
    """Vaults whose accounts a fold of these logs needs."""
    found: set[int] = set()
    for log in logs:
        if log.contract in ("Clearinghouse", "Settlement"):
            for name in ("vault_id", "from_id", "to_id"):
                if name in log.values:
                    found.add(int(log.values[name]))
    return found


def receivers_in(logs: Iterable[Log]) -> set[str]:
    """Addresses that withdrawals went to: some are those of vaults, whose accounts a fold needs too."""
    return {log.values.receiver for log in logs if log.contract == "Clearinghouse" and log.event == "Withdrawn"}
