"""The index beside the chain: every vault, claim, cell, pot and mandate at the block that is in, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection as Reader
from sqlalchemy import func, select

from bulkhead.chain.abi.codec import Record
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract, read, read_each
from bulkhead.chain.errors import BulkheadError, Reverted
from bulkhead.chain.words import Terms, VaultWord, cell_word
from bulkhead.history import tables
from bulkhead.history.rows import FOREVER, NOBODY
from bulkhead.history.store import parts
from bulkhead.profit.accounts import Account

#: Vaults read in one post.
TOGETHER = 200


@dataclass
class Report:
    """What was compared.

    Attributes:
        block: At this block.
        vaults: Vaults compared.
        cells: Cells compared.
        pots: Pots of insurance and markets compared.
        claims: Claims and debts of vaults compared.
        mandates: Mandates of top-ups compared.
        gifts: What vaults hold beyond their logs, by vault: tokens sent directly leave no log of ours [native].
        wrong: Sentences about what differs.
    """

    block: int
    vaults: int = 0
    cells: int = 0
    pots: int = 0
    claims: int = 0
    mandates: int = 0
    gifts: dict[int, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def compare(self, what: str, index: object, chain: object) -> None:
        """Notes a difference."""
        if index != chain:
            self.wrong.append(f"{what}: {index} in the index, {chain} on the chain")


def check(reader: Reader, deployment: int, chain: Connection) -> Report:
    """Compares a deployment's index with the chain.

    Args:
        reader: The database.
        deployment: Its number in the database.
        chain: The deployment at a node that still has the state of the newest block that is in.

    Raises:
        BulkheadError: The node does not have that block, or has another.
    """
    table = tables.deployments
    row = reader.execute(select(table.c.block, table.c.block_hash).where(table.c.id == deployment)).one()
    header = chain.rpc.block(row.block)
    if str(header["hash"]).lower() != row.block_hash:
        raise BulkheadError(
            f"Block {row.block} is another on this node: its chain was reorganised since; `bulkhead index run` follows."
        )
    report = Report(row.block)
    _vaults(reader, deployment, chain, report)
    _cells(reader, deployment, chain, report)
    _pots(reader, deployment, chain, report)
    if "AutoTopUp" in chain.contracts:
        _mandates(reader, deployment, chain, report)
    return report


def _vaults(reader: Reader, deployment: int, chain: Connection, report: Report) -> None:
    table, house = tables.vaults, chain["Clearinghouse"]
    (following,) = read(chain.rpc, [house.query("next_id")], report.block)
    ids = reader.execute(select(table.c.vault_id).where(table.c.deployment == deployment)).scalars().all()
    first = min(ids, default=following)
    report.compare("vaults ever opened", len(ids), following - first)
    for start in range(0, len(ids), TOGETHER):
        some = ids[start : start + TOGETHER]
        found = {
            row["vault_id"]: Account.load(dict(row), chain.units(row["market"]).inverse)
            for piece in parts(some)
            for row in reader.execute(
                select(table).where(table.c.deployment == deployment, table.c.vault_id.in_(piece))
            ).mappings()
        }
        alive = [i for i in some if not found[i].closed]
        gone = [i for i in some if found[i].closed]
        words = read(chain.rpc, [house.query("vault_word", i) for i in gone], report.block)
        for vault_id, word in zip(gone, words, strict=True):
            report.compare(f"vault {vault_id}, closed, word", 0, word)
        loaded = read_each(chain.rpc, [house.query("load", i) for i in alive], report.block)
        owed: list[Account] = []
        for vault_id, there in zip(alive, loaded, strict=True):
            if isinstance(there, Reverted):
                report.compare(f"vault {vault_id}", "open", "not there")
            elif isinstance(there, BulkheadError):
                raise there
            else:
                account, word = found[vault_id], VaultWord.unpack(there.vault.word)
                _vault(account, there.vault, there.legs, report)
                if account.claim_left or account.debt_left or word.claim or word.debt:
                    owed.append(account)
        _claims(owed, chain, report)
        _legs(reader, deployment, [found[i] for i in some], report)
        report.vaults += len(some)


def _vault(account: Account, there: Record, legs: Sequence[int], report: Report) -> None:
    name = f"vault {account.vault_id}"
    report.compare(f"{name}, word", account.word, there.word)
    report.compare(f"{name}, terms", account.terms, there.terms)
    report.compare(f"{name}, legs", [leg.pack() for leg in account.legs], list(legs))
    balance: int = there.balance
    if balance > account.balance:
        report.gifts[account.vault_id] = balance - account.balance
    else:
        report.compare(f"{name}, balance", account.balance, balance)


def _claims(accounts: Sequence[Account], chain: Connection, report: Report) -> None:
    settlement = chain["Settlement"]
    queries = [settlement.query(name, one.vault_id) for one in accounts for name in ("claim_of", "debt_of")]
    answers = iter(read(chain.rpc, queries, report.block))
    for one, claim, debt in zip(accounts, answers, answers, strict=True):
        report.compare(f"vault {one.vault_id}, left of its claim", one.claim_left, claim.amount - claim.paid)
        report.compare(f"vault {one.vault_id}, debt", one.debt_left, debt)
    report.claims += len(accounts)


def _legs(reader: Reader, deployment: int, accounts: Sequence[Account], report: Report) -> None:
    """The table of legs beside the vaults that have them: services read either."""
    table = tables.legs
    known: dict[int, list[tuple[int, ...]]] = {one.vault_id: [] for one in accounts}
    for piece in parts(list(known)):
        for row in reader.execute(select(table).where(table.c.deployment == deployment, table.c.vault_id.in_(piece))):
            known[row.vault_id].append((row.kind, row.strike, row.quantity, row.market, row.expiry))
    for one in accounts:
        expiry = Terms.unpack(one.terms).expiry
        held = [(int(leg.kind), leg.strike, leg.quantity, one.market, expiry) for leg in one.legs]
        if sorted(known[one.vault_id]) != sorted(held):
            report.wrong.append(f"vault {one.vault_id}: its rows of `legs` are not its legs")


def _cells(reader: Reader, deployment: int, chain: Connection, report: Report) -> None:
    table = tables.cells
    rows = reader.execute(
        select(table).where(table.c.deployment == deployment).order_by(table.c.block, table.c.log_index)
    )
    newest = {(row.market, row.expiry): row for row in rows}
    lacking = _deficits(reader, deployment)
    words = read(chain.rpc, [chain["Clearinghouse"].query("cell", *cell) for cell in newest], report.block)
    interest: dict[int, tuple[tuple[int, int], int]] = {}
    for (cell, row), word in zip(newest.items(), words, strict=True):
        gross, deficit = cell_word(word)
        report.compare(f"cell {cell}, gross", row.gross, gross)
        report.compare(f"cell {cell}, deficit", lacking.get(cell, 0), deficit)
        place = (row.block, row.log_index)
        if cell[0] not in interest or interest[cell[0]][0] < place:
            interest[cell[0]] = (place, row.open_interest)
    markets = read(chain.rpc, [chain["Clearinghouse"].query("market", market) for market in interest], report.block)
    for (market, (_, known)), there in zip(interest.items(), markets, strict=True):
        report.compare(f"market {market}, open interest", known, there.open_interest)
    report.cells += len(newest)
    quantities = tables.legs
    totals = reader.execute(
        select(quantities.c.market, quantities.c.expiry, func.sum(func.abs(quantities.c.quantity)))
        .where(quantities.c.deployment == deployment)
        .group_by(quantities.c.market, quantities.c.expiry)
    )
    for market, expiry, total in totals:
        gross = newest[(market, expiry)].gross if (market, expiry) in newest else 0
        report.compare(f"cell {(market, expiry)}, sum of its vaults' legs", int(total), gross)


def _deficits(reader: Reader, deployment: int) -> dict[tuple[int, int], int]:
    """What cells lack [1e-6 token]: a deficit that is recorded between two trades is told of its vault only."""
    table = tables.vaults
    rows = reader.execute(
        select(table.c.market, table.c.expiry, table.c.deficit).where(
            table.c.deployment == deployment, table.c.closed.is_(False), table.c.deficit != 0
        )
    )
    found: dict[tuple[int, int], int] = {}
    for market, expiry, deficit in rows:
        found[market, expiry] = found.get((market, expiry), 0) + deficit
    return found


def _pots(reader: Reader, deployment: int, chain: Connection, report: Report) -> None:
    """Insurance by the balance that its own logs told last; what takes and cells bring in leaves no log of it."""
    table, fund = tables.insurance, chain["InsuranceFund"]
    rows = reader.execute(
        select(table).where(table.c.deployment == deployment).order_by(table.c.block, table.c.log_index)
    )
    shares: dict[int, int] = {}
    for row in rows:
        sign = {"added": 1, "withdrawn": -1}.get(row.kind, 0)
        shares[row.market] = shares.get(row.market, 0) + sign * row.shares
    totals = read(chain.rpc, [fund.query("total_shares", market) for market in shares], report.block)
    for (market, known), there in zip(shares.items(), totals, strict=True):
        report.compare(f"insurance of market {market}, shares", known, there)
    report.pots += len(shares)
    for entry in chain.deployment.markets.values():
        if entry.backstop:
            _pool(reader, deployment, chain.backstop(entry), report)


def _pool(reader: Reader, deployment: int, pool: Contract, report: Report) -> None:
    table = tables.pools
    rows = reader.execute(
        select(table.c.kind, table.c.shares).where(table.c.deployment == deployment, table.c.pool == pool.address)
    )
    # shares are burnt when their request is served
    known = sum({"deposit": 1, "served": -1}.get(row.kind, 0) * row.shares for row in rows)
    (there,) = read(pool.rpc, [pool.query("totalSupply")], report.block)
    report.compare(f"shares of the pool {pool.address}", known, there)
    report.pots += 1


def _mandates(reader: Reader, deployment: int, chain: Connection, report: Report) -> None:
    """What owners let anyone add to their vaults, and what was spent of it."""
    given, spent, contract = tables.mandates, tables.top_ups, chain["AutoTopUp"]
    newest: dict[int, Any] = {}
    used: dict[int, int] = {}
    # a mandate that is given anew counts from nothing; one that is ended keeps its count
    for table in (given, spent):
        rows = reader.execute(
            select(table).where(table.c.deployment == deployment).order_by(table.c.block, table.c.log_index)
        )
        for row in rows:
            if table is given:
                newest[row.vault_id] = row
                used.setdefault(row.vault_id, 0)
            elif (row.block, row.log_index) > (newest[row.vault_id].block, newest[row.vault_id].log_index):
                used[row.vault_id] = row.spent_in_all
    records = read(chain.rpc, [contract.query("record", vault_id) for vault_id in newest], report.block)
    for (vault_id, row), there in zip(newest.items(), records, strict=True):
        told, name = there.mandate, f"vault {vault_id}, mandate"
        ended = row.kind == "ended"
        report.compare(f"{name}, owner", NOBODY if ended else row.owner, there.owner)
        if not ended:
            known = (row.epoch, row.trigger, row.target, row.most_per_day, row.most_in_all, row.tip, row.expires_at)
            terms = told.trigger, told.target, told.most_per_day, told.most_in_all, told.tip
            report.compare(name, known, (there.epoch, *terms, min(told.expires_at, FOREVER)))
            report.compare(f"{name}, spent", used[vault_id], there.spent_in_all)
    report.mandates += len(newest)
