"""Who carries planned calls out: the keeper's own wallets, or workers behind a queue (`shard`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bulkhead.keeper.calls import Call
from bulkhead.keeper.node import Head
from bulkhead.keeper.wallets import Wallets


class Executor(Protocol):
    """Who carries planned calls out: the keeper's own wallets, or workers behind a queue."""

    async def submit(self, calls: Sequence[Call], head: Head) -> tuple[int, list[tuple[Call, str]]]:
        """Sends; returns how many went out, and what did not with the reason."""
        ...

    async def close(self) -> None:
        """Ends what it holds."""
        ...


class SenderExecutor:
    """The keeper's own wallets."""

    def __init__(self, wallets: Wallets) -> None:
        self.wallets = wallets

    async def submit(self, calls: Sequence[Call], head: Head) -> tuple[int, list[tuple[Call, str]]]:
        """Sends through them."""
        return await self.wallets.submit(calls, head)

    async def close(self) -> None:
        """Closes the journal."""
        self.wallets.all[0].sender.journal.close()
