"""The numbered examples, in order, on one Anvil; and the quote server on the same."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from click.testing import CliRunner

from benchmarks.gas import INPUTS, START
from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil, free_port
from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import Reverted
from bulkhead.chain.messages import to_int
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.cli import main
from bulkhead.client import Bulkhead, FillPreview, SignedOrder
from bulkhead.maker.desk import Maker
from bulkhead.maker.ladder import Style
from bulkhead.maker.server import QuoteServer
from examples.common import friday
from tests.keeper.proxy import FaultProxy

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A deployment with three people, found through the environment as a user finds one."""
    with Anvil(timestamp=START) as chain, pytest.MonkeyPatch.context() as patch:
        yield published(chain, INPUTS, tmp_path_factory.mktemp("deployment"), patch)


def published(chain: Anvil, content: dict[str, Any], folder: Path, patch: pytest.MonkeyPatch) -> Connection:
    """Deploys the inputs, funds three people and sets the environment."""
    deployer = Sender(chain.rpc, account_from_key(anvil.key(0)))
    deployment = deploy.deploy(chain.rpc, deployer, inputs.parse(content, "inputs"), ROOT)
    deployment.save(folder / "addresses.json")
    patch.setenv("BULKHEAD_RPC_URL", chain.url)
    patch.setenv("BULKHEAD_DEPLOYMENT", str(folder / "addresses.json"))
    connection = Connection(chain.rpc, deployment)
    for i, name in enumerate(("MAKER_KEY", "TRADER_KEY", "BOT_KEY"), 1):
        patch.setenv(name, anvil.key(i))
        account = account_from_key(anvil.key(i)).address
        deployer.execute(connection.market("ETH").token, "mint", account, 10**6 * 10**6)
    return connection


@pytest.fixture(params=["local", "2000"], scope="module")
def priced(
    request: pytest.FixtureRequest, market: Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The market of `make market`, and the one at the price that the examples are written for."""
    if request.param == "2000":
        yield
        return
    content = yaml.safe_load((ROOT / "deployments" / "local" / "inputs.yaml").read_text())
    with Anvil(timestamp=START) as chain, pytest.MonkeyPatch.context() as patch:
        published(chain, content, tmp_path_factory.mktemp("local"), patch)
        yield


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example__runs_and_is_short(priced: None, path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 60
    # some of them move prices and time
    with Rpc(os.environ["BULKHEAD_RPC_URL"]) as rpc:
        snapshot = to_int(rpc.call("evm_snapshot"))
        runpy.run_path(str(path))
        anvil.revert(rpc, snapshot)


def test_preview__static_vault_to_be_opened__is_what_the_fill_asks(market: Connection) -> None:
    maker, trader = Bulkhead(market, key=anvil.key(1)), Bulkhead(market, key=anvil.key(2))
    desk = maker.vaults.open("ETH", deposit=10_000)
    bid = maker.orders.sign(desk, friday(maker), ["put:1900"], "buy", 20, 4)

    def preview(deposit: int) -> FillPreview:
        return trader.orders.preview(bid, size=Decimal(1), deposit=deposit, model="STATIC")

    low, high = 10, 1_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if preview(middle).passes else (middle, high)
    with pytest.raises(Reverted) as refused:
        trader.orders.fill(bid, size=Decimal(1), deposit=low, model="STATIC")
    assert refused.value.reason == "margin/below-initial"
    seen = preview(high)
    made = trader.vaults.get(trader.orders.fill(bid, size=Decimal(1), deposit=high, model="STATIC"))
    assert made.model == "STATIC" and made.equity >= made.initial_margin
    assert abs(made.initial_margin - seen.after.initial_margin) < Decimal("0.01")
    assert seen.liquidation_below is not None and seen.liquidation_above is None


def test_server__streams_quotes_that_can_be_filled(market: Connection) -> None:
    maker = Bulkhead(market, key=os.environ["MAKER_KEY"])
    quoting = Maker(maker, "ETH", [friday(maker, 1)], Style(strikes=1))
    quoting.open()
    port, log = free_port(), io.StringIO()

    async def play() -> list[dict[str, object]]:
        running = asyncio.create_task(QuoteServer(quoting, 0.05, log).run("127.0.0.1", port))
        try:
            async with aiohttp.ClientSession() as http:
                for _ in range(100):
                    await asyncio.sleep(0.1)
                    async with http.get(f"http://127.0.0.1:{port}/quotes") as answer:
                        content = await answer.json()
                    if content["quotes"]:
                        break
                async with http.get(f"http://127.0.0.1:{port}/stream") as stream:
                    return [json.loads(await stream.content.readline()) for _ in range(2)]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    lines = asyncio.run(play())
    assert len(lines) == 2 and lines[1]["quotes"]
    quotes = lines[1]["quotes"]
    assert {q["side"] for q in quotes} == {"buy", "sell"}  # type: ignore[index]
    signed = [SignedOrder.from_json(json.dumps(q["signed"])) for q in quotes]  # type: ignore[index]
    states = maker.orders.states(signed)
    assert {status for status, _, _ in states} == {"open"}
    assert all(fillable == Decimal(5) for _, fillable, _ in states)
    assert json.loads(log.getvalue().splitlines()[0])["event"] == "quoted"


def test_cli__preview_split_merge_grant_and_maker_run(market: Connection, tmp_path: Path) -> None:
    def run(*arguments: str, key: str = "TRADER_KEY") -> str:
        done = CliRunner().invoke(main, [*arguments, *([] if key == "" else ["--key-env", key])])
        assert done.exit_code == 0, done.output
        return done.output.strip()

    maker, trader = (Bulkhead(market, key=os.environ[name]) for name in ("MAKER_KEY", "TRADER_KEY"))
    expiry = friday(maker, 1)
    desk = maker.vaults.open("ETH", deposit=20_000)
    order = tmp_path / "order.json"
    order.write_text(maker.orders.sign(desk, expiry, ["call:2000"], "sell", 80, 2).to_json())
    vault = run("vault", "open", "--deposit", "1000")
    assert "initial margin" in run("order", "preview", str(order), "--vault", vault, key="")
    new = ("order", "preview", str(order), "--size", "1", "--deposit", "5000")
    assert "liquidated below, above" in run(*new, "--model", "GREEKS", key="")
    run("order", "fill", str(order), "--vault", vault)
    new = run("vault", "split", vault, "call:2000", "--cash", "100")
    assert [leg.quantity for leg in trader.vaults.get(int(new)).legs] == [10**6]
    run("vault", "merge", new, vault)
    assert run("vault", "grant", vault, maker.address, "trade", "--days", "2").startswith("0x")
    back = tmp_path / "back.json"
    back.write_text(maker.orders.sign(desk, expiry, ["call:2000"], "buy", 70, 2).to_json())
    assert run("order", "close", vault, str(back)).startswith("0x")
    assert trader.vaults.get(int(vault)).legs == ()
    quiet = ("--rounds", "1", "--refresh", "0.01", "--port", str(free_port()))
    said = run("maker", "run", "--expiry", str(expiry), *quiet, key="MAKER_KEY")
    assert '"event": "quoted"' in said


def test_maker_run__lifted_and_the_node_restarts__goes_on_quoting_around_the_new_marks(
    market: Connection, tmp_path: Path
) -> None:
    """The command as a process, behind a proxy: a trader lifts it, the price moves, its node is replaced."""
    trader = Bulkhead(market, key=os.environ["TRADER_KEY"])
    feed = market.feed(market.deployment.market("ETH"))
    deployer = Sender(market.rpc, account_from_key(anvil.key(0)))
    expiry, port = friday(trader, 2), free_port()

    async def play() -> None:
        async with FaultProxy(market.rpc.url) as proxy, aiohttp.ClientSession() as http:

            async def quotes(ready: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
                for _ in range(200):
                    await asyncio.sleep(0.1)
                    with contextlib.suppress(aiohttp.ClientError):
                        async with http.get(f"http://127.0.0.1:{port}/quotes") as answer:
                            found: list[dict[str, Any]] = (await answer.json())["quotes"]
                        if ready(found):
                            return found
                raise AssertionError("the maker did not quote as expected within 20 seconds")

            def future(found: list[dict[str, Any]]) -> Decimal:
                return next((Decimal(q["mark"]) for q in found if q["series"] == "future"), Decimal(0))

            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "from bulkhead.cli import main; main()",
                "maker", "run", "--expiry", str(expiry), "--refresh", "0.2",
                "--port", str(port), "--key-env", "MAKER_KEY", env={**os.environ, "BULKHEAD_RPC_URL": proxy.url},
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                first = await quotes(lambda found: len(found) > 0)
                # the call furthest out is still in the ladder after the move
                calls = [q for q in first if q["side"] == "sell" and q["series"].startswith("call")]
                ask = max(calls, key=lambda q: Decimal(q["series"].split(":")[1]))
                signed = SignedOrder.from_json(json.dumps(ask["signed"]))
                vault = await asyncio.to_thread(trader.orders.fill, signed, None, Decimal(1), 2_000)
                assert [leg.quantity for leg in trader.vaults.get(vault).legs] == [10**6]
                spot = future(first)
                moved = round(spot * Decimal("1.02"))
                now = market.rpc.timestamp()
                await asyncio.to_thread(deployer.execute, feed, "push", moved * 10**8, now)
                second = await quotes(lambda found: abs(future(found) - moved) < 1)
                # the quotes of the old mark are dead without a transaction
                assert trader.orders.states([signed])[0][0] != "open"
                assert trader.orders.states([SignedOrder.from_json(json.dumps(second[0]["signed"]))])[0][0] == "open"
                proxy.down = True
                await quotes(lambda found: not found)
                # by a file: the state of so many contracts is more than a node takes in one request
                state = tmp_path / "state.json"
                state.write_bytes(gzip.decompress(bytes.fromhex(market.rpc.call("anvil_dumpState")[2:])))
                with Anvil(timestamp=market.rpc.timestamp(), extra=("--load-state", str(state))) as other:
                    proxy.target, proxy.down = other.url, False
                    third = await quotes(lambda found: len(found) > 0)
                    assert abs(future(third) - moved) < 1
                    again = Bulkhead(Connection(other.rpc, market.deployment), key=os.environ["TRADER_KEY"])
                    bid = next(q for q in third if q["side"] == "buy" and q["series"] == ask["series"])
                    again.orders.fill(SignedOrder.from_json(json.dumps(bid["signed"])), vault, Decimal(1))
                    assert again.vaults.get(vault).legs == ()
            finally:
                process.terminate()
                await process.wait()

    asyncio.run(play())
