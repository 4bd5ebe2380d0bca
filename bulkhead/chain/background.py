"""Tasks beside a loop: ended for sure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

#: After so long a task that goes on is cancelled again [seconds].
AGAIN_SECONDS = 1.0


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancels tasks and waits until all have ended, whatever they raise.

    A library may take a cancellation for a timeout of its own that ends at the same moment, and a loop that bears
    timeouts would go on for ever: it is cancelled again.

    Args:
        tasks: The tasks; those that have ended already are none the worse.
    """
    everything = list(tasks)
    while running := [task for task in everything if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=AGAIN_SECONDS)
    await asyncio.gather(*everything, return_exceptions=True)
