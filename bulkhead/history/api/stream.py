"""Blocks as they are taken in, as server-sent events: one watcher reads the database, whoever listens is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import select

from bulkhead.chain.errors import BulkheadError
from bulkhead.history import models, queries, tables
from bulkhead.history.api.guard import problem, text_of
from bulkhead.history.api.shared import PROBLEMS, Service

#: Between two looks at the database, and between two signs of life to listeners [seconds].
LOOK, ALIVE = 0.25, 15.0
#: Listeners at once, and vaults named in one event.
MOST_LISTENERS, MOST_VAULTS = 500, 1000

router = APIRouter(responses=PROBLEMS)


class Hub:
    """Tells listeners of new blocks.

    Attributes:
        service: The database.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._heads: dict[int, models.Head] = {}
        self._moved = asyncio.Condition()
        self.listeners = 0

    async def watch(self) -> None:
        """Looks for new blocks for ever; a database that is away is waited for."""
        while True:
            with contextlib.suppress(BulkheadError):
                fresh = await asyncio.to_thread(self._look)
                if fresh:
                    async with self._moved:
                        self._heads.update({head.deployment: head for head in fresh})
                        self._moved.notify_all()
            await asyncio.sleep(LOOK)

    def _look(self) -> list[models.Head]:
        found: list[models.Head] = []
        with self.service.database.read() as reader:
            for one in queries.deployments(reader):
                before = self._heads.get(one.id)
                if before is not None and before.hash == one.block_hash:
                    continue
                states = tables.vault_states
                since = one.block - 1 if before is None else min(before.block, one.block - 1)
                changed = reader.execute(
                    select(states.c.vault_id)
                    .where(states.c.deployment == one.id, states.c.block > since)
                    .distinct()
                    .limit(MOST_VAULTS)
                )
                found.append(
                    models.Head(
                        deployment=one.id, block=one.block, hash=one.block_hash, at=one.at,
                        vaults=sorted(changed.scalars()),
                    )
                )  # fmt: skip
        return found

    async def listen(self, deployment: int, request: Request) -> AsyncIterator[str]:
        """Events of one deployment until the listener goes."""
        self.listeners += 1
        self.service.gauges.streams.set(self.listeners)
        told = ""
        try:
            while not await request.is_disconnected():
                head = self._heads.get(deployment)
                if head is not None and head.hash != told:
                    told = head.hash
                    yield f"id: {head.block}\nevent: block\ndata: {text_of(head.model_dump())}\n\n"
                    continue
                try:
                    async with asyncio.timeout(ALIVE), self._moved:
                        await self._moved.wait()
                except TimeoutError:
                    yield ": alive\n\n"
        finally:
            self.listeners -= 1
            self.service.gauges.streams.set(self.listeners)


@router.get(
    "/{deployment}/stream",
    response_class=StreamingResponse,
    responses={200: {"description": "Events named `block`, each a Head.", "content": {"text/event-stream": {}}}},
)
async def stream(request: Request, deployment: Annotated[int, Path(ge=1, lt=2**31)]) -> Response:
    """New blocks, with the vaults that changed, as server-sent events."""
    hub: Hub = request.app.state.hub
    await hub.service.run(lambda: hub.service.require(deployment))
    if hub.listeners >= MOST_LISTENERS:
        return problem(503, "Full", f"{MOST_LISTENERS} listeners are here already.", {"retry-after": "30"})
    return StreamingResponse(hub.listen(deployment, request), media_type="text/event-stream")
