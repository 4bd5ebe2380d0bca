"""The last second of pauses, grants, quotes and the daily grid; both sides of a waived fee."""

from __future__ import annotations

from datetime import UTC, datetime

import boa
import pytest

from bulkhead.operators import Grant, sign_grant
from bulkhead.risk import series_grid
from bulkhead.risk.words import Kind, Leg
from tests.contracts import deployer
from tests.worlds.exchange import DAY, EXPIRY, MARKET, STRIKE, WAD, World
from tests.worlds.maker import funded_desk


@pytest.mark.parametrize(("before", "passes"), [(1, False), (0, True)])
def test_fill__opening__from_the_second_that_a_pause_ends(world: World, before: int, passes: bool) -> None:
    parameters = world.system.RiskParameters  # type: ignore[attr-defined]
    parameters.pause_opening(MARKET, 1, sender=world.system.guardian)
    until = int(parameters.trading(MARKET)) >> 208
    world.system.wait(until - before - world.now, 2000)
    order = world.order(salt=before)
    if passes:
        world.fill(order)
    else:
        world.refused_and_told(order, "exchange/paused")


@pytest.mark.parametrize(("late", "passes"), [(0, True), (1, False)])
def test_grant_signed__at_its_deadline__still_counts(world: World, late: int, passes: bool) -> None:
    bot, deadline = str(boa.env.generate_address("bot")), world.now + 100
    grant = Grant(world.maker_vault, world.maker.address, 0, bot, 1, world.now + 1000, 0, deadline)
    signature = sign_grant(grant, world.domain.chain_id, world.operators.address, world.maker.key)
    world.system.wait(100 + late)
    arguments = (grant.vault_id, bot, 1, grant.expiry, deadline, signature)
    if passes:
        world.operators.grant_signed(*arguments)
        assert world.operators.permissions_of(world.maker_vault, 0, bot) == 1
    else:
        with boa.reverts("operators/signature-expired"):
            world.operators.grant_signed(*arguments)


@pytest.mark.parametrize(("more", "allowed"), [(0, True), (1, False)])
def test_quote__as_long_as_the_bounds_allow__is_good(world: World, more: int, allowed: bool) -> None:
    desk = funded_desk(world)
    longest = int(desk.vault.quote_seconds())
    assert desk.says(desk.order(expiry=world.now + longest + more)) is allowed


@pytest.mark.parametrize(("early", "allowed"), [(0, True), (1, False)])
def test_on_grid__exactly_seven_days_ahead__is_a_daily_expiry(early: int, allowed: bool) -> None:
    tuesday = int(datetime(2026, 1, 13, 8, tzinfo=UTC).timestamp())
    now = tuesday - 7 * DAY - early
    assert deployer("SeriesHarness").deploy().on_grid([tuesday], now) == [allowed]
    assert series_grid.on_grid(tuesday, now) is allowed


@pytest.mark.parametrize("taker_owes", [True, False])
def test_fill__side_of_negative_equity__pays_no_fee_and_the_other_does(world: World, taker_owes: bool) -> None:
    """Closing at a price that left one side below zero: a fee would come out of what it owes to others."""
    poor_owner = str(boa.env.generate_address("poor"))
    poor = world.system.open(poor_owner, 300)
    system = world.system
    rich = world.maker_vault if taker_owes else world.taker_vault
    system.novate(poor, rich, [Leg(Kind.CALL, STRIKE, 10**6).pack()], EXPIRY)
    system.push(2700)
    system.oracle.poke(MARKET, 20)
    system.liquidator.flag(poor)
    assert system.state(poor).equity < 0
    if taker_owes:
        order = world.order(price=650 * WAD, salt=7)
        world.fill(order, 10**5, vault=poor, sender=poor_owner)
    else:
        system.token_nft.transferFrom(poor_owner, world.maker.address, poor, sender=poor_owner)
        order = world.order(
            maker_vault=poor,
            is_bid=True,
            price=650 * WAD,
            salt=8,
            epoch=world.exchange.epoch_for(poor, [world.series()]),
        )
        world.fill(order, 10**5)
    event = world.novation()
    seller_fee, buyer_fee = event[3]
    # who buys back is the one who owes
    assert buyer_fee == 0 and seller_fee > 0
