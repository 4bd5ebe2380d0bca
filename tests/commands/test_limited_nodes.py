"""What people type, at nodes that bear little and say so in words of their own: it prints what it prints elsewhere."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from web3 import HTTPProvider

from bulkhead.chain import anvil
from bulkhead.chain.rpc import Rpc
from bulkhead.client import Bulkhead, parse_expiry
from tests.keeper.limited import TYPED_REFUSALS, WORDS, Bounds, LimitedProxy, PlainProxy, served
from tests.worlds.maker_server import serving
from tests.worlds.served_market import EXPIRY, MAKER, ServedMarket

#: Nobody's blocks between the deployment and what happens, so that ranges are longer than any node bears at once.
EMPTY_BLOCKS = 600
#: Each node with little, and some with more.
LITTLE = [(style, Bounds(1, 50)) for style in WORDS]
MORE = [("Nethermind", Bounds(20, 500)), ("Besu", Bounds(20, 500)), ("Geth", Bounds(100, 500))]
SHORT = [(style, Bounds(100, 10_000, size=50_000)) for style in ("Geth", "Besu", "Reth", "a host that answers 413")]
#: What hosts say to who asks too often: nothing more, seconds, or a date.
BUSY = [*zip(WORDS, ("", "1", "", "1", "", "1", ""), strict=True), ("Reth", "Fri, 31 Dec 1999 23:59:59 GMT")]


@pytest.fixture(scope="module")
def long(served: ServedMarket) -> Iterator[ServedMarket]:  # noqa: F811
    """The served market with many blocks behind it."""
    with served.undone():
        served.chain.rpc.call("anvil_mine", hex(EMPTY_BLOCKS), "0x0")
        yield served


class Typist:
    """Types commands at a node, each of which has to work."""

    def __init__(self, market: ServedMarket, url: str, folder: Path) -> None:
        self.market, self.url, self.folder = market, url, folder

    def run(self, *arguments: object, key: int = 2) -> str:
        """What a command prints."""
        done = self.market.run(*arguments, key=key, BULKHEAD_RPC_URL=self.url)
        assert done.exit_code == 0, (arguments, done.stderr, done.stdout)
        return done.stdout

    def json(self, *arguments: object, key: int = 2) -> object:
        """What it prints as JSON."""
        return json.loads(self.run(*arguments, "--json", key=key))


def life(typist: Typist) -> dict[str, object]:
    """A trade and everything that looks at it; what was printed that any other node would say too."""
    run, told = typist.json, typist.run
    desk = run("vault", "open", "--deposit", "5000", key=MAKER)["vault_id"]  # type: ignore[index]
    offer = typist.folder / "offer.json"
    offer.write_text(
        told("order", "sign", desk, "sell", "call:200", "--expiry", EXPIRY, "--price", "12", "--size", "5", key=MAKER)
    )
    assert run("order", "preview", offer, "--deposit", "100")["passes"] is True  # type: ignore[index]
    vault = run("order", "fill", offer, "--deposit", "100", "--size", "2")["vault_id"]  # type: ignore[index]
    database = typist.folder / "index.sqlite"
    assert "block" in told("index", "run", "--once", "--database", database)
    assert "compared" in told("index", "check", "--database", database)
    with sqlite3.connect(database) as rows:
        fills = rows.execute("select count(*) from fills").fetchall()
    assert "fills" in told("export", typist.folder / "out", "--database", database)
    told("keeper", "run", "--once", "--journal", typist.folder / "keeper.sqlite")
    with serving(Bulkhead(typist.url, typist.market.place, key=anvil.key(MAKER)), expiry=parse_expiry(EXPIRY)) as url:
        asked = ("rfq", "put:200", "--size", "1", "--expiry", EXPIRY, "--maker", url, "--side", "buy")
        assert run(*asked)[0]["signed"] is not None  # type: ignore[index]
    maker = told("maker", "run", "--expiry", EXPIRY, "--rounds", "1", "--port", "0", "--strikes", "1")
    assert json.loads(maker.splitlines()[-1])
    return {
        "vaults": run("vault", "list"),
        "card": {k: v for k, v in run("vault", "show", vault).items() if k in ("entries", "remark")},  # type: ignore[attr-defined]
        "markets": [row["market"] for row in run("markets")],  # type: ignore[attr-defined]
        "fills": fills,
        "parameters": run("govern", "show", "ETH"),
    }


@pytest.fixture(scope="module")
def wanted(long: ServedMarket, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    with long.undone():
        return life(Typist(long, long.anvil.url, tmp_path_factory.mktemp("direct")))


@pytest.mark.parametrize(("style", "bounds"), [*LITTLE, *MORE, *SHORT])
def test_commands__node_that_bears_little__print_what_they_print_elsewhere(
    long: ServedMarket, wanted: dict[str, object], tmp_path: Path, style: str, bounds: Bounds
) -> None:
    node = LimitedProxy(long.anvil.url, style, bounds=bounds)
    with long.undone(), served(node) as url:
        assert life(Typist(long, url, tmp_path)) == wanted
    assert node.refusals


@pytest.mark.parametrize("headers", [False, True])
def test_commands__chain_of_plain_prices__print_what_they_print_elsewhere(
    long: ServedMarket, wanted: dict[str, object], tmp_path: Path, headers: bool
) -> None:
    node = PlainProxy(long.anvil.url, headers, TYPED_REFUSALS[0])
    with long.undone(), served(node) as url:
        first = long.chain.rpc.block_number() + 1
        assert life(Typist(long, url, tmp_path)) == wanted
        blocks = range(first, long.chain.rpc.block_number() + 1)
        mined = [
            tx for at in blocks for tx in long.chain.rpc.call("eth_getBlockByNumber", hex(at), True)["transactions"]
        ]
    assert {(tx["type"], int(tx["gasPrice"], 16)) for tx in mined} == {("0x0", node.price)}


@pytest.mark.parametrize(("style", "after"), BUSY)
def test_commands__node_that_is_asked_too_often__wait_and_go_on(
    long: ServedMarket, tmp_path: Path, style: str, after: str
) -> None:
    node = LimitedProxy(long.anvil.url, style, bounds=Bounds(blocks=100, posts=12, retry_after=after))
    with long.undone(), served(node) as url:
        typist, direct = Typist(long, url, tmp_path), Typist(long, long.anvil.url, tmp_path)
        vault = typist.json("vault", "open", "--deposit", "50")["vault_id"]  # type: ignore[index]
        assert typist.json("vault", "list") == direct.json("vault", "list")
        typist.run("index", "run", "--once", "--no-gas", "--database", tmp_path / "index.sqlite")
        assert typist.json("vault", "deposit", vault, "5")["gas_used"] > 0  # type: ignore[index]
    assert node.refusals["rate"]


def test_limits__of_an_endpoint__are_remembered_by_who_asks_next(long: ServedMarket) -> None:
    node = LimitedProxy(long.anvil.url, "Erigon", 20, 100)
    addresses = [contract.address for contract in long.chain.speakers.values()]
    with served(node) as place:
        # a port is given out again, and what another proxy bore there is remembered too
        url = f"{place}?{uuid4()}"
        with Rpc(url) as rpc:
            rpc.batch_strict([("eth_chainId", ())] * 60)
            rpc.logs(addresses, 1, "latest")
        assert node.refusals["batch"] and node.refusals["range"]
        node.refusals.clear()
        for form in (url, HTTPProvider(url)):
            client = Bulkhead(form, long.place)
            client.chain.rpc.batch_strict([("eth_chainId", ())] * 60)
            client.chain.rpc.logs(addresses, 1, "latest")
            client.chain.rpc.close()
    assert not node.refusals
