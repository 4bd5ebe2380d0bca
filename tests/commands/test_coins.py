"""A coin-margined market by command and by client: amounts say their unit, prices are coins, previews tell both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result

from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import read_cells
from bulkhead.client.amounts import parse_expiry
from bulkhead.maker.desk import Maker
from bulkhead.maker.ladder import Style
from bulkhead.maker.limits import RiskLimits
from bulkhead.orders import PremiumStyle
from bulkhead.risk.words import Kind, Series
from tests.worlds.served_market import DEPLOYER, EXPIRY, MAKER, TRADER, ServedMarket, serve

#: The strike nearest to spot, 194.60.
STRIKE = "200"


def done(result: Result) -> str:
    assert result.exit_code == 0, result.stdout + result.stderr
    return result.stdout.strip()


def refused(result: Result, words: str) -> None:
    assert result.exit_code in (1, 2), result.stdout
    assert words in result.stderr, result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedMarket]:
    with serve(tmp_path_factory.mktemp("coins")) as market:
        coin = market.chain.market("WETH")
        for role in (MAKER, TRADER):
            address = market.client(role).address
            market.client(DEPLOYER).signer.execute(coin.token, "mint", address, 10**24)
        yield market


@pytest.fixture
def market(served: ServedMarket) -> Iterator[ServedMarket]:
    with served.undone():
        yield served


def shown(market: ServedMarket, vault: object) -> dict[str, str]:
    return json.loads(done(market.run("vault", "show", vault, "--json")))


def test_vault__amounts__say_their_unit_and_another_is_refused(market: ServedMarket) -> None:
    vault = done(market.run("vault", "open", "--market", "WETH", "--deposit", "2.5 WETH"))
    assert "2.500000 WETH" in done(market.run("vault", "show", vault))
    done(market.run("vault", "deposit", vault, "0.5 weth"))
    done(market.run("vault", "withdraw", vault, "1"))
    assert Decimal(shown(market, vault)["collateral"]) == 2 and shown(market, vault)["currency"] == "WETH"
    for command in (("deposit", vault, "100 USDC"), ("withdraw", vault, "1 USDC")):
        refused(market.run("vault", *command), "Amounts of WETH are in WETH, not in USDC: the token is the underlying.")
    refused(market.run("vault", "open", "--deposit", "1 WETH"), "Amounts of ETH are in USDC, not in WETH")
    rows = {row["market"]: row for row in json.loads(done(market.run("markets", "--json")))}
    assert (rows["WETH"]["kind"], rows["WETH"]["currency"], rows["ETH"]["kind"]) == ("inverse", "WETH", "linear")


def test_order__price_in_dollars__is_refused_with_what_it_would_be_in_coins(market: ServedMarket) -> None:
    vault = done(market.run("vault", "open", "--market", "WETH", "--deposit", "1 WETH", key=MAKER))
    sign = ("order", "sign", vault, "sell", f"call:{STRIKE}", "--expiry", EXPIRY, "--size", "1", "--price")
    refused(
        market.run(*sign, "9.73", key=MAKER), "9.73 is no price in coins: a package of these legs is worth at most 1"
    )
    refused(market.run(*sign, "9.73", key=MAKER), "that is 0.050000 coins")
    refused(market.run(*sign, "0.05 USDC", key=MAKER), "Amounts of WETH are in WETH, not in USDC")
    done(market.run(*sign, "0.05 WETH", key=MAKER))
    # a put is worth more than a coin when its strike lies far above spot
    maker = market.client(MAKER)
    assert maker.orders.build(int(vault), EXPIRY, ["put:400"], "sell", "1.2", 1).price == 12 * 10**17
    with pytest.raises(BadInput, match="no price in coins"):
        maker.orders.build(int(vault), EXPIRY, ["put:400"], "sell", 210, 1)
    # a quote is worth 1/spot of a coin
    with pytest.raises(BadInput, match="no price in coins"):
        maker.orders.build(int(vault), EXPIRY, ["cash"], "sell", 1, 1)


def test_covered_call__one_coin_and_a_short_call__survives_any_price(market: ServedMarket, tmp_path: Path) -> None:
    maker, trader = market.client(MAKER), market.client(TRADER)
    desk = maker.vaults.open("WETH", 50)
    bid = tmp_path / "bid.json"
    terms = ("--expiry", EXPIRY, "--price", "0.05 WETH", "--size", "1")
    bid.write_text(done(market.run("order", "sign", desk, "buy", f"call:{STRIKE}", *terms, key=MAKER)))
    text = done(market.run("order", "preview", bid, "--deposit", "1.02 WETH"))
    assert "0.050000 WETH (9.73 quote)" in text, text
    preview = json.loads(done(market.run("order", "preview", bid, "--deposit", "1.02", "--json")))
    assert preview["passes"] and preview["currency"] == "WETH"
    assert preview["liquidation_below"] is None and preview["liquidation_above"] is None
    vault = int(done(market.run("order", "fill", bid, "--deposit", "1.02 WETH")))
    before = trader.vaults.get(vault)
    assert before.state == "covered" and before.currency == "WETH"
    coin = market.chain.market("WETH")
    fee = before.balance - Decimal("1.07")
    assert -Decimal("0.002") < fee < 0  # 3 bp of a coin at most
    for price in ("20", "100000"):
        done(market.run("anvil", "crash", "WETH", "--to", price))
        assert trader.vaults.get(vault).state == "covered"
    card = trader.vaults.card(vault)
    assert (card.liquidation_below, card.liquidation_above, card.to_add) == (None, None, 0)
    assert coin.units.inverse and card.entries[0].price == Decimal("0.05")


def test_inverse_future__cash_against_coins__at_ten_times(market: ServedMarket) -> None:
    """Short 1,946 quote against 10 coins: long ten contracts on one coin."""
    maker, trader = market.client(MAKER), market.client(TRADER)
    desk = maker.vaults.open("WETH", 100)
    (cell,) = read_cells(market.chain, [(3, parse_expiry(EXPIRY))]).values()
    mark = Decimal(10**18) / cell.snapshot.forward
    bid = maker.orders.sign(
        desk, EXPIRY, ["cash"], "buy", mark.quantize(Decimal("1e-12")), 1946, premium_style=PremiumStyle.DEFERRED
    )
    seen = trader.orders.preview(bid, deposit=2)
    assert seen.passes and seen.liquidation_below is not None and seen.liquidation_above is None
    vault = trader.orders.fill(bid, deposit=2)
    held = {leg.kind: leg.quantity for leg in trader.vaults.get(vault).legs}
    assert held[Kind.CASH] == -1946 * 10**6 and held[Kind.FUTURE] == pytest.approx(10**7, rel=1e-5)
    assert Decimal(100) < seen.liquidation_below < Decimal("194.6")
    with pytest.raises(BadInput, match="order/only-cash"):
        maker.orders.build(desk, EXPIRY, ["future"], "buy", 1, 1)


def test_maker__ladder_in_coins__is_filled_at_what_it_says(market: ServedMarket) -> None:
    maker, trader = market.client(MAKER), market.client(TRADER)
    style = Style(step=10 * 10**8, strikes=2, size=10**6)
    desk = Maker(maker, "WETH", [parse_expiry(EXPIRY)], style, Decimal(60), RiskLimits(delta=Decimal(50)))
    desk.open()
    look = desk.look()
    kinds = set()
    for quote, signed, _ in desk.signed_quotes(look):
        kinds.add(quote.kind)
        size = Decimal(signed.order.size) / 10**6
        assert 0 < quote.price < 10**18 and signed.order.size == (10**6 if quote.strike else 194_600_000)
        seen = trader.orders.preview(signed, deposit=30, size=size)
        assert seen.passes, (quote, seen.refusal)
        assert abs(seen.price * 10**18 - quote.price) < 1
    assert kinds == {Kind.CALL, Kind.PUT, Kind.CASH}


def test_order__legs_of_two_markets__is_a_sentence(market: ServedMarket) -> None:
    maker = market.client(MAKER)
    view = maker.vaults.view(maker.vaults.open("WETH", 1))
    at = parse_expiry(EXPIRY)
    mixed = [(Series(market_index, Kind.CALL, at, 200 * 10**8).pack(), 1) for market_index in (1, 3)]
    with pytest.raises(BadInput, match="order/wrong-cell"):
        maker.orders.order_of(view, mixed, good_for=60, is_bid=True, price=10**16, size=10**6)


def test_merge__vaults_of_two_markets__is_a_sentence(market: ServedMarket) -> None:
    dollar = done(market.run("vault", "open", "--deposit", "10"))
    coin = done(market.run("vault", "open", "--market", "WETH", "--deposit", "1"))
    refused(market.run("vault", "merge", dollar, coin), "is of the market ETH and vault")
