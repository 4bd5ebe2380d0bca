"""A market's life by commands alone: prices and time moved, an expiry proven, vaults settled and paid, orders ended."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from bulkhead.chain import deployment as deployments
from bulkhead.chain.connection import Connection
from bulkhead.risk.words import Units
from tests.worlds.answering import Answering
from tests.worlds.served_market import BOT, DEPLOYER, EXPIRY, MAKER, TRADER, ServedMarket, local_inputs, serve


def done(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def refused(result: Result, words: str) -> None:
    assert result.exit_code == 1 and result.stderr.startswith("error: ") and words in result.stderr, result.stderr
    assert result.stderr.count("\n") == 1


def position(market: ServedMarket) -> tuple[int, int]:
    """A desk that is short five calls of 200, and the vault that is long."""
    desk = market.client(MAKER).vaults.open("ETH", deposit=5_000)
    offer = market.client(MAKER).orders.sign(desk, EXPIRY, ["call:200"], "sell", 12, 5, good_for=86_400)
    return desk, market.client(TRADER).orders.fill(offer, deposit=200)


def test_expiry__by_commands__is_fixed_settled_claimed_and_closed(market: ServedMarket) -> None:
    desk, vault = position(market)
    refused(market.run("market", "fix", "ETH", EXPIRY), "The expiry has not come yet")
    refused(market.run("vault", "settle", vault), "not final")
    done(market.run("anvil", "crash", "ETH", "--to", "230"))
    done(market.run("anvil", "warp", "--to", f"{EXPIRY}T08:05"))
    # until it is settled nothing tells what the legs are worth: that is no zero
    waiting = json.loads(done(market.run("vault", "show", vault, "--json")))
    assert waiting["state"] == "expired" and Decimal(waiting["collateral"]) > 0
    assert [waiting[n] for n in ("value", "equity", "maintenance_margin", "initial_margin", "health")] == [None] * 5
    text = done(market.run("vault", "show", vault))
    assert re.search(r"equity +unknown", text) and "expired, to be settled" in text and "liquidated below" not in text
    assert {row["equity"] for row in json.loads(done(market.run("vault", "list", "--json")))} == {None}
    refused(market.run("explain", vault), f"Vault {vault} has expired")
    assert "the price is 230.000000" in done(market.run("market", "fix", "ETH", EXPIRY))
    refused(market.run("market", "fix", "ETH", EXPIRY), "has its price already")
    done(market.run("vault", "settle", desk, vault, key=BOT))
    assert Decimal(json.loads(done(market.run("vault", "show", vault, "--json")))["claim"]) == 150
    done(market.run("vault", "claim", vault))
    refused(market.run("vault", "claim", vault), "settlement/")
    refused(market.run("vault", "repay", vault), "owes nothing")
    done(market.run("market", "reserve", "ETH", EXPIRY))
    refused(market.run("market", "insure", "ETH", EXPIRY), "No insurance is due")
    refused(market.run("market", "sweep", "ETH", EXPIRY), "nothing left over")
    shown = json.loads(done(market.run("vault", "show", vault, "--json")))
    assert shown["state"] == "empty" and Decimal(shown["profit"]) > 80
    done(market.run("vault", "close", vault))


def test_fix__feed_that_does_not_answer__is_a_sentence(market: ServedMarket) -> None:
    position(market)
    done(market.run("anvil", "warp", "--to", f"{EXPIRY}T08:05"))
    feed = market.chain.feed(market.chain.deployment.market("ETH"))
    market.client(DEPLOYER).signer.execute(feed, "set_mode", 1)
    result = market.run("market", "fix", "ETH", EXPIRY)
    assert result.exit_code in (0, 1) and "Traceback" not in result.output
    assert "not final" in result.output + result.stderr or "the price is" in result.output


def test_caps_and_epoch__by_commands__bound_and_end_orders(market: ServedMarket) -> None:
    maker = market.client(MAKER)
    desk, _ = position(market)
    done(market.run("vault", "caps", desk, "--delta", "1.5", key=MAKER))
    offer = maker.orders.sign(desk, EXPIRY, ["call:210"], "sell", 8, 9, good_for=86_400)
    market.client(TRADER).orders.fill(offer, size=2, deposit=100)
    caps = json.loads(done(market.run("vault", "caps", desk, "--json")))
    assert caps["delta"] == "1.500000000000000000" and 0 < abs(Decimal(caps["delta_used"])) < 2
    assert caps["vega"] == "0.000000000000000000"
    assert "1.500000" in done(market.run("vault", "caps", desk))
    other = maker.orders.sign(desk, EXPIRY, ["put:180"], "sell", 3, 1, good_for=86_400)
    done(market.run("vault", "epoch", desk, "call:210", "--expiry", EXPIRY, key=MAKER))
    assert [state for state, _, _ in maker.orders.states([offer, other])] == ["invalid", "open"]
    done(market.run("vault", "epoch", desk, key=MAKER))
    assert [state for state, _, _ in maker.orders.states([offer, other])] == ["invalid", "invalid"]
    again = maker.orders.sign(desk, EXPIRY, ["call:210"], "sell", 8, 9)
    assert maker.orders.states([again])[0][0] == "open"
    refused(market.run("vault", "epoch", desk), "may cancel its orders")
    refused(market.run("vault", "epoch", desk, "call:210", key=MAKER), "name both")
    refused(market.run("vault", "caps", desk, "--delta", "-1", key=MAKER), "not below 0")


# --- prices and time ----------------------------------------------------------------------------------------------


def test_crash__at_once_and_by_percent(market: ServedMarket) -> None:
    said = json.loads(done(market.run("anvil", "crash", "ETH", "--by", "25", "--json")))
    assert Decimal(said["from"]) == Decimal("194.6") and Decimal(said["to"]) == Decimal("145.95")
    assert "145.95" in done(market.run("markets"))
    assert "175.14" in done(market.run("anvil", "crash", "ETH", "--by", "-20"))


def test_crash__over_time__moves_both_and_keeps_other_markets_fresh(market: ServedMarket) -> None:
    before = market.chain.rpc.timestamp()
    said = json.loads(done(market.run("anvil", "crash", "ETH", "--to", "100", "--over", "2h", "--json")))
    assert said["rounds"] == 120 and 0 <= said["now"] - before - 7_200 < 5
    rows = {row["market"]: row for row in json.loads(done(market.run("markets", "--json")))}
    assert rows["ETH"]["price"] == rows["BTC"]["price"] == "active"
    assert Decimal(rows["ETH"]["spot"]) == 100


def test_warp__for_weeks__keeps_prices_fresh(market: ServedMarket) -> None:
    before = market.chain.rpc.timestamp()
    done(market.run("anvil", "warp", "3w"))
    assert 0 <= market.chain.rpc.timestamp() - before - 21 * 86_400 < 10
    assert {row["price"] for row in json.loads(done(market.run("markets", "--json")))} == {"active"}


def test_warp__under_interval_mining__leaves_it_on(tmp_path: Path) -> None:
    with serve(tmp_path) as market:
        market.anvil.rpc.call("evm_setIntervalMining", 2)
        done(market.run("anvil", "warp", "1d"))
        done(market.run("anvil", "crash", "BTC"))
        assert market.anvil.rpc.call("anvil_getIntervalMining") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("warp", "--to", "2020-01-01"), "goes forward"),
        (("warp", "500d"), "at most 400 days"),
        (("warp",), "by a stretch"),
        (("warp", "1h", "--to", "2027-02-01"), "by a stretch"),
        (("crash", "ETH", "--to", "0"), "above 0"),
        (("crash", "ETH", "--by", "100"), "above 0"),
        (("crash", "ETH", "--by", "1", "--to", "2"), "not both"),
        (("crash", "DOGE"), "no market 'DOGE'"),
    ],
)
def test_anvil_commands__that_make_no_sense__are_sentences(
    market: ServedMarket, arguments: tuple[str, ...], words: str
) -> None:
    before = market.chain.rpc.block_number()
    refused(market.run("anvil", *arguments), words)
    assert market.chain.rpc.block_number() == before


@contextmanager
def pretending(target: str) -> Iterator[str]:
    """A node like a public one: everything is answered but the methods that only Anvil has."""
    import httpx

    class Handler(Answering):
        def answer(self, body: bytes) -> bytes:
            asked = json.loads(body)
            if isinstance(asked, dict) and asked["method"].startswith(("anvil_", "evm_")):
                error = {"code": -32601, "message": f"the method {asked['method']} does not exist/is not available"}
                return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}).encode()
            return httpx.post(target, content=body, headers={"content-type": "application/json"}).content

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("arguments", [("crash", "ETH"), ("warp", "1h")])
def test_anvil_commands__on_another_node__are_refused(market: ServedMarket, arguments: tuple[str, ...]) -> None:
    before = market.chain.rpc.block_number()
    with pretending(market.anvil.url) as url:
        refused(market.run("anvil", *arguments, "--rpc", url), "is no Anvil")
    assert market.chain.rpc.block_number() == before


def test_crash__feed_that_is_no_test_feed__is_refused(market: ServedMarket, tmp_path: Path) -> None:
    content = json.loads((market.place / "addresses.json").read_text())
    content["markets"]["ETH"]["feeds"][0] = content["contracts"]["Lens"]["address"]
    (tmp_path / "addresses.json").write_text(json.dumps(content))
    refused(market.run("anvil", "crash", "ETH", "--deployment", tmp_path), "is no test feed")


# --- markets added later --------------------------------------------------------------------------------------------

SOL = {
    "index": 7,
    "token": "USDC",
    "feeds": {"primary": {"mock": {"decimals": 8, "price": "150"}}},
    "heartbeats": {"primary": 3600},
    "parameters": {"tick": 10**8},
}
BOUNDS = {"edge_bps": 50, "quote_seconds": 120, "max_contracts": 20 * 10**6, "cap": 10**11}


def more(path: Path, **changes: object) -> Path:
    """Inputs with a market that the deployment does not have."""
    content = local_inputs()
    content["markets"]["SOL"] = {**SOL, **changes}
    file = path / "more.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def test_market_add__by_the_owner__lists_records_and_trades(tmp_path: Path) -> None:
    with serve(tmp_path) as market:
        file = more(tmp_path, maker=BOUNDS)
        refused(market.run("market", "add", "SOL", "--inputs", file), "only that account can list")
        before = deployments.load(tmp_path)
        text = done(market.run("market", "add", "SOL", "--inputs", file, key=DEPLOYER))
        assert "SOL is listed as market 7" in text and "SOLBackstop" in text and "SOLMaker" in text
        entry = deployments.load(tmp_path).market("SOL")
        assert entry.token == before.market("ETH").token and entry.backstop and entry.maker and entry.feeds[0]
        assert deployments.load(tmp_path).market("ETH") == before.market("ETH")
        assert "SOL" in done(market.run("markets"))
        # a second call finds everything done
        nonce = market.chain.rpc.call("eth_getTransactionCount", market.client(DEPLOYER).address, "latest")
        done(market.run("market", "add", "SOL", "--inputs", file, key=DEPLOYER))
        assert deployments.load(tmp_path).market("SOL") == entry
        assert nonce == market.chain.rpc.call("eth_getTransactionCount", market.client(DEPLOYER).address, "latest")
        maker = done(market.run("vault", "open", "--market", "SOL", "--deposit", "500", key=MAKER))
        offer = tmp_path / "offer.json"
        terms = ("--expiry", EXPIRY, "--price", "9", "--size", "1")
        offer.write_text(done(market.run("order", "sign", maker, "sell", "call:150", *terms, key=MAKER)))
        vault = done(market.run("order", "fill", offer, "--deposit", "50"))
        assert json.loads(done(market.run("vault", "show", vault, "--json")))["market"] == "SOL"


def test_market_add__under_a_timelock__is_proposed_then_recorded(tmp_path: Path) -> None:
    with serve(tmp_path) as market:
        proposer = market.client(DEPLOYER).address
    content = {**local_inputs(), "timelock": {"proposers": [proposer], "delay_seconds": 9 * 86_400}}
    with serve(tmp_path, content) as market:
        file = more(tmp_path)
        add = ("market", "add", "SOL", "--inputs", file)
        said = json.loads(done(market.run(*add, "--json", key=DEPLOYER)))
        assert said["listed"] is False and said["proposal"].startswith("0x")
        assert "SOL" not in deployments.load(tmp_path).markets
        # not proposed twice
        assert json.loads(done(market.run(*add, "--json", key=DEPLOYER)))["proposal"] == said["proposal"]
        assert done(market.run("govern", "show", "ETH")).count("RiskParameters.list_market(7, ") == 1
        done(market.run("anvil", "warp", "10d"))
        # the feed of the market to come is not in the deployment yet: it has to speak for itself
        feed = next(line.split()[1] for line in said["done"] if line.startswith("SOLPrimaryFeed"))
        now = market.chain.rpc.timestamp()
        market.client(DEPLOYER).signer.execute(market.chain.aggregator(feed), "push", 150 * 10**8, now)
        done(market.run("govern", "execute", said["proposal"][:10], key=DEPLOYER))
        second = json.loads(done(market.run(*add, "--json", key=DEPLOYER)))
        assert second["listed"] is True and deployments.load(tmp_path).market("SOL").backstop == ""
        done(market.run("anvil", "warp", "10d"))
        done(market.run("govern", "execute", second["proposal"][:10], key=DEPLOYER))
        done(market.run(*add, key=DEPLOYER))
        assert deployments.load(tmp_path).market("SOL").backstop


def test_market_add__coin_market__goes_by_the_prices_that_are_there(market: ServedMarket, tmp_path: Path) -> None:
    content = local_inputs()
    content["tokens"]["WBTC"] = {"mock": {"name": "Test wrapped bitcoin", "symbol": "WBTC", "decimals": 8}}
    coin = {"index": 9, "token": "WBTC", "kind": "inverse", "unit": "0.00001", "price_market": "BTC"}
    content["markets"]["WBTC"] = {**coin, "parameters": {"tick": 10**9}}
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    before = (market.place / "addresses.json").read_text()
    try:
        with market.undone():
            done(market.run("market", "add", "WBTC", "--inputs", tmp_path / "more.yaml", key=DEPLOYER))
            listed = deployments.load(market.place)
            assert listed.market("WBTC").feeds == listed.market("BTC").feeds
            assert market.chain["OracleAdapter"].call("price_market", 9) == listed.market("BTC").index
            found = Connection(market.chain.rpc, listed).market("WBTC")
            assert (found.decimals, found.units, found.currency) == (8, Units(inverse=True, digits=5), "WBTC")
            # a token that is there already has to have the decimals that are stated
            content["tokens"]["COIN"] = found.token.address
            content["markets"]["COIN"] = {**coin, "index": 10, "token": "COIN", "decimals": 18}
            (tmp_path / "more.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
            refused(
                market.run("market", "add", "COIN", "--inputs", tmp_path / "more.yaml", key=DEPLOYER),
                "COIN: the inputs state 18 decimals, and COIN at",
            )
    finally:
        (market.place / "addresses.json").write_text(before)


def test_market_add__what_cannot_be__sends_nothing(market: ServedMarket, tmp_path: Path) -> None:
    before = market.chain.rpc.block_number()

    def add(symbol: str, file: Path, words: str) -> None:
        refused(market.run("market", "add", symbol, "--inputs", file, key=DEPLOYER), words)

    add("DOGE", more(tmp_path), "no market 'DOGE' in the inputs")
    add("SOL", more(tmp_path, index=1), "two markets have the same index")
    nowhere = {"primary": "0x000000000000000000000000000000000000dEaD"}
    add("SOL", more(tmp_path, feeds=nowhere), "has no code")
    add("SOL", tmp_path / "none.yaml", "There are no inputs")
    content = local_inputs()
    content["chain_id"] = 5
    content["markets"]["SOL"] = SOL
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(content))
    add("SOL", tmp_path / "other.yaml", "are for chain 5")
    del content["markets"]["ETH"], content["markets"]["WETH"]
    content["chain_id"], content["markets"]["SOL"] = 31337, {**SOL, "index": 1}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(content))
    add("SOL", tmp_path / "other.yaml", "would take its place")
    assert market.chain.rpc.block_number() == before


# --- orders by their hash -------------------------------------------------------------------------------------------


def test_cancel__by_hash_and_by_number__says_how(market: ServedMarket, tmp_path: Path) -> None:
    desk, file = market.client(MAKER).vaults.open("ETH", deposit=5_000), tmp_path / "offer.json"
    terms = ("--expiry", EXPIRY, "--price", "8", "--size", "1")
    file.write_text(done(market.run("order", "sign", desk, "sell", "call:210", *terms, key=MAKER)))
    (row,) = json.loads(done(market.run("order", "state", file, "--json")))
    assert row["status"] == "open"
    done(market.run("order", "cancel", row["hash"], key=MAKER))
    (row,) = json.loads(done(market.run("order", "state", file, "--json")))
    assert row["status"] == "cancelled"
    # the number that orders are signed together with is shown whole
    refused(market.run("order", "cancel", str(2**128), key=MAKER), f"--expiry EXPIRY --together {2**128}`")
