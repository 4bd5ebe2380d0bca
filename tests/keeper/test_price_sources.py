"""Sources of signed prices: the two services' forms, a file, and what is none of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account

from bulkhead.chain import price_messages as messages
from bulkhead.keeper.price_sources import (
    FileSource,
    HermesSource,
    PriceSource,
    PricesUnavailable,
    RedStoneSource,
)
from bulkhead.replay.price_service import SERVICE, PriceService

NOW = 1_584_000_007
T = 1_583_999_940
SYMBOL, ID = "ETH", messages.pyth_id("ETH").hex()


def path(at: int) -> int:
    return 200 * 10**8 + at % 1000


def ask(source: PriceSource, *calls: Callable[[PriceSource], Any]) -> list[Any]:
    async def run() -> list[Any]:
        try:
            return [await call(source) for call in calls]
        finally:
            await source.close()

    return asyncio.run(run())


def service(**options: Any) -> PriceService:
    return PriceService(SYMBOL, path, lambda: NOW, **options)


def spot(source: PriceSource) -> Any:
    return source.spot()


def at(minute: int) -> Callable[[PriceSource], Any]:
    return lambda source: source.sample(minute)


def test_hermes__spot_and_samples__are_the_services():
    with service() as said:
        said.missing.add(T - 60)
        newest, first, gone, ahead = ask(
            HermesSource(said.url, "0x" + ID.upper()), spot, at(T), at(T - 60), at(T + 120)
        )
        assert (newest.at, newest.price) == (NOW, path(NOW))
        assert newest.data == messages.pyth_message(SYMBOL, path(NOW), NOW, NOW - 1, round(path(NOW) * 3e-4))
        assert (first.at, first.price) == (T, path(T)) and gone is None and ahead is None


def test_hermes__update_that_is_not_the_first_of_its_minute__is_no_sample():
    """The adapter would refuse it: another one of that minute came before, or it is of a later one."""

    class Other(PriceService):
        publish, before = T + 20, T + 19

        def answer(self, target: str) -> tuple[int, Any]:
            status, body = super().answer(f"/v2/updates/price/{self.publish}")
            body["parsed"][0]["metadata"]["prev_publish_time"] = self.before
            return status, body

    with Other(SYMBOL, path, lambda: NOW) as said:
        assert ask(HermesSource(said.url, ID), at(T)) == [None]
        said.before = T - 1
        assert ask(HermesSource(said.url, ID), at(T))[0].at == T
        said.publish = T + 60
        assert ask(HermesSource(said.url, ID), at(T)) == [None]


def test_redstone__packages__are_a_payload_of_the_signers_named():
    with service(dispersion=0) as said:
        said.late_signers[T] = 3
        source = RedStoneSource(said.url, SYMBOL, SERVICE, messages.local_signers())
        newest, few, gone = ask(source, spot, at(T), at(T + 120))
        assert (newest.at, newest.price, newest.signers) == (NOW // 10 * 10, path(NOW // 10 * 10), 5)
        assert newest.data == messages.local_payload(SYMBOL, newest.price, newest.at)
        assert few.signers == 3 and gone is None
        (some,) = ask(RedStoneSource(said.url, SYMBOL, SERVICE, messages.local_signers()[1:4]), spot)
        assert some.signers == 3


@pytest.mark.parametrize("spoilt", ["signature", "value", "nobody"])
def test_redstone__package_that_its_signer_did_not_sign__is_left_out(spoilt):
    """One of them in a payload and the adapter would refuse all."""

    class Lying(PriceService):
        def answer(self, target: str) -> tuple[int, Any]:
            status, body = super().answer(target)
            package = body[SYMBOL][2]
            if spoilt == "signature":
                package["signature"] = body[SYMBOL][1]["signature"]
            elif spoilt == "value":
                package["dataPoints"][0]["value"] += 1
            else:
                package["signature"] = "AAAA"
            return status, body

    with Lying(SYMBOL, path, lambda: NOW) as said:
        (found,) = ask(RedStoneSource(said.url, SYMBOL, SERVICE, messages.local_signers()), spot)
        assert found.signers == 4


def test_redstone__old_packages_beside_new_ones__are_not_mixed():
    class Mixed(PriceService):
        def answer(self, target: str) -> tuple[int, Any]:
            status, body = super().answer(target)
            body[SYMBOL][0] = self._package(NOW // 10 * 10 - 10, 0)
            return status, body

    with Mixed(SYMBOL, path, lambda: NOW) as said:
        (found,) = ask(RedStoneSource(said.url, SYMBOL, SERVICE, messages.local_signers()), spot)
        assert (found.at, found.signers) == (NOW // 10 * 10, 4)


BODIES = {
    "no JSON": b"<html>",
    "nothing": b"null",
    "a list": b"[1]",
    "a number": b"12",
    "other keys": b'{"binary": {"data": []}, "ETH": [{"dataPoints": 3}]}',
    "no numbers": json.dumps(
        {"binary": {"data": ["zz"]}, "parsed": [{"id": ID, "price": {"price": "x", "expo": -8, "publish_time": "y"}}]}
    ).encode(),
    "a message too long": json.dumps(
        {
            "binary": {"data": ["00" * 4097]},
            "parsed": [
                {
                    "id": ID, "price": {"price": "1", "expo": -8, "publish_time": T},
                    "metadata": {"prev_publish_time": T - 1},
                }
            ],
        }
    ).encode(),
    "a value that is none": (
        b'{"ETH": [{"dataPoints": [{"dataFeedId": "ETH", "value": NaN}], '
        b'"timestampMilliseconds": 1, "signature": "A"}]}'
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BODIES)
def test_sources__answer_that_is_none__is_an_error_and_no_bug(what, monkeypatch):
    class Odd(PriceService):
        def answer(self, target: str) -> tuple[int, Any]:
            return 200, None

    monkeypatch.setattr(json, "dumps", lambda _: BODIES[what].decode())
    with Odd(SYMBOL, path, lambda: NOW) as said:
        for source in (HermesSource(said.url, ID), RedStoneSource(said.url, SYMBOL, SERVICE)):
            with pytest.raises(PricesUnavailable, match="127.0.0.1"):
                ask(source, spot)


def test_sources__service_that_is_down_or_gone__is_an_error():
    with service() as said:
        said.down = True
        for source in (HermesSource(said.url, ID), RedStoneSource(said.url, SYMBOL, SERVICE)):
            with pytest.raises(PricesUnavailable, match="HTTP 503"):
                ask(source, at(T))
    with pytest.raises(PricesUnavailable, match="does not answer"):
        ask(HermesSource(said.url, ID), spot)


def test_sources__url_with_a_key_in_it__is_named_by_host_only():
    assert HermesSource("https://user:secret@prices.example/secret-path", ID).name == "prices.example"


def test_file__messages__are_read_again_when_it_changes(tmp_path):
    file = tmp_path / "prices.json"
    source = FileSource(file)
    with pytest.raises(PricesUnavailable, match="cannot be read"):
        ask(source, spot)
    file.write_text(
        json.dumps({"spot": {"at": T, "price": "200.5", "data": "0xab"}, "samples": {str(T): {"data": "cd"}}})
    )
    newest, known, unknown = ask(source, spot, at(T), at(T + 60))
    assert (newest.at, newest.price, newest.data) == (T, 20_050_000_000, b"\xab")
    assert known.data == b"\xcd" and unknown is None
    for content in ("[]", '{"spot": 3}', '{"spot": {"at": "x", "data": ""}}', '{"spot": {"at": 3, "data": "0x3"}}'):
        file.write_text(content)
        with pytest.raises(PricesUnavailable, match="holds"):
            ask(FileSource(file), spot)


def test_local_signers__ascending__as_the_adapter_wants_them():
    signers = messages.local_signers()
    assert list(signers) == sorted(signers, key=lambda s: int(s, 16)) and len(set(signers)) == 5
    assert [Account.from_key(key).address for key in messages.local_keys()] == list(signers)
