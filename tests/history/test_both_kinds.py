"""A market that counts coins beside one that counts quote: the index keeps each by its own money leg."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import select

from bulkhead.chain.lens import read_cells
from bulkhead.client.amounts import parse_expiry
from bulkhead.history import queries, statistics, tables
from bulkhead.history.check import check
from bulkhead.history.context import Memory
from bulkhead.orders import PremiumStyle
from bulkhead.profit.accounts import Account
from bulkhead.risk.words import Kind
from tests.worlds.indexed import index
from tests.worlds.served_market import DEPLOYER, EXPIRY, MAKER, TRADER, ServedMarket, serve

#: Two markets of one underlying, and the leg that is the future in each.
ETH, WETH = "ETH", "WETH"
DELTA = {ETH: Kind.FUTURE, WETH: Kind.CASH}


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedMarket, dict[str, int]]]:
    """In both markets: two straddles bought, a future sold on deferred premium, half a straddle closed, a move."""
    with serve(tmp_path_factory.mktemp("both")) as market:
        coin = market.chain.market(WETH)
        for role in (MAKER, TRADER):
            market.client(DEPLOYER).signer.execute(coin.token, "mint", market.client(role).address, 10**24)
        yield market, {name: trade(market, name) for name in (ETH, WETH)}


def trade(market: ServedMarket, name: str) -> int:
    maker, trader = market.client(MAKER), market.client(TRADER)
    coins = name == WETH
    desk = maker.vaults.open(name, 500 if coins else 50_000)
    (cell,) = read_cells(market.chain, [(market.chain.market(name).index, parse_expiry(EXPIRY))]).values()
    spot = Decimal(cell.snapshot.spot) / 10**18
    one = 1 / spot if coins else Decimal(1)
    price = (20 * one).quantize(Decimal("1e-6"))
    straddle = ["call:200", "put:200"]
    vault = trader.orders.fill(
        maker.orders.sign(desk, EXPIRY, straddle, "sell", price, 5, good_for=10**6),
        size=2,
        deposit=(3000 * one).quantize(Decimal("1e-6")),
    )
    trader.orders.fill(
        maker.orders.sign(desk, EXPIRY, straddle, "buy", price, 5, good_for=10**6), size=1, vault_id=vault
    )
    forward = Decimal(cell.snapshot.forward) / 10**18
    leg, worth, size = ("cash", 1 / forward, 900) if coins else ("future", forward, 5)
    bid = maker.orders.sign(
        desk, EXPIRY, [leg], "buy", worth.quantize(Decimal("1e-12")), size, premium_style=PremiumStyle.DEFERRED,
        good_for=10**6,
    )  # fmt: skip
    trader.orders.fill(bid, vault_id=vault)
    # half of the straddle into a vault of its own, at mark
    half = [(leg, Decimal("0.5")) for leg in straddle]
    trader.vaults.split(vault, half, cash=(100 * one).quantize(Decimal("1e-6")))
    return vault


def test_index__of_both_kinds__is_the_chain_and_counts_by_the_money_leg(traded, place, databases):
    market, vaults = traded
    chain, database = market.chain, databases(place)
    index(database, chain)
    with database.read() as reader:
        assert check(reader, 1, chain).wrong == []
        context = Memory().get(reader, 1)
        markets = {one.symbol: one for one in statistics.markets(reader, context)}
        fills = list(reader.execute(select(tables.fills)))
        for name, vault_id in vaults.items():
            _check_vault(reader, context, chain, name, vault_id)
    assert (markets[ETH].inverse, markets[WETH].inverse) == (False, True)
    # three straddles of two contracts each; five futures, or 900 quote
    assert (markets[ETH].volume_24h, markets[ETH].volume_quote_24h) == (6 + 5, 0)
    assert (markets[WETH].volume_24h, markets[WETH].volume_quote_24h) == (6, 900)
    for name, found in markets.items():
        if name in DELTA:
            packed = chain["Clearinghouse"].call("market", found.market).open_interest
            assert (found.open_interest, found.open_quote) == (
                Decimal(packed % 2**128) / 10**6,
                Decimal(packed >> 128) / 10**6,
            )
            assert (found.open_quote > 0) == found.inverse and found.open_interest > 0
    assert sum(one.contracts for one in fills) == 17 * 10**6 and sum(one.quote for one in fills) == 900 * 10**6


def _check_vault(reader, context, chain, name: str, vault_id: int) -> None:
    row = reader.execute(select(tables.vaults).where(tables.vaults.c.vault_id == vault_id)).mappings().one()
    account = Account.load(dict(row), name == WETH)
    assert not account.made.unknown
    held = {kind for shape in account.made.packages.lots for kind, _, _ in shape}
    assert held == {Kind.CALL, Kind.PUT, DELTA[name]}, "money is part of prices, the future is a package"
    native = context.token(row["market"])
    seen = chain["Lens"].call("vaults", [vault_id])[0]
    shown = queries.vault(reader, context, vault_id)
    assert shown.value == Decimal(seen["value"]).scaleb(-18)
    assert shown.worth == shown.balance + shown.value and shown.balance == native.amount(seen["balance"])
    # what was paid in and not lost is there: worth of the legs at mark, and what fees and prices cost
    assert shown.profit == shown.worth + shown.taken_out - shown.paid_in
    unrealised = shown.value - Decimal(sum(lot.cost for lot in account.made.packages.lots.values())).scaleb(-18)
    money = sum(leg.quantity for leg in account.legs if leg.is_money(name == WETH)) * 10**12
    made = (
        Decimal(account.made.packages.realised - account.made.fees).scaleb(-18)
        + unrealised
        - Decimal(money).scaleb(-18)
    )
    # a share that is moved is rounded to lots
    assert shown.profit == pytest.approx(made, abs=Decimal("1e-5"))
    cost = 20 if name == ETH else Decimal(20) / Decimal("194.6")
    lot = next(lot for shape, lot in account.made.packages.lots.items() if len(shape) == 2)
    assert Decimal(lot.price).scaleb(-18) == pytest.approx(cost, rel=Decimal("1e-3"))


def test_candles__of_both_kinds__count_contracts_and_quote(traded, file, databases):
    market, _ = traded
    database = databases(file)
    index(database, market.chain)
    with database.read() as reader:
        context = Memory().get(reader, 1)
        now = context.deployment.at
        for symbol, expected in ((ETH, (11, 0)), (WETH, (6, 900))):
            at = market.chain.deployment.market(symbol).index
            found = statistics.candles(reader, context, at, "spot", 3600, now - 90_000, now)
            counted = sum(c.volume for c in found), sum(c.volume_quote for c in found)
            volumes = statistics._volumes(reader, context, at, 3600, (0, 2**40))
            assert tuple(Decimal(sum(part)) / 10**6 for part in zip(*volumes.values(), strict=True)) == expected
            # a candle is of rounds: fills in an hour without one are in none
            assert counted[0] <= expected[0] and counted[1] <= expected[1]


def test_candles__markets_of_one_price__are_the_same(traded, file, databases):
    """Rounds and vols are recorded under the price market; the market that goes by them shows them as its own."""
    market, _ = traded
    database = databases(file)
    with market.undone():
        assert market.run("anvil", "warp", "30m").exit_code == 0
        coin = market.chain.deployment.market(WETH).index
        market.client(DEPLOYER).signer.execute(market.chain["OracleAdapter"], "poke", coin, 64)
        index(database, market.chain)
        with database.read() as reader:
            context = Memory().get(reader, 1)
            now = context.deployment.at
            indices = [market.chain.deployment.market(name).index for name in (ETH, WETH)]
            assert [context.priced(i) for i in indices] == [indices[0]] * 2
            for of in ("spot", "sigma"):
                ether, coins = (
                    [(c.at, c.open, c.high, c.low, c.close) for c in found]
                    for found in (statistics.candles(reader, context, i, of, 3600, now - 90_000, now) for i in indices)
                )
                assert ether == coins and ether
            shown = {one.symbol: one for one in statistics.markets(reader, context)}
            assert shown[WETH].spot == shown[ETH].spot > 0 and shown[WETH].sigma == shown[ETH].sigma > 0
