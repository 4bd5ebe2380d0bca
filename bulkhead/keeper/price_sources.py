"""Where signed prices come from: Pyth's price service (Hermes), a gateway of RedStone, or a file.

What a source says is not believed: the adapter on chain checks every signature.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from coincurve import PublicKey
from eth_utils import keccak, to_checksum_address

from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.price_messages import DECIMALS, payload, unsigned
from bulkhead.keeper.price_updates import Message
from bulkhead.risk.scales import MINUTE

#: Bytes that an adapter takes in one message.
MOST_BYTES = 4096
#: Answers are small; a longer one is not read [bytes].
MOST_ANSWER = 4_000_000


class PricesUnavailable(BulkheadError):
    """A source of prices did not answer, or with something that is none."""


class PriceSource(Protocol):
    """Signed prices of one feed.

    Attributes:
        name: What log lines call it; no secrets.
    """

    name: str

    async def spot(self) -> Message:
        """The newest price.

        Raises:
            PricesUnavailable: There is none to be had now.
        """
        ...

    async def sample(self, at: int) -> Message | None:
        """The sample of a whole minute, None while the source has none.

        Raises:
            PricesUnavailable: The source does not answer.
        """
        ...

    async def close(self) -> None:
        """Ends connections."""
        ...


class HttpSource:
    """JSON over HTTP, one answer a request."""

    def __init__(self, url: str, timeout_seconds: float, token: str = "") -> None:
        self.url = url.rstrip("/")
        self.name = self.url.split("//", 1)[-1].split("/", 1)[0].rpartition("@")[2]
        self._timeout = timeout_seconds
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends connections."""
        if self._http is not None:
            await self._http.close()

    async def _get(self, path: str, **query: str) -> Any:
        """The answer, None where the service says that it has none (404).

        Raises:
            PricesUnavailable: Anything else that is not an answer.
        """
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout), headers=self._headers
            )
        try:
            async with self._http.get(self.url + path, params=query) as reply:
                if reply.status == 404:
                    return None
                if reply.status != 200:
                    raise PricesUnavailable(f"{self.name} answers HTTP {reply.status}.")
                content = await reply.content.read(MOST_ANSWER)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PricesUnavailable(f"{self.name} does not answer ({type(error).__name__}).") from None
        try:
            # numbers of a signed text: not by way of a float
            return json.loads(content, parse_float=Decimal)
        except (ValueError, RecursionError):
            raise PricesUnavailable(f"{self.name} sends something that is no JSON.") from None


class HermesSource(HttpSource):
    """Pyth's price service: `/v2/updates/price/latest` and `/v2/updates/price/<time>`."""

    def __init__(self, url: str, feed: str, timeout_seconds: float = 5.0, token: str = "") -> None:
        super().__init__(url, timeout_seconds, token)
        self._id = feed.lower().removeprefix("0x")

    async def spot(self) -> Message:
        """The newest price."""
        found = await self._update("latest")
        if found is None:
            raise PricesUnavailable(f"{self.name} has no price {self._id[:8]}.")
        return found[0]

    async def sample(self, at: int) -> Message | None:
        """The first price of a minute: prev_publish_time < at <= publish_time < at + 60."""
        found = await self._update(str(at))
        if found is None:
            return None
        message, before = found
        if not before < at <= message.at < at + MINUTE:
            return None
        return Message(at, message.price, message.data)

    async def _update(self, when: str) -> tuple[Message, int] | None:
        """(a price, publish time of the one before it)."""
        answer = await self._get(f"/v2/updates/price/{when}", **{"ids[]": self._id, "encoding": "hex"})
        if answer is None:
            return None
        try:
            (data,) = answer["binary"]["data"]
            told = next(p for p in answer["parsed"] if str(p["id"]).lower().removeprefix("0x") == self._id)
            raw, at = told["price"], int(told["price"]["publish_time"])
            price = int(Decimal(int(raw["price"])).scaleb(int(raw["expo"]) + DECIMALS))
            before = int(told["metadata"]["prev_publish_time"])
            return Message(at, price, _bytes(str(data))), before
        except (KeyError, TypeError, ValueError, StopIteration, ArithmeticError):
            raise PricesUnavailable(f"{self.name} sends something that is no price update.") from None


class RedStoneSource(HttpSource):
    """A gateway of RedStone: `/data-packages/latest/<service>` and `.../historical/<service>/<milliseconds>`.

    Packages of accounts that the adapter does not know would spoil the payload, so its signers are named.
    """

    def __init__(
        self,
        url: str,
        feed: str,
        service: str,
        signers: Sequence[str] = (),
        timeout_seconds: float = 5.0,
        token: str = "",
    ) -> None:
        super().__init__(url, timeout_seconds, token)
        self._feed, self._service = feed, service
        self._signers = {to_checksum_address(signer) for signer in signers}

    async def spot(self) -> Message:
        """The newest price."""
        answer = await self._get(f"/data-packages/latest/{self._service}")
        found = None if answer is None else self._message(answer)
        if found is None:
            raise PricesUnavailable(f"{self.name} has no packages of {self._feed}.")
        return found

    async def sample(self, at: int) -> Message | None:
        """The packages stamped with a minute, of all signers that the gateway has."""
        answer = await self._get(f"/data-packages/historical/{self._service}/{at * 1000}")
        found = None if answer is None else self._message(answer)
        return found if found is not None and found.at == at else None

    def _message(self, answer: Any) -> Message | None:
        """The payload of one time, the newest of which there are packages; None without any."""
        if not isinstance(answer, dict):
            raise PricesUnavailable(f"{self.name} sends something that is no list of packages.")
        try:
            told = [_Package.read(entry, self._feed) for entry in answer.get(self._feed) or ()]
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
            raise PricesUnavailable(f"{self.name} sends something that is no package.") from None
        wanted = [p for p in told if p.signer and (p.signer in self._signers or not self._signers)]
        if not wanted:
            return None
        newest = max(p.milliseconds for p in wanted)
        # of each signer one
        chosen = {p.signer: p for p in wanted if p.milliseconds == newest}
        prices = sorted(p.price for p in chosen.values())
        median = (prices[(len(prices) - 1) // 2] + prices[len(prices) // 2]) // 2
        data = payload([p.raw for p in chosen.values()])
        return Message(newest // 1000, median, data, len(chosen))


@dataclass(frozen=True)
class _Package:
    """One signer's package.

    Attributes:
        signer: Who signed it, recovered.
        milliseconds: Its stamp.
        price: Its value of the feed [1e-8].
        raw: As a payload holds it.
    """

    signer: str
    milliseconds: int
    price: int
    raw: bytes

    @classmethod
    def read(cls, entry: Mapping[str, Any], feed: str) -> _Package:
        points = {str(p["dataFeedId"]): _units(p["value"]) for p in entry["dataPoints"]}
        stamp = int(entry["timestampMilliseconds"])
        body = unsigned(points, stamp)
        signature = base64.b64decode(str(entry["signature"]), validate=True)
        return cls(_signer(body, signature), stamp, points[feed], body + signature)


def _units(value: Any) -> int:
    """A value of a package [1e-8], rounded as its signer did."""
    return int((Decimal(str(value)) * 10**DECIMALS).to_integral_value(rounding="ROUND_HALF_UP"))


def _signer(body: bytes, signature: bytes) -> str:
    """Who signed a package; empty for nobody."""
    if len(signature) != 65 or signature[64] not in (0, 1, 27, 28):
        return ""
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] % 27]), keccak(body), hasher=None
        )
    except ValueError:
        return ""
    return str(to_checksum_address(keccak(key.format(compressed=False)[1:])[12:]))


class FileSource:
    """A file of messages, read again when it has changed.

    JSON: `{"spot": {"at": seconds, "price": "2000.1", "data": "0x..."}, "samples": {"<minute>": {"data": "0x..."}}}`.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self.name = self._path.name
        self._known: tuple[int, dict[str, Any]] = (-1, {})

    async def spot(self) -> Message:
        """The newest price."""
        return self._message(self._content().get("spot"))

    async def sample(self, at: int) -> Message | None:
        """The sample of a minute."""
        found = self._content().get("samples", {}).get(str(at))
        return None if found is None else self._message({**found, "at": at})

    async def close(self) -> None:
        """Nothing is open."""
        await asyncio.sleep(0)

    def _content(self) -> dict[str, Any]:
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._known[0]:
                self._known = stamp, json.loads(self._path.read_text())
        except (OSError, ValueError):
            raise PricesUnavailable(f"The file {self.name} with prices cannot be read.") from None
        if not isinstance(self._known[1], dict):
            raise PricesUnavailable(f"The file {self.name} holds no prices.")
        return self._known[1]

    def _message(self, told: Any) -> Message:
        try:
            price = int(Decimal(str(told.get("price", 0))) * 10**DECIMALS)
            return Message(int(told["at"]), price, _bytes(str(told["data"])), int(told.get("signers", 1)))
        except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation):
            raise PricesUnavailable(f"The file {self.name} holds something that is no price.") from None


def _bytes(text: str) -> bytes:
    try:
        data = binascii.unhexlify(text.removeprefix("0x"))
    except binascii.Error:
        raise ValueError("no hexadecimal number") from None
    if len(data) > MOST_BYTES:
        raise ValueError("longer than a message")
    return data
