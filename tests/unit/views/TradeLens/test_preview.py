"""TradeLens: what a ticket shows before signing is what the fill then does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest

from bulkhead import pricing
from bulkhead.orders import Order, OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind, Leg, Model, Series
from tests.worlds.exchange import EXPIRY, MARKET, TICK, WAD, World
from tests.worlds.legs import put

UNIT = 10**6


def ask(world: World, order: Order, size: int = UNIT, **changes: Any) -> Any:
    """A preview; of the taker's vault and a signed order unless told otherwise."""
    values: dict[str, Any] = {
        "signature": world.sign(order),
        "account": world.taker,
        "vault_id": world.taker_vault,
        "model": 0,
        "deposit": 0,
        **changes,
    }
    return world.system.TradeLens.preview(  # type: ignore[attr-defined]
        (
            order.to_tuple(),
            values["signature"],
            size,
            values["account"],
            values["vault_id"],
            values["model"],
            values["deposit"],
        )
    )


def terms_of(world: World, order: Order, size: int) -> pricing.Terms:
    """By the mirror."""
    fees = pricing.Fees.unpack(world.exchange.trading(MARKET))
    return pricing.terms(order, size, world.system.market.decimals, fees, world.system.snapshot(EXPIRY))


@pytest.fixture(params=["ask", "bid", "deferred", "package"])
def order(request: pytest.FixtureRequest, world: World) -> Order:
    two = tuple(
        sorted(
            (OrderLeg(world.series(strike=TICK * 40), 2), OrderLeg(world.series(Kind.PUT, TICK * 36), -1)),
            key=lambda one: one.series,
        )
    )
    changes: dict[str, Any] = {
        "ask": {},
        "bid": {"is_bid": True},
        "deferred": {"premium_style": PremiumStyle.DEFERRED},
        "package": {"legs": two, "price": 150 * WAD},
    }[request.param]
    return world.order(**changes)


@pytest.mark.parametrize("maker", [False, True], ids=["taker", "maker"])
def test_preview__every_number__is_what_the_fill_does(world: World, order: Order, maker: bool) -> None:
    vault_id = world.maker_vault if maker else world.taker_vault
    size = 3 * UNIT
    told = ask(world, order, size, vault_id=vault_id)
    known = terms_of(world, order, size)
    sign = 1 if order.is_bid == maker else -1
    assert (told.block_number, told.timestamp) == (boa.env.evm.patch.block_number, world.now)
    assert (told.price_state, told.price_age) == ("active", 0)
    assert told.price == known.price and told.fee == (known.maker_fee if maker else known.taker_fee)
    deferred = order.premium_style == PremiumStyle.DEFERRED
    assert told.premium == (0 if deferred else sign * known.premium)
    assert told.deferred == (sign * known.premium if deferred else 0)
    assert told.total == told.premium + told.fee
    assert list(told.refusals) == [""] * 4
    before = world.system.balance(vault_id)
    world.fill(order, size)
    after = world.system.state(vault_id)
    assert told.total == before - world.system.balance(vault_id)
    for name in ("balance", "collateral", "value", "equity", "maintenance_margin", "initial_margin", "health", "v_min"):
        assert getattr(told.after, name) == getattr(after, name), name
    assert told.after.delta == after.delta
    legs = [Leg.unpack(word) for word in after.legs]
    shown = [(one.kind, one.strike // 10**10, one.quantity // 10**12) for one in told.after.legs]
    assert shown == [(leg.kind.name.lower(), leg.strike, leg.quantity) for leg in legs]
    assert all(one.mark != 0 for one in told.after.legs)


@pytest.mark.parametrize("model", list(Model), ids=lambda model: model.name)
def test_preview__a_vault_that_is_opened__is_the_vault_that_opens(world: World, model: Model) -> None:
    deposit = 2_000 * UNIT
    bid = world.order(is_bid=True)
    world.system.fund(world.taker, 2_000)
    told = ask(world, bid, vault_id=0, model=int(model), deposit=deposit)
    assert list(told.refusals) == [""] * 4
    asked = world.asked(bid, vault=0)
    with boa.env.prank(world.taker):
        vault_id = world.exchange.open_and_fill(asked, int(model), deposit, (0, 0, 0, bytes(32), bytes(32)))
    after = world.system.state(vault_id)
    assert told.after.balance == after.balance and told.after.equity == after.equity
    assert told.after.initial_margin == after.initial_margin and told.after.v_min == after.v_min


def test_largest__each_bound__is_right_to_its_resolution(world: World) -> None:
    poor = world.system.open(world.taker, 1_500)
    bid = world.order(is_bid=True, size=64 * UNIT)
    told = ask(world, bid, vault_id=poor)
    assert told.largest.order == 64 * UNIT and told.largest.open_interest == 500 * UNIT
    step = 64 * UNIT // 256
    assert told.largest.wallet == 64 * UNIT
    assert told.largest.size == told.largest.margin
    at = told.largest.margin
    assert ask(world, bid, at, vault_id=poor).refusals.fill == ""
    beyond = ask(world, bid, at + 2 * step, vault_id=poor)
    assert beyond.refusals.fill == "margin/below-initial"
    world.fill(bid, at, vault=poor)


def test_largest__a_buyers_wallet__is_what_pays_premium_and_fee(world: World) -> None:
    poor = world.system.open(world.taker, 1_000)
    offer = world.order(size=64 * UNIT)
    told = ask(world, offer, vault_id=poor)
    one = terms_of(world, offer, told.largest.wallet)
    assert one.premium + one.taker_fee <= 1_000 * UNIT
    more = terms_of(world, offer, told.largest.wallet + 64 * UNIT // 256)
    assert more.premium + more.taker_fee > 1_000 * UNIT
    # tokens in the wallet count as well
    world.system.fund(world.taker, 1_000)
    assert ask(world, offer, vault_id=poor).largest.wallet > told.largest.wallet


def test_largest__open_interest_and_what_is_left(world: World) -> None:
    offer = world.order(size=2_000 * UNIT, price=WAD)
    # both sides count
    assert ask(world, offer).largest.open_interest == 500 * UNIT
    world.fill(offer, 490 * UNIT)
    told = ask(world, offer, 20 * UNIT)
    assert told.largest.open_interest == 10 * UNIT and told.refusals.fill == "exchange/open-interest-cap"
    assert told.largest.size <= 10 * UNIT


def test_largest__closing__needs_no_margin(world: World) -> None:
    """A vault below its initial margin closes what it has, as the chain lets it."""
    short = world.system.open(world.taker, 700)
    world.system.novate(short, world.maker_vault, [put(2000, 1)], EXPIRY)
    world.system.wait(60, 1700)
    offer = world.order(legs=(OrderLeg(world.series(Kind.PUT), 1),), price=310 * WAD, size=UNIT)
    told = ask(world, offer, vault_id=short)
    assert told.refusals.fill == "" and told.largest.margin == UNIT


def test_refusals__each_from_its_place(world: World) -> None:
    offer = world.order()
    assert ask(world, offer, signature=b"\1" * 65).refusals.order == "exchange/bad-signature"
    assert ask(world, offer, signature=b"").refusals.order == ""
    bid = world.order(is_bid=True)
    told = ask(world, bid, vault_id=0, deposit=10 * UNIT)
    assert told.refusals.vault == "margin/below-initial" and told.refusals.fill == ""
    assert told.refusals.wallet == "clearinghouse/transfer-refused"
    poor = world.system.open(world.taker, 10)
    told = ask(world, offer, 5 * UNIT, vault_id=poor, deposit=1)
    assert told.refusals.vault == "lens/insufficient-balance" and told.after.legs == []
    world.system.wait(7_200)
    stale = ask(world, bid, vault_id=0, deposit=10 * UNIT)
    assert stale.price_state == "stale" and stale.refusals.vault == "margin/price-not-active"


@pytest.mark.parametrize(
    ("changes", "size", "model", "reason"),
    [
        ({}, 0, 0, "trade-lens/zero-size"),
        ({"legs": ()}, UNIT, 0, "trade-lens/no-legs"),
        ({"legs": (OrderLeg(Series(9, Kind.PUT, EXPIRY, TICK).pack(), 1),)}, UNIT, 0, "trade-lens/unknown-market"),
        ({}, UNIT, 3, "trade-lens/unknown-model"),
    ],
)
def test_what_is_no_fill__is_refused_by_name(world: World, changes: dict[str, Any], size: int, model: int, reason: str):
    order = replace(world.order(), **changes)
    with boa.reverts(reason):
        ask(world, order, size, signature=b"", model=model)


def test_gas__four_legs_into_a_new_vault__fits_every_node(world: World) -> None:
    legs = tuple(
        OrderLeg(world.series(kind, TICK * n), -1)
        for kind, n in ((Kind.CALL, 42), (Kind.CALL, 44), (Kind.PUT, 36), (Kind.PUT, 38))
    )
    order = world.order(legs=tuple(sorted(legs, key=lambda one: one.series)), price=-100 * WAD, size=64 * UNIT)
    world.system.fund(world.taker, 10_000)
    ask(world, order, vault_id=0, deposit=10_000 * UNIT)
    used = world.system.TradeLens._computation.get_gas_used()  # type: ignore[attr-defined]
    print(f"preview of four legs into a new vault: {used:,} gas")
    assert used < 15_000_000
