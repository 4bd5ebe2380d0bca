"""What routes share: the database, the deployment that is asked about, pages and tags."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Query, Request, Response
from sqlalchemy import Connection

from bulkhead.history import models
from bulkhead.history.api.guard import PROBLEM, Gauges, NotThere, Unchanged
from bulkhead.history.context import Context, Memory
from bulkhead.history.database import Database
from bulkhead.history.pages import MOST, USUAL, Place, cursor_of, mark_of, place_of

T = TypeVar("T")

#: Quick questions that wait for a server of databases at once.
READERS = 8

#: Numbers that both databases take.
Number = Annotated[int, Path(ge=0, lt=2**63)]
VaultFilter = Annotated[int | None, Query(ge=0, lt=2**63, description="A vault.")]
MarketFilter = Annotated[int | None, Query(ge=0, lt=2**16, description="Index of a market.")]
Address = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{40}$", description="An account.")]
AddressFilter = Annotated[str | None, Query(pattern="^0x[0-9a-fA-F]{40}$", description="An account.")]
HashFilter = Annotated[str | None, Query(pattern="^0x[0-9a-f]{64}$", description="32 bytes.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Entries of the page.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]


def _described(text: str) -> dict[str, Any]:
    return {"description": text, "content": {PROBLEM: {"schema": models.Problem.model_json_schema()}}}


#: What any route may answer beside its own.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed since the tag in If-None-Match."},
    400: _described("The question has no answer: a cursor from elsewhere, a range too long."),
    404: _described("No such deployment, vault or market is in the database."),
    414: _described("The path is too long."),
    422: _described("A parameter cannot be used."),
    429: _described("Too many requests."),
    503: _described("The database does not answer."),
}


class Service:
    """A database that answers.

    Attributes:
        database: It.
        gauges: What is counted.
        memory: What is known of each deployment.
    """

    def __init__(self, database: Database, gauges: Gauges) -> None:
        self.database, self.gauges = database, gauges
        self.memory = Memory()
        self._readers = ThreadPoolExecutor(READERS, "reader")

    async def run(self, question: Callable[[], T], is_slow: bool = False) -> T:
        """Answers a question to the database.

        A file answers at once, and a thread would cost as much again. A server is waited for by threads of a few
        connections, so that neither its pace nor its failure holds up the others; slow questions have threads of
        their own.
        """
        if is_slow:
            return await asyncio.to_thread(question)
        if self.database.is_sqlite:
            return question()
        return await asyncio.get_running_loop().run_in_executor(self._readers, question)

    def close(self) -> None:
        """Ends the threads."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def asked(self, deployment: int) -> Iterator[tuple[Connection, Context]]:
        """A connection and what is known of a deployment.

        Raises:
            NotThere: There is none of that number.
        """
        with self.database.read() as reader:
            context = self.memory.get(reader, deployment)
            if context is None:
                raise NotThere(f"There is no deployment {deployment} in the database; GET /v1/deployments lists them.")
            self.gauges.block.labels(deployment).set(context.deployment.block)
            yield reader, context

    def require(self, deployment: int) -> None:
        """Makes sure of a deployment.

        Raises:
            NotThere: There is none of that number.
        """
        with self.asked(deployment):
            pass


class Asked:
    """One question about one deployment."""

    def __init__(self, request: Request, response: Response, deployment: int) -> None:
        self.service: Service = request.app.state.service
        self.deployment, self._request, self._response = deployment, request, response

    async def answer(self, found: Callable[[Connection, Context], T], is_slow: bool = False) -> T:
        """What a question finds, unless the client has it already.

        Raises:
            Unchanged: It has.
        """
        return await self.service.run(lambda: self._answer(found), is_slow)

    def _answer(self, found: Callable[[Connection, Context], T]) -> T:
        with self.service.asked(self.deployment) as (reader, context):
            text = f"{context.deployment.block_hash}{context.deployment.block}{self._request.url}"
            tag = f'W/"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'
            told = self._request.headers.get("if-none-match", "")
            if tag in (one.strip() for one in told.split(",")):
                raise Unchanged(tag)
            result = found(reader, context)
            self._response.headers["etag"] = tag
            self._response.headers["cache-control"] = "public, max-age=1"
            return result

    async def page(
        self, filters: Mapping[str, object], paging: Paging,
        found: Callable[[Connection, Context, Place | None], list[tuple[Place, T]]],
    ) -> models.Page[T]:  # fmt: skip
        """A page of what a question finds; `found` gives one entry more than wanted when there is one."""
        mark = mark_of(self._request.scope["route"].path, {"deployment": self.deployment, **filters})
        after = None if paging.cursor is None else place_of(mark, paging.cursor)

        def answered(reader: Connection, context: Context) -> models.Page[T]:
            entries = found(reader, context, after)
            more = len(entries) > paging.limit
            entries = entries[: paging.limit]
            following = cursor_of(mark, entries[-1][0]) if more else None
            return models.Page(items=[one for _, one in entries], next=following, block=context.deployment.block)

        return await self.answer(answered)


class Paging:
    """Where a page begins and how long it is."""

    def __init__(self, limit: int, cursor: str | None) -> None:
        self.limit, self.cursor = limit, cursor


# async: what is not goes through a thread for each request


async def _asked(request: Request, response: Response, deployment: Annotated[int, Path(ge=1, lt=2**31)]) -> Asked:
    return Asked(request, response, deployment)


async def _paging(limit: Limit = USUAL, cursor: Cursor = None) -> Paging:
    return Paging(limit, cursor)


Question = Annotated[Asked, Depends(_asked)]
Pages = Annotated[Paging, Depends(_paging)]
