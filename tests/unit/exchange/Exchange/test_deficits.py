"""What known losses of a cell each side of a fill trades into: `max_deficit` against D_cell."""

from __future__ import annotations

import dataclasses

import boa
import pytest
from eth_account import Account

from bulkhead import orders
from bulkhead.orders import Flags, OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind
from tests.worlds.exchange import EXPIRY, MARKET, MAX, RICH, WAD, World, key

OTHER = Account.from_key(key(5))
LOT = 10**4


def deficit(world: World) -> int:
    return int(world.system.lens.market(MARKET, EXPIRY).deficit)


@pytest.fixture
def owing(world: World) -> World:
    """A flagged vault of another owner is short a call and owes more than it has; maker and taker hold two."""
    world.fill(world.order(salt=98, price=25 * WAD), 2 * 10**6)
    desk = world.system.open(OTHER.address, 400)
    sold = world.order(signer=OTHER.address, maker_vault=desk)
    world.fill(sold, 10**6, signature=orders.sign(sold, world.domain, OTHER.key))
    world.system.wait(60, 2600.0)
    world.system.liquidator.flag(desk, sender=world.taker)
    assert deficit(world) == -world.system.state(desk).equity // 10**12 * 10**12 + 10**12 > 100 * WAD
    return world


def test_max_deficit__of_the_maker__is_what_is_recorded_at_most(owing: World) -> None:
    most = deficit(owing)
    order = owing.order(price=700 * WAD, max_deficit=most - 1)
    owing.refused_and_told(order, "exchange/maker-deficit")
    owing.fill(orders.with_changes(order, max_deficit=most))


def test_max_deficit__of_the_taker__is_what_is_recorded_at_most(owing: World) -> None:
    most = deficit(owing)
    order = owing.order(price=700 * WAD)
    owing.refused(order, "exchange/taker-deficit", max_deficit=most - 1)
    # the lens speaks of the order alone
    assert owing.state(order).status == 1
    owing.fill(order, max_deficit=most)


def test_max_deficit__is_looked_at_before_the_price_and_after_the_band(owing: World) -> None:
    order = owing.order(price=700 * WAD, max_deficit=0)
    owing.refused(order, "exchange/maker-deficit", limit=0)
    owing.refused(orders.with_changes(order, spot_max=2500 * WAD), "exchange/spot-outside")
    owing.refused(order, "exchange/above-remainder", order.size + LOT)
    # the maker's before the taker's
    owing.refused(order, "exchange/maker-deficit", max_deficit=0)


@pytest.mark.parametrize("flags", [Flags.NONE, Flags.REDUCE_ONLY])
def test_max_deficit__side_that_only_reduces_upfront__has_none(owing: World, flags: Flags) -> None:
    """It gives a claim of the cell away, or takes its own debt back: nothing it gets can be cut."""
    fresh = owing.system.open(owing.taker, RICH)
    bid = owing.order(is_bid=True, price=700 * WAD, max_deficit=0, flags=flags)
    # the maker is short two
    owing.refused(bid, "exchange/taker-deficit", 2 * 10**6, vault=fresh, max_deficit=0)
    owing.fill(bid, 10**6, vault=fresh)
    # the taker holds three
    desk = owing.system.open(owing.maker.address, RICH)
    bought = owing.order(maker_vault=desk, is_bid=True, price=700 * WAD)
    owing.fill(bought, 2 * 10**6, max_deficit=0)
    # one is left on each side: neither may go beyond
    owing.refused(bought, "exchange/taker-deficit", 10**6 + LOT, max_deficit=0)
    beyond = "exchange/reduce-only" if flags else "exchange/maker-deficit"
    owing.refused(bid, beyond, 10**6 + LOT)
    owing.fill(bid, 10**6, max_deficit=0)


def test_max_deficit__reducing_at_a_deferred_premium__counts(owing: World) -> None:
    """A premium that is paid at expiry is a claim like any other."""
    bid = owing.order(is_bid=True, price=700 * WAD, max_deficit=0, premium_style=PremiumStyle.DEFERRED)
    owing.refused_and_told(bid, "exchange/maker-deficit")
    owing.refused(orders.with_changes(bid, max_deficit=MAX), "exchange/taker-deficit", max_deficit=0)
    owing.fill(orders.with_changes(bid, max_deficit=MAX), 10**6)


def test_max_deficit__ends_with_the_deficit(owing: World) -> None:
    order = owing.order(price=700 * WAD, max_deficit=0)
    owing.refused(order, "exchange/maker-deficit")
    flagged = owing.maker_vault + 2
    owing.system.deposit(flagged, 3000, OTHER.address)
    assert deficit(owing) == 0
    owing.fill(order, max_deficit=0)


def test_max_deficit__of_another_cell__is_none_of_this_one(owing: World) -> None:
    desk, into = (owing.system.open(owner, RICH) for owner in (owing.maker.address, owing.taker))
    later = (orders.OrderLeg(owing.series(expiry=EXPIRY + 7 * 86_400), 1),)
    owing.fill(
        owing.order(maker_vault=desk, legs=later, price=700 * WAD, max_deficit=0), 10**6, vault=into, max_deficit=0
    )


def test_lens__shows_the_deficit_and_what_it_can_cost(owing: World) -> None:
    """D_cell less what insurance still has for the cell, at most what the vault's value is."""
    lens, most = owing.system.lens, deficit(owing)
    long, short = (owing.system.state(vault) for vault in (owing.taker_vault, owing.maker_vault))
    assert (long.deficit, short.deficit) == (most, most)
    assert (long.at_risk, short.at_risk) == (min(long.value, most), 0)
    assert lens.market(MARKET, EXPIRY).insured == 0
    # a quarter of the fund is the cell's
    for pot, insured in ((400, 100), (1600, 400), (80_000, 20_000)):
        with boa.env.anchor():
            payer = str(boa.env.generate_address("payer"))
            owing.token.mint(payer, pot * 10**6)
            owing.token.approve(owing.system.insurance.address, MAX, sender=payer)
            owing.system.insurance.deposit(MARKET, pot * 10**6, sender=payer)
            market = lens.market(MARKET, EXPIRY)
            assert (market.deficit, market.insured) == (most, insured * WAD)
            left = max(most - insured * WAD, 0)
            assert owing.system.state(owing.taker_vault).at_risk == min(long.value, left)


def test_stop__above_what_everybody_tolerates__closes_against_who_closes_too(owing: World) -> None:
    """Known losses larger than any client's default: a stop still ends its position, but opens one for nobody."""
    market = owing.system.lens.market(MARKET, EXPIRY)
    default = max(2 * 10**6 * market.snapshot.spot // 10**6 // 1_000, 100 * WAD) + market.insured
    assert deficit(owing) > default
    # the maker is short two calls and has signed for them what a client signs
    stop = owing.order(
        is_bid=True, price=700 * WAD, size=2 * 10**6, slip=300, patience=1800, since=owing.now, spot_min=2500 * WAD,
        flags=Flags.REDUCE_ONLY, max_deficit=default,
    )  # fmt: skip
    fresh = owing.system.open(owing.taker, RICH)
    owing.refused(stop, "exchange/taker-deficit", 2 * 10**6, vault=fresh, max_deficit=default)
    owing.fill(stop, 2 * 10**6, max_deficit=default)
    assert owing.system.legs(owing.maker_vault) == []


@pytest.mark.parametrize("side", ["maker", "taker"])
def test_max_deficit__reducing_with_a_claim_to_money_beside_it__counts(owing: World, side: str) -> None:
    """A money leg that is bought with tokens is a claim of the cell, whatever the options beside it do."""
    fresh = owing.system.open(owing.taker, RICH)
    lent = OrderLeg(owing.series(Kind.CASH), 5000)
    held = OrderLeg(owing.series(), 1)
    if side == "maker":
        # short two: one bought back, and 5,000 lent to the cell for tokens
        order = owing.order(is_bid=True, legs=(held, lent), price=5700 * WAD, max_deficit=0)
        owing.refused_and_told(order, "exchange/maker-deficit", vault=fresh)
        # who borrows beside it has less of a claim than before
        bid = owing.order(
            is_bid=True, legs=(held, dataclasses.replace(lent, ratio=-lent.ratio)), price=-4300 * WAD, max_deficit=0
        )
        owing.fill(bid, 10**6, vault=fresh)
        # and may buy its own debt back
        owing.fill(orders.with_changes(order, salt=7), 10**6, vault=fresh)
    else:
        # long two: one sold, and 5,000 lent for tokens
        order = owing.order(is_bid=True, legs=(held, dataclasses.replace(lent, ratio=-lent.ratio)), price=-4300 * WAD)
        owing.refused(order, "exchange/taker-deficit", max_deficit=0)
        owing.fill(order, max_deficit=MAX)
