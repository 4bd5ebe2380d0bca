"""Listens for requests until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from bulkhead.history.api.app import build
from bulkhead.history.database import Database


@contextlib.contextmanager
def listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens.

    Raises:
        OSError: Nobody can listen there.
    """
    try:
        # asyncio sets TCP_NODELAY only on connections of a socket that names its protocol. Without it the body of an
        # answer waits until the client has acknowledged the head, which clients put off by 40 ms.
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except UnicodeError:
        raise OSError(f"{host!r} is no name") from None
    with socket.socket(family, kind, protocol) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(2_048)  # whoever reads the address may ask at once
        yield found


def listen(
    database: Database, host: str, port: int, origins: tuple[str, ...], rate: float, seconds: float | None
) -> None:  # fmt: skip
    """Serves a database.

    Raises:
        OSError: Nobody can listen there.
    """
    with listening_socket(host, port) as listening:
        settings = uvicorn.Config(
            build(database, origins, rate), log_level="error", access_log=False, timeout_graceful_shutdown=2,
            limit_concurrency=2_000, server_header=False,
        )  # fmt: skip
        server = uvicorn.Server(settings)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(server, listening, seconds))


async def _serve(server: uvicorn.Server, listening: socket.socket, seconds: float | None) -> None:
    at, port = listening.getsockname()[:2]
    print(f"http://[{at}]:{port}" if ":" in at else f"http://{at}:{port}", flush=True)
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, setattr, server, "should_exit", True)
    await server.serve(sockets=[listening])
