"""The index beside a machine: its logs are folded as it goes, and what the index says is compared with the chain."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Engine, NullPool, RowMapping, Select, StaticPool, create_engine, select

from bulkhead.chain.connection import Connection
from bulkhead.history import models, queries, tables
from bulkhead.history.check import Report, check
from bulkhead.history.context import Memory
from bulkhead.history.follow import Follower
from tests.worlds.in_process import InProcess, deployment_of
from tests.worlds.system import System


@cache
def _tables() -> sqlite3.Connection:
    """A database without rows: to make the tables takes longer than to copy them."""
    made = sqlite3.connect(":memory:")
    with create_engine("sqlite://", poolclass=StaticPool, creator=lambda: made).begin() as connection:
        tables.metadata.create_all(connection)
    return made


def _empty() -> sqlite3.Connection:
    copied = sqlite3.connect(":memory:")
    _tables().backup(copied)
    return copied


@cache
def _engine() -> Engine:
    """Each connection is a database of its own; what the engine has compiled it keeps for all of them."""
    return create_engine("sqlite://", poolclass=NullPool, creator=_empty)


class Folded:
    """An index in memory that follows one system of the environment of now, which keeps its logs.

    Attributes:
        follower: The indexer itself.
    """

    def __init__(self, system: System, pools: Mapping[str, str] = {}) -> None:
        deployment = deployment_of(system, pools)
        self._node = InProcess()
        self._chain = Connection(self._node, deployment)
        self._database = _engine().connect()
        self.follower = Follower.of(self._database, deployment, [self._node], receipts=False)
        self._gifts: set[int] = set()

    def fold(self) -> None:
        """Takes in what was logged since the last time; what was undone since goes out."""
        self._node.mine()
        self.follower.catch_up()

    def report(self) -> Report:
        """The index beside the chain as it is now."""
        self.fold()
        return check(self._database, self.follower.store.id, self._chain)

    def begin(self) -> list[str]:
        """Where they differ as a walk begins; vaults that got tokens directly before it are known from then on."""
        report = self.report()
        self._gifts = set(report.gifts)
        return report.wrong

    def differences(self, donated: Collection[int] = ()) -> list[str]:
        """Where they differ.

        Args:
            donated: Vaults that got tokens directly, of which no log tells.
        """
        report = self.report()
        untold = report.gifts.keys() - self._gifts - set(donated)
        return [f"index: {one}" for one in report.wrong] + [
            f"index: vault {vault} has {report.gifts[vault]} more on the chain, and nobody gave it any"
            for vault in sorted(untold)
        ]

    def read(self, asked: Select[Any]) -> list[RowMapping]:
        """Rows of the index."""
        return list(self._database.execute(asked).mappings())

    def shown(self, vault_id: int, **changes: object) -> models.Vault:
        """A vault as the service shows it, with columns of its row changed."""
        context = Memory().get(self._database, self.follower.store.id)
        assert context is not None
        table = tables.vaults
        (row,) = self.read(select(table).where(table.c.vault_id == vault_id))
        return queries.vault_shown(context, {**row, **changes})

    def close(self) -> None:
        """Forgets the index."""
        self._database.close()
