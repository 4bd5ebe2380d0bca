"""Who carries planned calls out: the keeper's own sender, or workers behind a queue (`shard`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bulkhead.keeper.calls import Call
from bulkhead.keeper.node import Head
from bulkhead.keeper.sender import Sender


class Executor(Protocol):
    """Who carries planned calls out: the keeper's own sender, or workers behind a queue."""

    async def submit(self, calls: Sequence[Call], head: Head) -> tuple[int, list[tuple[Call, str]]]:
        """Sends; returns how many went out, and what did not with the reason."""
        ...

    async def close(self) -> None:
        """Ends what it holds."""
        ...


class SenderExecutor:
    """The keeper's own sender."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    async def submit(self, calls: Sequence[Call], head: Head) -> tuple[int, list[tuple[Call, str]]]:
        """Sends through the sender."""
        attempts, refused = await self.sender.submit(calls, head)
        return len(attempts), refused

    async def close(self) -> None:
        """Closes the journal."""
        self.sender.journal.close()
