"""A deployment on an Anvil, and a server that takes what Apprise sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.worlds.served_fixtures import market, served

__all__ = ["inbox", "market", "served"]


@dataclass
class Inbox:
    """Notifications that came in.

    Attributes:
        place: Apprise address of this server.
        got: Title and lines of each notification that was taken.
        open: Whether it takes any.
    """

    place: str = ""
    got: list[tuple[str, list[str]]] = field(default_factory=list)
    open: bool = True

    @property
    def lines(self) -> list[str]:
        """All lines."""
        return [line for _, lines in self.got for line in lines]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    found = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if found.open:
                found.got.append((body["title"], body["message"].splitlines()))
            self.send_response(200 if found.open else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.place = f"json://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield found
        server.shutdown()
