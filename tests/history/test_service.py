"""The service over a life: what it says, how pages turn, and that nothing one sends it does any harm."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import schemathesis
import uvicorn
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select, text

from bulkhead.chain.errors import BadInput
from bulkhead.history import tables
from bulkhead.history.api.app import build
from bulkhead.history.client import HistoryClient, ServiceUnavailable
from bulkhead.history.database import Database
from bulkhead.history.server import listening_socket
from bulkhead.replay.run import Replay
from tests.history.conftest import bought
from tests.worlds.indexed import index
from tests.worlds.served_market import ROOT, TRADER, ServedMarket


@pytest.fixture(scope="module")
def past(lived: Replay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(str(tmp_path_factory.mktemp("past") / "index.sqlite"))
    index(database, lived.local.chain)
    yield database
    database.close()


@pytest.fixture(scope="module")
def web(past: Database) -> Iterator[TestClient]:
    with TestClient(build(past)) as client:
        yield client


def get(web: TestClient, path: str, **query: object) -> dict:
    answer = web.get(f"/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_vaults__of_a_life__add_up(web: TestClient, lived: Replay):
    page = get(web, "/1/vaults", limit=500)
    assert len(page["items"]) == 10 and page["next"] is None
    for one in page["items"]:
        made = sum(float(one[name]) for name in ("realised", "bonuses")) - float(one["fees"]) - float(one["tips"])
        assert float(one["profit"]) == pytest.approx(made, abs=1e-6)
        assert one["state"] == "closed" and one["symbol"] == "ETH" and one["unknown"] == ""
        assert get(web, f"/1/vaults/{one['vault_id']}") == one
        states = get(web, f"/1/vaults/{one['vault_id']}/history", limit=500)["items"]
        assert states[0]["block"] == one["changed_block"] and states[0]["paid_in"] == one["paid_in"]
        paid = [t for t in get(web, f"/1/vaults/{one['vault_id']}/transfers")["items"] if t["kind"] == "deposit"]
        assert paid
    for account in {one["owner"] for one in page["items"]}:
        (sums,) = get(web, f"/1/owners/{account}")
        mine = [one for one in page["items"] if one["owner"] == account]
        assert float(sums["profit"]) == pytest.approx(sum(float(one["profit"]) for one in mine))


def test_liquidations__of_a_crash__name_who_took_what(web: TestClient):
    takes = get(web, "/1/liquidations")["items"]
    assert takes and all(float(one["bonus"]) >= 0 for one in takes)
    assert any(float(one["top_up"]) > 0 for one in takes)
    keepers = get(web, "/1/keepers")
    assert sum(one["takes"] for one in keepers) == len(takes)
    assert sum(one["flags"] for one in keepers) > 0
    assert keepers[0]["account"] == takes[0]["taker"]


def test_candles__of_the_crash__hold_its_prices_and_its_volume(web: TestClient, past: Database):
    with past.read() as reader:
        at = reader.execute(select(tables.prices.c.at).order_by(tables.prices.c.block)).scalars().all()
        spots = reader.execute(select(tables.prices.c.spot)).scalars().all()
        contracts = sum(reader.execute(select(tables.fills.c.contracts)).scalars())
    found = get(web, "/1/candles", market=1, of="spot", seconds=3600, first=at[0] - 3600, last=at[-1] + 3600)
    assert min(float(one["low"]) for one in found) == min(spots) / 1e18 < 175
    assert max(float(one["high"]) for one in found) == max(spots) / 1e18 == 200
    assert sum(float(one["volume"]) for one in found) == pytest.approx(contracts / 1e6)
    vols = get(web, "/1/candles", market=1, of="sigma", seconds=300, first=at[0], last=at[-1])
    assert max(float(one["high"]) for one in vols) > float(vols[0]["open"])
    (market,) = get(web, "/1/markets")
    assert market["symbol"] == "ETH" and float(market["spot"]) == 175


@pytest.mark.parametrize("path", ["/1/vaults", "/1/fills", "/1/liquidations", "/1/vaults/1/history"])
def test_pages__turned_one_by_one__are_the_whole(web: TestClient, path: str):
    whole = get(web, path, limit=500)["items"]
    turned, cursor = [], None
    while True:
        page = get(web, path, limit=1, **({"cursor": cursor} if cursor else {}))
        turned += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert turned == whole and len(whole) > 2


def test_cursor__from_elsewhere__is_refused(web: TestClient):
    cursor = get(web, "/1/vaults", limit=1)["next"]
    forged = base64.urlsafe_b64encode(b"zzz.1.1").decode()
    strange = ("nonsense", forged, "ÿ", cursor + "A")
    for path, told in (("/1/fills", cursor), *(("/1/vaults", one) for one in strange)):
        answer = web.get(f"/v1{path}", params={"cursor": told})
        assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"
        assert "cursor" in answer.json()["detail"].lower()
    answer = web.get("/v1/1/vaults", params={"cursor": cursor, "market": 1})
    assert answer.status_code == 400 and "keep the filters" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/2/vaults", 404, "no deployment 2"),
        ("/1/vaults/99999", 404, "no vault 99999"),
        (f"/1/vaults/{2**63}", 422, "less than"),
        (f"/1/vaults/{2**300}", 422, "vault_id"),
        ("/1/vaults/-1", 422, "greater than"),
        ("/1/vaults/1%20or%201=1", 422, "vault_id"),
        ("/1/vaults?owner=' or 1=1 --", 422, "owner"),
        ("/1/vaults?limit=501", 422, "less than or equal to 500"),
        ("/1/candles?market=1&seconds=7", 400, "seconds long, not 7"),
        ("/1/candles?market=1&seconds=60&first=0", 400, "more than 500 candles"),
        ("/1/candles?market=1&first=5&last=4", 400, "ends before it begins"),
        ("/1/candles?market=9", 404, "no market 9"),
        ("/1/nothing", 404, "Not Found"),
        ("/1/vaults?x=" + "a" * 3000, 414, "at most"),
    ],
)  # fmt: skip
def test_question__that_cannot_be_answered__is_a_problem(web: TestClient, path, status, words):
    answer = web.get(f"/v1{path}")
    assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status and words in told["detail"] and told["detail"].endswith((".", "?"))


def test_answer__that_the_client_has__is_304_until_a_block_comes(web: TestClient):
    first = web.get("/v1/1/vaults/1")
    tag = first.headers["etag"]
    again = web.get("/v1/1/vaults/1", headers={"if-none-match": tag})
    assert again.status_code == 304 and again.content == b""
    assert web.get("/v1/1/vaults/2", headers={"if-none-match": tag}).status_code == 200


def test_service__is_read_only__counts_and_lets_pages_ask(web: TestClient):
    for method in ("post", "put", "delete", "patch"):
        assert getattr(web, method)("/v1/1/vaults/1").status_code == 405
    answer = web.get("/v1/1/vaults/1", headers={"origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert '{deployment}/vaults/{vault_id}",status="200"}' in web.get("/metrics").text
    assert web.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_client__who_asks_too_fast__is_told_to_wait(past: Database):
    with TestClient(build(past, rate=5)) as slow:
        codes = [slow.get("/v1/deployments").status_code for _ in range(8)]
    assert codes[:5] == [200] * 5 and 429 in codes


def test_client__of_the_package__reads_the_same(web: TestClient):
    with HistoryClient("http://testserver", transport=web._transport) as client:
        (deployment,) = client.deployments()
        assert deployment.id == 1 and [one.vault_id for one in client.vaults()] == list(range(10, 0, -1))
        assert client.vault(1).model_dump(mode="json") == get(web, "/1/vaults/1")
        assert list(client.fills(vault=1)) and list(client.liquidations()) and list(client.history(1))
        assert client.keepers() and client.markets() and client.candles(1) and client.owner(client.vault(1).owner)
        assert list(client.transfers(1)) and list(client.quotes()) == []
        with pytest.raises(BadInput, match="no vault 77"):
            client.vault(77)
    with pytest.raises(ServiceUnavailable, match="No service answers"):
        HistoryClient("http://127.0.0.1:1").markets()


def test_vault__of_a_living_market__has_entry_value_and_profit(market: ServedMarket, file, databases):
    vault = bought(market)
    database = databases(file)
    index(database, market.chain)
    info = market.client(TRADER).vaults.get(vault)
    with TestClient(build(database)) as web:
        one = get(web, f"/1/vaults/{vault}")
    (entry,) = one["entry"]
    assert (float(entry["size"]), float(entry["price"])) == (2, 20) and len(entry["legs"]) == 2
    assert float(one["value"]) == pytest.approx(float(info.value), rel=1e-3)
    assert float(one["profit"]) == pytest.approx(float(one["worth"]) - float(one["paid_in"]))
    assert one["state"] == "open" and float(one["fees"]) > 0


def test_service__fuzzed__never_fails_and_keeps_its_word(past: Database):
    app = build(past)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app).exclude(path_regex="stream")
    checks = [
        schemathesis.checks.CHECKS.get_one(name)
        for name in ("not_a_server_error", "status_code_conformance", "content_type_conformance",
                     "response_schema_conformance")
    ]  # fmt: skip
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def play(case) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=checks)

        play()
    assert asked > 100


# --- a server of its own -------------------------------------------------------------------------------------------


class Running:
    """A service at a port, in a thread."""

    def __init__(self, database: Database) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(
            uvicorn.Config(build(database), port=self.port, log_level="warning", timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Running:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)


async def _sends_at_once(host: str) -> bool:
    """Whether a connection to the service's socket sends small packets without waiting for what the other side has."""
    accepted: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()

    class Met(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.set_result(transport.get_extra_info("socket"))

    with listening_socket(host, 0) as listening:
        async with await asyncio.get_running_loop().create_server(Met, sock=listening):
            _, writer = await asyncio.open_connection(host, listening.getsockname()[1])
            found = (await accepted).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()
    return bool(found)


def test_listening_socket__of_a_service__lets_the_body_follow_the_head_at_once():
    assert asyncio.run(_sends_at_once("127.0.0.1"))


def test_stream__of_a_new_block__tells_which_vaults_changed(market: ServedMarket, file, databases):
    index(databases(file), market.chain)
    with Running(databases(file)) as server, httpx.stream("GET", f"{server.url}/v1/1/stream", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        first = next(json.loads(line[6:]) for line in lines if line.startswith("data: "))
        vault = market.client(TRADER).vaults.open("ETH", deposit=50)
        index(databases(file), market.chain)
        second = next(json.loads(line[6:]) for line in lines if line.startswith("data: "))
    assert second["block"] > first["block"] and vault in second["vaults"]


def test_servers__two_of_one_postgresql_with_one_indexer__say_the_same(market: ServedMarket, cluster, databases):
    place = cluster.create()
    index(databases(place), market.chain)
    with Running(databases(place)) as one, Running(databases(place)) as other:
        for _ in range(2):
            vault = market.client(TRADER).vaults.open("ETH", deposit=50)
            index(databases(place), market.chain)
            time.sleep(0.3)
            answers = [httpx.get(f"{server.url}/v1/1/vaults/{vault}") for server in (one, other)]
            assert [answer.status_code for answer in answers] == [200, 200]
            assert answers[0].json() == answers[1].json()
            assert answers[0].headers["etag"].startswith("W/")


def test_service__whose_postgresql_does_not_answer_one__answers_others(lived: Replay, cluster, databases, monkeypatch):
    monkeypatch.setattr("bulkhead.history.database.PATIENCE", 600)
    place = cluster.create()
    index(databases(place), lived.local.chain)
    with Running(databases(place)) as server, ThreadPoolExecutor(1) as thread:
        assert httpx.get(f"{server.url}/v1/1/vaults/2").status_code == 200
        with databases(place).engine.connect() as other:
            other.execute(text("lock table vaults in access exclusive mode"))
            waits = thread.submit(httpx.get, f"{server.url}/v1/1/vaults/2", timeout=60)
            while not other.execute(text("select count(*) from pg_locks where not granted")).scalar():
                time.sleep(0.01)
            assert httpx.get(f"{server.url}/v1/1/fills", timeout=60).status_code == 200
            assert not waits.done()
            other.rollback()
        assert waits.result().status_code == 200


def test_serve__as_a_command__answers_until_it_ends(past: Database):
    command = [sys.executable, "-m", "bulkhead", "serve", "--database", past.url.database, "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/v1/deployments", timeout=60).json()[0]["id"] == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
