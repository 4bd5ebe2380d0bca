"""A price service on loopback that answers as Pyth's Hermes and as a gateway of RedStone do, for local markets.

Prices come from a function of time, so that the past can be asked about as well as the present. Each signer of
RedStone's form is off by an error of its own.
"""

from __future__ import annotations

import base64
import json
import math
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from eth_utils import keccak

from bulkhead.chain import price_messages as messages

#: Seconds between two packages of a RedStone service.
REDSTONE_SECONDS = 10
#: Name of the local data service.
SERVICE = "local"
#: Length of the path's waves [seconds], and their height.
WAVES = ((86_400, 0.02), (7_200, 0.006), (1_700, 0.003), (613, 0.0012))

#: Price at a moment [1e-8].
Path = Callable[[int], int]


def wandering(price: int) -> Path:
    """A path around a price [1e-8] that no two moments have in common."""

    def at(moment: int) -> int:
        moves = sum(height * math.sin(2 * math.pi * moment / length) for length, height in WAVES)
        return round(price * math.exp(moves))

    return at


def noise(moment: int, number: int, dispersion: float) -> float:
    """Error of one signer at one moment: within +-1.7 dispersions, the same whenever it is asked for."""
    drawn = int.from_bytes(keccak(f"{moment}/{number}".encode())[:8], "big") / 2**64
    return dispersion * math.sqrt(12) * (drawn - 0.5)


class PriceService:
    """Serves one price of one symbol. Use it in a `with`.

    Attributes:
        path: The price at each moment.
        clock: What time it is; it knows nothing later.
        missing: Minutes that it has no sample of.
        late_signers: How many of RedStone's signers have signed a minute so far, where not all.
        down: It answers every request with an error.
        asked: Requests so far.
    """

    def __init__(
        self, symbol: str, path: Path, clock: Callable[[], int], port: int = 0, dispersion: float = 3e-4
    ) -> None:
        self.symbol, self.path = symbol, path
        self.missing: set[int] = set()
        self.late_signers: dict[int, int] = {}
        self.down = False
        self.asked = 0
        self.clock, self._dispersion = clock, dispersion
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = service.answer(self.path)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> PriceService:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, target: str) -> tuple[int, Any]:
        """(HTTP status, body) of a request."""
        self.asked += 1
        now, parts = self.clock(), urlsplit(target).path.strip("/").split("/")
        if self.down:
            return 503, {"message": "down"}
        try:
            if parts[:3] == ["v2", "updates", "price"]:
                return self._hermes(now if parts[3] == "latest" else int(parts[3]), now)
            if parts[:2] == ["data-packages", "latest"]:
                return self._redstone(now // REDSTONE_SECONDS * REDSTONE_SECONDS, now)
            if parts[:2] == ["data-packages", "historical"]:
                return self._redstone(int(parts[3]) // 1000, now)
        except (IndexError, ValueError):
            return 400, {"message": "what is asked is none of these"}
        return 404, {"message": "no such page"}

    def _has(self, at: int, now: int) -> bool:
        return at <= now and at not in self.missing

    def _hermes(self, at: int, now: int) -> tuple[int, Any]:
        if not self._has(at, now):
            return 404, {"message": "Update data not found"}
        price, width = self.path(at), round(self.path(at) * self._dispersion)
        told = {"price": str(price), "conf": str(width), "expo": -messages.DECIMALS, "publish_time": at}
        parsed = {
            "id": messages.pyth_id(self.symbol).hex(), "price": told, "ema_price": told,
            "metadata": {"slot": at, "proof_available_time": at + 1, "prev_publish_time": at - 1},
        }  # fmt: skip
        data = messages.pyth_message(self.symbol, price, at, at - 1, width).hex()
        return 200, {"binary": {"encoding": "hex", "data": [data]}, "parsed": [parsed]}

    def _redstone(self, at: int, now: int) -> tuple[int, Any]:
        if not self._has(at, now):
            return 404, {"message": "no packages"}
        signed = self.late_signers.get(at, len(messages.local_keys()))
        return 200, {self.symbol: [self._package(at, number) for number in range(signed)]}

    def _package(self, at: int, number: int) -> dict[str, Any]:
        value = round(self.path(at) * (1 + noise(at, number, self._dispersion)))
        body = messages.unsigned({self.symbol: value}, at * 1000)
        signature = messages.local_signature(messages.local_keys()[number], body)
        return {
            "timestampMilliseconds": at * 1000,
            "signature": base64.b64encode(signature).decode(),
            "signerAddress": messages.local_signers()[number],
            "dataServiceId": SERVICE,
            "dataPackageId": self.symbol,
            "dataPoints": [{"dataFeedId": self.symbol, "value": value / 10**messages.DECIMALS}],
        }
