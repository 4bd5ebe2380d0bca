"""`bulkhead vault show`: margins, Greeks, liquidation prices, what is missing, what was paid and what was made."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bulkhead.chain.errors import NodeUnavailable, RpcError
from bulkhead.chain.local import LocalChain
from bulkhead.client import history
from bulkhead.client.card import PositionCard
from tests.worlds.served_market import EXPIRY, MAKER, TRADER, ServedMarket

CENT = Decimal("0.01")


def card(market: ServedMarket, vault: int) -> PositionCard:
    return market.client(TRADER).vaults.card(vault)


def desk(market: ServedMarket, deposit: int = 20_000) -> int:
    return market.client(MAKER).vaults.open("ETH", deposit=deposit)


def bought(market: ServedMarket, legs: list[str], side: str, price: Any, size: int = 1, **fill: Any) -> int:
    """A vault of the trader that took an order of a desk."""
    maker, trader = market.client(MAKER), market.client(TRADER)
    offer = maker.orders.sign(desk(market), EXPIRY, legs, side, price, size)
    return trader.orders.fill(offer, **{"deposit": 500, **fill})


def test_card__long_call__tells_entry_and_profit_to_the_unit(market: ServedMarket) -> None:
    vault = bought(market, ["call:200"], "sell", Decimal("12.5"), 2)
    seen = card(market, vault)
    assert [(entry.price, entry.size) for entry in seen.entries] == [(Decimal("12.5"), 2)]
    assert seen.profit == seen.vault.balance + seen.vault.value - 500
    assert seen.greeks is not None and 0 < seen.greeks.delta < 2 and seen.greeks.theta < 0 < seen.greeks.vega
    assert seen.greeks.gamma > 0 and seen.to_add == 0 and seen.remark == ""
    assert (seen.liquidation_below, seen.liquidation_above) == (None, None)


def test_card__bought_twice_and_sold_once__has_the_average_of_what_was_bought(market: ServedMarket) -> None:
    maker, trader = market.client(MAKER), market.client(TRADER)
    vault = bought(market, ["call:200"], "sell", 10, 2)
    trader.orders.fill(maker.orders.sign(desk(market), EXPIRY, ["call:200"], "sell", 16, 1), vault)
    trader.orders.fill(maker.orders.sign(desk(market), EXPIRY, ["call:200"], "buy", 9, 2), vault)
    (entry,) = card(market, vault).entries
    assert entry.price == 12 and entry.size == 1


def test_card__turned_round__is_entered_at_the_price_that_turned_it(market: ServedMarket) -> None:
    maker, trader = market.client(MAKER), market.client(TRADER)
    vault = bought(market, ["call:200"], "sell", 10, 1)
    trader.orders.fill(maker.orders.sign(desk(market), EXPIRY, ["call:200"], "buy", 8, 3), vault)
    (entry,) = card(market, vault).entries
    assert entry.price == 8 and entry.size == -2


def test_card__deferred_premium__is_entered_at_the_same_price(market: ServedMarket) -> None:
    from bulkhead.client import PremiumStyle

    maker, trader = market.client(MAKER), market.client(TRADER)
    offer = maker.orders.sign(desk(market), EXPIRY, ["call:200"], "sell", 12, 1, premium_style=PremiumStyle.DEFERRED)
    seen = card(market, trader.orders.fill(offer, deposit=500))
    ((leg,),) = (entry.legs for entry in seen.entries)
    assert leg.kind.name == "CALL" and [entry.price for entry in seen.entries] == [12]


def test_card__package__has_one_price(market: ServedMarket) -> None:
    vault = bought(market, ["call:190", "-call:220"], "sell", 8, 2)
    (entry,) = card(market, vault).entries
    assert entry.price == 8 and entry.size == 2
    assert [(leg.strike // 10**8, leg.quantity // 10**6) for leg in entry.legs] == [(190, 1), (220, -1)]
    shown = market.run("vault", "show", vault).stdout
    assert "+2 × (+1 call 190 -1 call 220) at 8.0000 USDC" in " ".join(shown.split())


def test_card__deposits_withdrawals_and_tokens_sent__are_no_profit(market: ServedMarket) -> None:
    trader = market.client(TRADER)
    vault = bought(market, ["call:200"], "sell", 10)
    before = card(market, vault)
    trader.vaults.deposit(vault, 100)
    trader.vaults.withdraw(vault, 40)
    after = card(market, vault)
    assert after.profit is not None and before.profit is not None
    assert abs(after.profit - before.profit) < CENT and after.vault.balance == before.vault.balance + 60


def test_card__split__moves_at_mark(market: ServedMarket) -> None:
    trader = market.client(TRADER)
    vault = bought(market, ["call:200"], "sell", 10, 2)
    before = card(market, vault)
    new = trader.vaults.split(vault, [("call:200", 1)], 50)
    kept, moved = card(market, vault), card(market, new)
    assert kept.profit is not None and moved.profit is not None and before.profit is not None
    assert abs(kept.profit + moved.profit - before.profit) < CENT and abs(moved.profit) < CENT
    assert [(entry.price, entry.size) for entry in kept.entries] == [(10, 1)]
    ((price, size),) = ((entry.price, entry.size) for entry in moved.entries)
    assert size == 1 and abs(price - moved.vault.value) < CENT


def test_card__sold_vault__says_that_it_changed_hands(market: ServedMarket) -> None:
    trader = market.client(TRADER)
    vault = bought(market, ["call:200"], "sell", 10)
    token = market.chain["VaultToken"]
    trader.signer.execute(token, "transferFrom", trader.address, market.client(MAKER).address, vault)
    assert "changed hands" in card(market, vault).remark


def test_card__margin_call__tells_what_to_add_to_the_unit(market: ServedMarket) -> None:
    trader = market.client(TRADER)
    vault = bought(market, ["put:190"], "buy", 4, 10, deposit=200)
    LocalChain(market.chain).crash(market.chain.deployment.market("ETH"), Decimal(186))
    seen = card(market, vault)
    assert seen.vault.state in ("margin-call", "liquidatable") and seen.to_add > 0
    with market.undone():
        trader.vaults.deposit(vault, seen.to_add + CENT)
        assert card(market, vault).vault.state == "healthy"
    trader.vaults.deposit(vault, seen.to_add - CENT)
    assert card(market, vault).vault.state == "margin-call"


@pytest.mark.parametrize("model", ["ES", "GREEKS", "STATIC"])
def test_card__after_a_crash__edges_and_greeks_are_the_chains(market: ServedMarket, model: str) -> None:
    """A STATIC vault keeps the ratios of its last new risk: those of now would put its edge elsewhere."""
    vault = bought(market, ["put:190"], "buy", 4, 10, deposit=900, model=model)
    LocalChain(market.chain).crash(market.chain.deployment.market("ETH"), Decimal(186))
    seen = card(market, vault)
    assert seen.greeks is not None and seen.spot is not None and seen.liquidation_below is not None
    whole = Decimal(market.chain["Lens"].call("vaults", [vault])[0].delta).scaleb(-18)
    assert seen.greeks.delta > 0 and abs(seen.greeks.delta - whole) < Decimal("1e-15")
    edge = int(seen.liquidation_below.scaleb(18))
    asked = [(edge + edge // 50, edge)]
    (told,) = market.chain["RiskLens"].call("liquidation_prices", vault, asked).brackets
    assert told.liquidatable > 0 and abs(told.liquidatable - edge) <= int(seen.spot.scaleb(18)) // 10**6 + 10**10


def test_card__flagged__what_to_add_ends_the_flag(market: ServedMarket) -> None:
    trader = market.client(TRADER)
    vault = bought(market, ["put:190"], "buy", 4, 10, deposit=200)
    LocalChain(market.chain).crash(market.chain.deployment.market("ETH"), Decimal(170))
    market.client(MAKER).signer.execute(market.chain["Liquidator"], "flag", vault)
    seen = card(market, vault)
    assert seen.vault.state == "flagged" and seen.to_add > 0
    with market.undone():
        trader.vaults.deposit(vault, seen.to_add - CENT)
        assert card(market, vault).vault.state == "flagged"
    trader.vaults.deposit(vault, seen.to_add + CENT)
    assert card(market, vault).vault.state == "healthy"


def test_card__liquidation_price__is_where_the_vault_becomes_liquidatable(market: ServedMarket) -> None:
    vault = bought(market, ["put:190"], "buy", 4, 10, deposit=200)
    below = card(market, vault).liquidation_below
    assert below is not None and 100 < below < 194
    local, entry = LocalChain(market.chain), market.chain.deployment.market("ETH")
    # the vol moves along with a price that is put there: a percent on either side
    for price, state in ((below * Decimal("1.01"), "margin-call"), (below * Decimal("0.97"), "liquidatable")):
        with market.undone():
            local.crash(entry, price)
            assert card(market, vault).vault.state == state


@pytest.mark.parametrize("error", [RpcError("eth_getLogs", -32000, "history is pruned"), NodeUnavailable("gone")])
def test_card__without_events__is_all_there_but_entries_and_profit(
    market: ServedMarket, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    vault = bought(market, ["call:200"], "sell", 10)
    whole = card(market, vault)

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(history, "events_of", refuse)
    seen = card(market, vault)
    assert seen.profit is None and seen.entries == () and str(error) in seen.remark
    assert seen.greeks == whole.greeks or seen.greeks is not None
    shown = market.run("vault", "show", vault)
    assert shown.exit_code == 0 and "no history" in shown.stdout and "delta" in shown.stdout


def test_card__without_the_state_of_then__says_that_a_split_hides_the_profit(
    market: ServedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = bought(market, ["call:200"], "sell", 10, 2)
    market.client(TRADER).vaults.split(vault, [("call:200", 1)], 50)

    def pruned(*_: object) -> None:
        raise RpcError("eth_call", -32000, "missing trie node")

    monkeypatch.setattr(history, "read_cells", pruned)
    seen = card(market, vault)
    assert seen.profit is None and seen.entries == () and "no node knew the prices" in seen.remark


def test_show__json__has_every_field_once(market: ServedMarket) -> None:
    vault = bought(market, ["call:200"], "sell", 10)
    shown = json.loads(market.run("vault", "show", vault, "--json").stdout)
    assert shown["state"] == "covered" and shown["legs"] == ["+1 call 200"]
    assert {"target", "to_add", "greeks", "entries", "profit", "liquidation_below", "spot"} <= set(shown)
    assert Decimal(shown["entries"][0]["price"]) == 10


def test_show__text__is_whole_in_a_pipe(market: ServedMarket) -> None:
    vault = bought(market, ["call:200", "-call:210"], "sell", 5)
    text = market.run("vault", "show", vault, COLUMNS="40").stdout
    for words in ("liquidated below, above", "entered", "gamma", "profit", "to add"):
        assert words in text
    assert "…" not in text
