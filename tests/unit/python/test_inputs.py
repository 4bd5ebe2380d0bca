"""Inputs of a deployment: the committed files are good, and each mistake is named."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from bulkhead.chain.errors import BadInput
from bulkhead.chain.inputs import MockFeed, MockToken, PullFeed, parse
from bulkhead.chain.listing import CoinUnits

ROOT = Path(__file__).resolve().parents[3]
FEED = "0x694AA1769357215DE4FAC081bf1f309aDC325306"

GOOD = {
    "network": "testnet",
    "chain_id": 5,
    "tokens": {"USDC": FEED},
    "markets": {"ETH": {"index": 1, "token": "USDC", "feeds": {"primary": FEED}, "heartbeats": {"primary": 3600}}},
}
MAKER = {"edge_bps": 50, "quote_seconds": 120, "max_contracts": 20_000_000, "cap": 10**11}


def load(network: str):
    path = ROOT / "deployments" / network / "inputs.yaml"
    return parse(yaml.safe_load(path.read_text()), path.name)


def test_parse__local__needs_mocks_and_no_address():
    inputs = load("local")
    assert inputs.network == "local" and inputs.chain_id == 31337
    assert inputs.needs_mocks and inputs.addresses == {}
    assert inputs.tokens == {
        "USDC": MockToken("Test dollar", "USDC", 6),
        "WETH": MockToken("Test wrapped ether", "WETH", 18),
    }
    assert inputs.markets[0].primary == MockFeed(8, Decimal("194.60"))
    assert inputs.markets[0].primary.answer == 19_460_000_000


def test_parse__sepolia__has_feeds_and_no_mocks():
    inputs = load("sepolia")
    assert inputs.network == "sepolia" and inputs.chain_id == 11155111
    assert not inputs.needs_mocks
    assert inputs.addresses["primary feed of ETH"] == FEED
    assert inputs.markets[1].parameters.values["oi_cap"] == 500_000_000


@pytest.mark.parametrize("network", ["local", "sepolia"])
def test_parse__coin_market__is_inverse_and_goes_by_the_prices_of_the_dollar_market(network):
    ether, coin = (next(m for m in load(network).markets if m.symbol == name) for name in ("ETH", "WETH"))
    assert ether.units is None and coin.units == CoinUnits(decimals=18, digits=3)
    assert (coin.feeds, coin.kinds, coin.heartbeats) == (ether.feeds, ether.kinds, ether.heartbeats)
    assert (coin.price_market, coin.token, ether.price_market) == ("ETH", "WETH", "")


def coin_market(**changes) -> dict:
    """Inputs with a market of eight decimals beside the dollar's."""
    content = copy.deepcopy(GOOD)
    content["tokens"]["WBTC"] = {"mock": {"name": "Test wrapped bitcoin", "symbol": "WBTC", "decimals": 8}}
    market = {"index": 2, "token": "WBTC", "kind": "inverse", "unit": "0.00001", "price_market": "ETH", **changes}
    content["markets"]["WBTC"] = {key: value for key, value in market.items() if value is not None}
    return content


def test_parse__coin_of_eight_decimals__counts_in_its_unit():
    assert parse(coin_market(), "x").markets[1].units == CoinUnits(decimals=8, digits=5)
    # YAML reads 0.001 and 1 as numbers
    assert parse(coin_market(unit=0.001), "x").markets[1].units.digits == 3
    assert parse(coin_market(unit=1), "x").markets[1].units.digits == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "coin"}, "kind 'coin' is none of linear, inverse"),
        ({"unit": None}, "unit is missing"),
        ({"unit": 0}, "a part of a coin above 0"),
        ({"unit": -1}, "a part of a coin above 0"),
        ({"unit": "0.002"}, "not a power of ten up to 1"),
        ({"unit": 10}, "not a power of ten up to 1"),
        ({"unit": "some"}, "unit 'some' is not a number"),
        ({"unit": "0.000001"}, "finer than 0.00001, the least of a token with 8 decimals"),
        ({"decimals": 18}, "decimals 18 are stated, and WBTC has 8"),
        ({"token": "USDC"}, "decimals is missing"),
        ({"token": "USDC", "decimals": 5}, "not within 6 and 18"),
        ({"kind": "linear"}, "unit belongs to an inverse market"),
        ({"kind": None, "unit": None, "decimals": 8}, "decimals belongs to an inverse market"),
        ({"lot": 1, "parameters": {"tick": 10_000}}, "tick times lot is no multiple"),
        ({"price_market": "SOL"}, "price_market 'SOL' is no market above this one"),
        ({"price_market": "WBTC"}, "price_market 'WBTC' is no market above this one"),
        ({"price_market": ["ETH"]}, "is no market above this one"),
        ({"feeds": {"primary": FEED}}, "feeds are those of its price market ETH"),
        ({"kinds": {"primary": "rounds"}}, "kinds are those of its price market ETH"),
        ({"heartbeats": {"primary": 1}}, "heartbeats are those of its price market ETH"),
        ({"parameters": {"ramp_bps": 600}}, "ramp_bps is its price market's: say it of ETH"),
        ({"price_market": None}, "feeds"),
    ],
)
def test_parse__bad_coin_market__is_named(changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        parse(coin_market(**changes), "x")


def test_parse__price_market_that_shares_itself__is_named():
    content = coin_market()
    content["markets"]["LAST"] = {**content["markets"]["WBTC"], "index": 3, "price_market": "WBTC"}
    with pytest.raises(BadInput, match="price_market WBTC itself goes by ETH; name that one"):
        parse(content, "x")


def test_parse__feeds__keep_their_past_as_said_or_as_they_do():
    content = copy.deepcopy(GOOD)
    market = content["markets"]["ETH"]
    assert parse(content, "x").markets[0].kinds == (0, 0)
    market["kinds"] = {"primary": "brought"}
    assert parse(content, "x").markets[0].kinds == (2, 0)
    del market["kinds"]
    market["feeds"] = {"primary": {"mock": {"pull": "redstone", "price": "194.6"}}}
    assert parse(content, "x").markets[0].kinds == (2, 0)
    assert (
        parse(content, "x").markets[0].primary == PullFeed("redstone", Decimal("194.6"))
        and parse(content, "x").needs_mocks
    )


def test_parse__timelock__has_two_days_unless_said_and_no_owner_beside_it():
    made = parse({**GOOD, "timelock": {"proposers": [FEED]}}, "x")
    assert (made.timelock.proposers, made.timelock.delay_seconds) == ((FEED,), 8 * 86_400)
    with pytest.raises(BadInput, match="owner and timelock are both named"):
        parse({**GOOD, "timelock": {"proposers": [FEED]}, "owner": FEED}, "x")


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("network",), "Main Net", "not a name"),
        (("chain_id",), "one", "whole number"),
        (("chain_id",), None, "chain_id is missing"),
        (("owner",), FEED[:-1], "not an address"),
        (("guardian",), FEED.replace("A", "a", 1), "wrong checksum"),
        (("timelock",), {"proposers": []}, "a list of addresses belongs"),
        (("timelock",), {"proposers": FEED}, "a list of addresses belongs"),
        (("timelock",), {"proposers": [FEED[:-1]]}, "not an address"),
        (("timelock",), {"proposers": [FEED], "delay_seconds": 3_600}, "delay_seconds 3600 is not within"),
        (("timelock",), {"proposers": [FEED], "admin": FEED}, "'admin' is not known"),
        (("surplus",), 1, "'surplus' is not known"),
        (("tokens",), [], "a mapping belongs"),
        (("tokens", "USDC"), {"real": 1}, "'real' is not known"),
        (("tokens", "USDC"), 12, "a mapping belongs"),
        (("markets", "ETH", "index"), 65536, "not below 65536"),
        (("markets", "ETH", "index"), True, "whole number"),
        (("markets", "ETH", "token"), "DAI", "not among the tokens"),
        (("markets", "ETH", "feeds"), {}, "primary is missing"),
        (("markets", "ETH", "feeds", "fallback"), FEED, "fallback is missing"),
        (("markets", "ETH", "feeds", "primary"), {"mock": {"decimals": 8, "price": "much"}}, "not a number"),
        (("markets", "ETH", "feeds", "primary"), {"mock": {"pull": "api3", "price": "1"}}, "pull is pyth or redstone"),
        (("markets", "ETH", "feeds", "primary"), {"mock": {"pull": "pyth", "price": "1", "decimals": 8}}, "8 decimals"),
        (("markets", "ETH", "feeds", "sequencer"), {"mock": {"pull": "pyth", "price": "1"}}, "none of prices"),
        (("markets", "ETH", "kinds"), {"primary": "pushed"}, "'pushed' is none of rounds, recorder, brought"),
        (("markets", "ETH", "kinds"), {"sequencer": "rounds"}, "'sequencer' is not known"),
        (("markets", "ETH", "heartbeats"), {}, "primary is missing"),
        (("markets", "ETH", "parameters"), {"phi_bps": 5000}, "parameters/too-large"),
        (("markets", "ETH", "parameters"), {"fee": 1}, "parameters/unknown-name"),
        (("markets", "ETH", "legs"), 1, "'legs' is not known"),
        (("markets", "ETH", "maker"), {"edge_bps": 50}, "quote_seconds is missing"),
        (("markets", "ETH", "maker"), {**MAKER, "edge_bps": 4}, "edge_bps 4 is not within 5 and 2000"),
        (("markets", "ETH", "maker"), {**MAKER, "cap": -1}, "below zero"),
        (("markets", "ETH", "maker"), {**MAKER, "quoter": FEED[:-1]}, "not an address"),
        (("markets", "ETH", "maker"), {**MAKER, "fee": 1}, "'fee' is not known"),
    ],
)
def test_parse__mistake__is_named(path, value, sentence):
    content = copy.deepcopy(GOOD)
    at = content
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(BadInput, match=sentence):
        parse(content, "inputs.yaml")


def test_parse__same_index_twice__is_named():
    content = copy.deepcopy(GOOD)
    content["markets"]["BTC"] = copy.deepcopy(content["markets"]["ETH"])
    with pytest.raises(BadInput, match="same index"):
        parse(content, "inputs.yaml")
