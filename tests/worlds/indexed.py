"""The past of a chain, indexed from nothing and compared with it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bulkhead.chain.connection import Connection
from bulkhead.history.check import check
from bulkhead.history.database import Database
from bulkhead.history.follow import Progress, followers, run


def index(database: Database, chain: Connection, *urls: str, receipts: bool = True) -> list[Progress]:
    """Indexes until nothing is missing; what each look did."""
    looks: list[Progress] = []
    with database.guarded(), database.writer() as writer:
        following = followers(writer, [chain.deployment], urls or (chain.rpc.url,), receipts)
        run(following, 0.01, True, lambda _, progress: looks.append(progress))
    return looks


def differences(chain: Connection) -> list[str]:
    """Where an index of the whole past is not what the chain is now."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(str(Path(folder) / "index.sqlite"))
        try:
            index(database, chain, receipts=False)
            with database.read() as reader:
                report = check(reader, 1, chain)
        finally:
            database.close()
    assert report.vaults, "the index knows no vault"
    return report.wrong
