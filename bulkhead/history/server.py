"""Listens for requests until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import uvicorn

from bulkhead.history.api.app import build
from bulkhead.history.database import Database


def listen(
    database: Database, host: str, port: int, origins: tuple[str, ...], rate: float, seconds: float | None
) -> None:  # fmt: skip
    """Serves a database.

    Raises:
        OSError: Nobody can listen there.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except UnicodeError:
        raise OSError(f"{host!r} is no name") from None
    with socket.socket(family[0], socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(family[4])
        door.listen(2_048)  # whoever reads the address may ask at once
        settings = uvicorn.Config(
            build(database, origins, rate), log_level="error", access_log=False, timeout_graceful_shutdown=2,
            limit_concurrency=2_000, server_header=False,
        )  # fmt: skip
        server = uvicorn.Server(settings)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(server, door, seconds))


async def _serve(server: uvicorn.Server, door: socket.socket, seconds: float | None) -> None:
    print(f"http://{door.getsockname()[0]}:{door.getsockname()[1]}", flush=True)
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, setattr, server, "should_exit", True)
    await server.serve(sockets=[door])
