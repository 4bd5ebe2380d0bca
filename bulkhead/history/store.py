"""Rows in and out of the database for one deployment: a stretch of blocks added, or blocks above one taken out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, insert, select, update

from bulkhead.chain.deployment import Deployment
from bulkhead.chain.rpc import to_int
from bulkhead.chain.words import TokenWord
from bulkhead.history import tables
from bulkhead.history.bulk import put
from bulkhead.history.database import Busy
from bulkhead.history.fold import Rows
from bulkhead.history.source import Block, Stretch
from bulkhead.profit.accounts import Account
from bulkhead.risk.words import Snapshot

#: Values in one statement.
AT_ONCE = 500
#: Headers of so many blocks below the newest are kept whether or not they have logs.
KEPT = 1024


def parts(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Values in pieces of a size that every database takes."""
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))


class Store:
    """One deployment in a database.

    Attributes:
        connection: The writer's.
        id: The deployment's number in the database.
    """

    def __init__(self, connection: Connection, deployment: Deployment) -> None:
        self.connection = connection
        self.id = self._id(deployment)
        self._written = 0

    def _id(self, deployment: Deployment) -> int:
        table, house = tables.deployments, deployment.address("Clearinghouse")
        known = self.connection.execute(
            select(table.c.id).where(table.c.chain_id == deployment.chain_id, table.c.clearinghouse == house)
        ).scalar()
        if known is None:
            known = (self.connection.execute(select(func.max(table.c.id))).scalar() or 0) + 1
            self.connection.execute(
                insert(table).values(
                    id=known, network=deployment.network, chain_id=deployment.chain_id, clearinghouse=house,
                    first_block=deployment.block, block=deployment.block - 1, block_hash="", at=0, logs=0,
                    addresses=deployment.dump(),
                )
            )  # fmt: skip
        else:
            self.connection.execute(
                update(table).where(table.c.id == known).values(addresses=deployment.dump(), network=deployment.network)
            )
        self.connection.commit()
        return int(known)

    # --- what is there ----------------------------------------------------------------------------------------

    def tip(self) -> Block:
        """The newest block that is in; without a hash when there is none yet."""
        table = tables.deployments
        row = self.connection.execute(
            select(table.c.block, table.c.block_hash, table.c.at).where(table.c.id == self.id)
        ).one()
        return Block(row.block, row.block_hash, "", row.at)

    def headers_below(self, number: int, count: int) -> list[Block]:
        """Known headers up to a number, the highest first."""
        table = tables.blocks
        rows = self.connection.execute(
            select(table)
            .where(table.c.deployment == self.id, table.c.number <= number)
            .order_by(table.c.number.desc())
            .limit(count)
        )
        return [Block(row.number, row.hash, "", row.at) for row in rows]

    def accounts(
        self, ids: Iterable[int], custodies: Iterable[str], tokens: Mapping[int, TokenWord]
    ) -> dict[int, Account]:
        """Vaults as they are, by number and by the address of their tokens, in markets with these tokens."""
        table = tables.vaults
        found: dict[int, Account] = {}
        for column, wanted in ((table.c.vault_id, sorted(ids)), (table.c.custody, sorted(custodies))):
            for some in parts(wanted):
                rows = self.connection.execute(
                    select(table).where(table.c.deployment == self.id, column.in_(some))
                ).mappings()
                found.update(
                    {row["vault_id"]: Account.load(dict(row), tokens[row["market"]].units.inverse) for row in rows}
                )
        return found

    def tokens(self) -> dict[int, TokenWord]:
        """Newest token word of each market."""
        table = tables.parameters
        rows = self.connection.execute(
            select(table.c.market, table.c.value)
            .where(table.c.deployment == self.id, table.c.kind == "word", table.c.name == "token_word")
            .order_by(table.c.block, table.c.log_index)
        )
        return {row.market: TokenWord.unpack(row.value) for row in rows}

    def open_cells(self) -> list[tuple[int, int]]:
        """Cells in which some vault has legs."""
        table = tables.legs
        rows = self.connection.execute(
            select(table.c.market, table.c.expiry).where(table.c.deployment == self.id).distinct()
        )
        return [(row.market, row.expiry) for row in rows]

    # --- in ---------------------------------------------------------------------------------------------------

    def add(self, before: Block, stretch: Stretch, rows: Rows) -> None:
        """Adds what happened in a stretch, and moves the tip, as one.

        Raises:
            Busy: The tip is not where this indexer left it.
        """
        run = self.connection.execute
        tip = stretch.last
        table = tables.deployments
        moved = run(
            update(table)
            .where(table.c.id == self.id, table.c.block == before.number, table.c.block_hash == before.hash)
            .values(block=tip.number, block_hash=tip.hash, at=tip.at, logs=table.c.logs + len(stretch.logs))
        )
        if moved.rowcount != 1:
            self.connection.rollback()
            raise Busy("Another indexer has moved this database on; two would undo each other's work.")
        heard = {log.block for log in stretch.logs}
        headers = [
            {"deployment": self.id, "number": b.number, "hash": b.hash, "at": b.at, "has_logs": b.number in heard}
            for b in stretch.blocks.values()
        ]
        put(self.connection, tables.blocks, headers)
        for event_table, found in rows.events.items():
            put(self.connection, event_table, found)
        put(self.connection, tables.vault_states, rows.states)
        put(self.connection, tables.gas, _gas_rows(self.id, stretch))
        newest = {row["vault_id"]: row for row in rows.states}
        self._put_vaults(list(newest.values()))
        self._forget_headers(tip.number)
        self.connection.commit()

    def _put_vaults(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Vaults are now as these rows say."""
        legs = [
            {
                "deployment": self.id, "vault_id": row["vault_id"], "kind": kind, "strike": strike,
                "market": row["market"], "expiry": row["expiry"], "quantity": quantity,
            }
            for row in rows
            for kind, strike, quantity in row["legs"]
        ]  # fmt: skip
        self._drop_vaults([row["vault_id"] for row in rows])
        put(self.connection, tables.vaults, rows)
        put(self.connection, tables.legs, legs)

    def _drop_vaults(self, ids: Sequence[int]) -> None:
        for some in parts(ids):
            for table in (tables.vaults, tables.legs):
                self.connection.execute(delete(table).where(table.c.deployment == self.id, table.c.vault_id.in_(some)))

    def _forget_headers(self, tip: int) -> None:
        """Headers far below the tip in whose blocks nothing happened are not kept."""
        self._written += 1
        if self._written % 256 == 0:
            table = tables.blocks
            self.connection.execute(
                delete(table).where(
                    and_(table.c.deployment == self.id, table.c.number < tip - KEPT, table.c.has_logs.is_(False))
                )
            )

    # --- out --------------------------------------------------------------------------------------------------

    def undo(self, keep: Block) -> int:
        """Takes out everything above a block, as one; returns how many vaults became what they were."""
        run = self.connection.execute
        states = tables.vault_states
        above = and_(states.c.deployment == self.id, states.c.block > keep.number)
        ids = sorted(run(select(states.c.vault_id).where(above).distinct()).scalars())
        gone = sum(self._drop_above(table, keep.number) for table in tables.DATED)
        run(delete(tables.blocks).where(tables.blocks.c.deployment == self.id, tables.blocks.c.number > keep.number))
        self._drop_vaults(ids)
        for some in parts(ids):
            newest = (
                select(states.c.vault_id, func.max(states.c.block).label("block"))
                .where(states.c.deployment == self.id, states.c.vault_id.in_(some))
                .group_by(states.c.vault_id)
                .subquery()
            )
            rows = run(
                select(states)
                .join(newest, and_(states.c.vault_id == newest.c.vault_id, states.c.block == newest.c.block))
                .where(states.c.deployment == self.id)
            ).mappings()
            self._put_vaults([dict(row) for row in rows])
        table = tables.deployments
        run(
            update(table)
            .where(table.c.id == self.id)
            .values(block=keep.number, block_hash=keep.hash, at=keep.at, logs=table.c.logs - gone)
        )
        self.connection.commit()
        return len(ids)

    def _drop_above(self, table: Table, number: int) -> int:
        found = self.connection.execute(
            delete(table).where(table.c.deployment == self.id, table.c.block > number)
        ).rowcount
        return found if "log_index" in table.c else 0

    # --- prices of now ----------------------------------------------------------------------------------------

    def put_snapshots(self, rows: Sequence[Mapping[str, Any]], prices: Sequence[Mapping[str, Any]]) -> None:
        """Prices of cells, and of pools' shares, at the newest block."""
        table = tables.snapshots
        self.connection.execute(delete(table).where(table.c.deployment == self.id))
        put(self.connection, table, rows)
        put(self.connection, tables.share_prices, prices)
        self.connection.commit()


def snapshot_from(content: Mapping[str, Any]) -> Snapshot:
    """A snapshot as the database keeps it."""
    return Snapshot(**content)


def _gas_rows(deployment: int, stretch: Stretch) -> list[dict[str, Any]]:
    """Rows of `gas`: one for each transaction, under the name of its last event."""
    events = {log.transaction: log.event for log in stretch.logs}
    return [
        {
            "deployment": deployment, "block": (number := to_int(receipt["blockNumber"])),
            "tx": str(receipt["transactionHash"]), "at": stretch.blocks[number].at,
            "sender": str(receipt["from"]), "receiver": str(receipt.get("to") or ""),
            "event": events[str(receipt["transactionHash"])], "gas_used": to_int(receipt["gasUsed"]),
            "gas_price": to_int(receipt.get("effectiveGasPrice") or "0x0"),
        }
        for receipt in stretch.receipts
    ]  # fmt: skip
