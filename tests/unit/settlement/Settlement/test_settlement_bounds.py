"""Vaults that net to nothing, claims that get nothing, and the last second of a cell's draws."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts import deployer, write
from tests.evm import Env
from tests.unit.settlement.Settlement.test_claim import freeze, one_of_two_pays, thaw
from tests.worlds.liquidation import EXPIRY, MARKET, World, address, call, cash, future, put

KEEPER = address("keeper")
WEEK = 7 * 86_400


def told(contract: Any, name: str) -> list[Any]:
    """Events of a name that the last call left."""
    return [log for log in contract.get_logs() if type(log).__name__ == name]


def cell(world: World) -> Any:
    return world.settlement.cell_state(MARKET, EXPIRY)


def test_settle__nothing_owed_and_nothing_due__leaves_no_claim_and_no_debt(world):
    """At the strike to the last digit a put pays nobody: such a vault is as if it had never traded."""
    vault = world.short_put(600)
    world.expire(2_000)
    for one in (vault, world.maker_id):
        world.settlement.settle(one)
        (event,) = told(world.settlement, "VaultSettled")
        assert (event.net, event.received, event.shortfall, event.debt) == (0, 0, 0, 0)
        assert not told(world.settlement, "CellInsured")
        assert world.settlement.claim_of(one) == (0, 0, 0) and world.settlement.debt_of(one) == 0
        # no flag, debt or claim
        assert world.clearinghouse.vault_word(one) >> 188 & 15 == 0
    assert (cell(world).claims, cell(world).received, cell(world).open_claims) == (0, 0, 0)
    with boa.reverts("settlement/nothing-to-sweep"):
        world.settlement.sweep(MARKET, EXPIRY)


@pytest.mark.parametrize(("price", "claim"), [(2_000.00000001, 0), (2_000, 0), (1_999.999999, 1), (1_999.99999999, 0)])
def test_settle__about_the_strike__rounds_for_the_cell(world, price, claim):
    """A hundredth of a unit is owed as a unit and claimed as none."""
    vault = world.short_put(600)
    world.expire(price)
    world.settlement.settle_many([vault, world.maker_id])
    assert world.settlement.claim_of(world.maker_id).amount == claim
    assert world.balance(world.cell) == (price < 2_000)


def test_settle__last_vault_of_a_solvent_cell__asks_insurance_for_nothing(world):
    world.insure(1_000)
    vault = world.short_put(600)
    world.expire(1_700)
    world.settlement.settle(vault)
    world.settlement.settle(world.maker_id)
    assert not told(world.settlement, "CellInsured") and not told(world.settlement, "ReserveRecorded")


def test_settle__every_kind_of_leg__leaves_nothing_counted(world):
    """Each leg leaves the cell's gross quantity, and all but money the market's open interest."""
    trader = world.open(address("trader"), 9_000)
    world.trade(world.maker(), trader, [put(2000, -1), call(1500, 2), future(0.5), cash(-700.000001)])
    assert world.clearinghouse.market(MARKET).open_interest > 0 < world.clearinghouse.cell(MARKET, EXPIRY)
    world.expire(1_800)
    world.settlement.settle(trader)
    assert world.clearinghouse.cell(MARKET, EXPIRY) > 0
    world.settlement.settle(world.maker_id)
    assert world.clearinghouse.market(MARKET).open_interest == 0 == world.clearinghouse.cell(MARKET, EXPIRY)


@pytest.mark.parametrize(("left", "received"), [(0, 0), (4, 0), (10, 0), (11, 1), (309, 299), (310, 300), (311, 300)])
def test_settle__tokens_gone__pays_what_is_beyond_the_deposit(world, left, received):
    """A token that confiscates: the liquidation deposit of 10 is no collateral, and may not be there either."""
    vault = world.short_put(600)
    world.expire(1_700)
    write("MockERC20", world.token.address, "balanceOf", left * world.unit, world.custody(vault))
    world.settlement.settle(vault)
    (event,) = told(world.settlement, "VaultSettled")
    assert (event.received, event.shortfall, event.debt) == (received * world.unit, (300 - received) * world.unit, 0)


def test_claim__of_a_cell_that_got_nothing__ends_with_nothing(world):
    """No debt and no insurance is open: it will never be paid, so it stands in nobody's way."""
    vault = world.short_put(600)
    world.expire(1_700)
    write("MockERC20", world.token.address, "balanceOf", 0, world.custody(vault))
    world.settlement.settle_many([vault, world.maker_id])
    world.wait(WEEK)
    assert cell(world).open_claims == 1
    assert world.settlement.claim(world.maker_id) == 0
    (event,) = told(world.settlement, "ClaimPaid")
    assert (event.amount, event.paid, event.claim, event.final) == (0, 0, 300 * world.unit, True)
    assert world.settlement.claim_of(world.maker_id) == (0, 0, 0) and cell(world).open_claims == 0
    assert world.clearinghouse.vault_word(world.maker_id) >> 188 & 15 == 0


def test_claim__token_refuses__leaves_the_books_as_they_were(world):
    vault = world.short_put(600)
    world.expire(1_700)
    world.settlement.settle_many([vault, world.maker_id])
    before = cell(world)
    freeze(world, world.custody(world.maker_id))
    for _ in range(2):
        assert world.settlement.claim_many([world.maker_id]) == 0
        assert cell(world) == before and before.open_claims == 1


def refused(world: World) -> int:
    """A cell with a shortfall of 120 to insure whose token let no insurance arrive at the last settlement."""
    world.insure(100_000)
    vault = world.short_put(600)
    world.expire(1_200)
    world.settlement.settle(vault)
    balance = freeze(world, world.cell)
    world.settlement.settle(world.maker_id)
    (event,) = told(world.settlement, "CellInsured")
    assert (event.wanted, event.amount, event.ended) == (120 * world.unit, 0, False)
    thaw(world, world.cell, balance)
    return balance


@pytest.mark.parametrize(("early", "open_still"), [(1, True), (0, False)])
def test_insure__until_seven_days_after_the_first_draw(world, early, open_still):
    """Then what was not drawn is lost, and claims are final."""
    balance = refused(world)
    world.wait(WEEK - early)
    assert cell(world).insured == (not open_still)
    assert world.settlement.insurable(MARKET, EXPIRY) == 120 * world.unit * open_still
    if open_still:
        with boa.env.anchor():
            assert world.settlement.insure(MARKET, EXPIRY) == 120 * world.unit
    else:
        with boa.reverts("settlement/nothing-to-insure"):
            world.settlement.insure(MARKET, EXPIRY)
    assert world.settlement.claim(world.maker_id) == balance
    assert bool(world.settlement.claim_of(world.maker_id).amount) == open_still
    assert cell(world).open_claims == open_still


def test_insure__tried_again_later__does_not_begin_the_seven_days_anew(world):
    refused(world)
    world.wait(3 * 86_400)
    balance = freeze(world, world.cell)
    assert world.settlement.insure(MARKET, EXPIRY) == 0
    thaw(world, world.cell, balance)
    world.wait(4 * 86_400 - 1)
    assert cell(world).insured == 0
    world.wait(1)
    assert cell(world).insured == 1


def test_insure__held_back_by_the_day__goes_on_the_next_and_ends_with_the_last_unit(world):
    """Each draw counts towards what is wanted; after the last there is nothing to insure, at once."""
    world.insure(1_000)
    vault = world.short_put(600)
    world.expire(1_200)
    for i, amount in ((1, 240), (2, 180)):
        world.fund.draw(
            MARKET, EXPIRY + i * WEEK, 7, address("taker"), amount * world.unit, sender=world.at["Liquidator"]
        )
    world.settlement.settle_many([vault, world.maker_id])
    first = 120 * world.unit - world.settlement.insurable(MARKET, EXPIRY)
    assert 0 < first < 120 * world.unit and cell(world).insured == 0
    received = cell(world).received
    world.wait(86_400)
    rest = min(world.fund.available(MARKET, EXPIRY), 120 * world.unit - first)
    assert world.settlement.insure(MARKET, EXPIRY) == rest > 0
    (event,) = told(world.settlement, "CellInsured")
    assert (event.wanted, event.amount, event.ended) == (
        120 * world.unit - first,
        rest,
        first + rest == 120 * world.unit,
    )
    assert cell(world).received == received + rest
    assert cell(world).insured == event.ended == 1


def test_settle__flagged_vault_that_lacks_nothing__frees_what_was_reserved_for_it(world):
    """Its deficit leaves the cell with its legs, and the price of insurance shares knows in the same call."""
    world.insure(1_000)
    vault = world.short_put(600)
    world.move(1_350)
    world.flag(vault, KEEPER)
    assert world.fund.reserve(MARKET, EXPIRY) > 0
    world.expire(1_990)
    world.settlement.settle(vault)
    (event,) = told(world.settlement, "ReserveRecorded")
    assert (
        (event.reserve, event.total)
        == (0, 0)
        == (world.fund.reserved(MARKET), world.settlement.insurable(MARKET, EXPIRY))
    )


def test_repay__token_keeps_a_fee__counts_what_arrived(world):
    """The debt is what the cell still lacks; the mark stays until it is nothing."""
    with boa.swap_env(Env()):
        world = World(token=deployer("HostileERC20").deploy(6))
        vault = world.short_put(600)
        world.expire(1_700)
        world.token.freeze(world.custody(vault), True)
        world.settlement.settle_many([vault, world.maker_id])
        world.token.freeze(world.custody(vault), False)
        world.token.misbehave(False, 1_000)
        assert world.settlement.repay(vault) == 270 * world.unit == world.balance(world.cell)
        assert world.settlement.debt_of(vault) == 30 * world.unit == cell(world).debt
        assert cell(world).received == 270 * world.unit
        assert world.clearinghouse.vault_word(vault) >> 188 & 4
        world.token.misbehave(False, 0)
        assert world.settlement.repay(vault) == 30 * world.unit
        assert world.clearinghouse.vault_word(vault) >> 188 & 4 == 0 == cell(world).debt


def test_cell_state__of_no_cell_and_before_the_price__has_no_ratio(world):
    """A ratio is told when it counts: everybody is settled at a price that is known."""
    assert cell(world).ratio == 0
    vault = world.short_put(600)
    world.expire()
    assert cell(world).ratio == 0
    world.settlement.fix(MARKET, EXPIRY, [1_700 * 10**18])
    world.settlement.settle(vault)
    assert cell(world).ratio == 0
    world.settlement.settle(world.maker_id)
    assert cell(world).ratio == 10**18


@pytest.mark.parametrize("how", ["paid", "owed", "insured"])
def test_cell__in_which_one_unit_is_due__goes_the_whole_way(world, how):
    """The least that can be owed is paid in, or repaid later, or short and insured; then it is claimed."""
    world.insure(100)
    vault = world.short_put(600)
    world.expire(1_999.999999)
    if how == "insured":
        write("MockERC20", world.token.address, "balanceOf", 10 * world.unit, world.custody(vault))
    if how == "owed":
        freeze(world, world.cell)
    world.settlement.settle(vault)
    (event,) = told(world.settlement, "VaultSettled")
    assert (event.net, event.received, event.debt, event.shortfall) == (
        -1,
        how == "paid",
        how == "owed",
        how == "insured",
    )
    assert len(told(world.settlement, "ReserveRecorded")) == (how == "insured")
    if how == "owed":
        thaw(world, world.cell, 0)
        assert (world.settlement.debt_of(vault), cell(world).debt) == (1, 1)
        assert world.clearinghouse.vault_word(vault) >> 188 & 15 == 4
    assert world.settlement.insurable(MARKET, EXPIRY) == (how == "insured") == world.fund.reserved(MARKET)
    world.settlement.settle(world.maker_id)
    insured = told(world.settlement, "CellInsured")
    assert [(log.wanted, log.amount, log.ended) for log in insured] == [(1, 1, True)] * (how == "insured")
    assert world.settlement.claim_of(world.maker_id) == (EXPIRY, 1, 0) and cell(world).open_claims == 1
    if how == "owed":
        with boa.reverts("settlement/nothing-due"):
            world.settlement.claim(world.maker_id)
        assert world.settlement.repay(vault) == 1
        assert world.settlement.debt_of(vault) == 0 == world.clearinghouse.vault_word(vault) >> 188 & 15
    assert (cell(world).received, cell(world).debt, cell(world).insured) == (1, 0, 1)
    with boa.reverts("settlement/claims-open"):
        world.settlement.sweep(MARKET, EXPIRY)
    assert world.settlement.claim(world.maker_id) == 1
    assert cell(world).open_claims == 0 == world.clearinghouse.vault_word(world.maker_id) >> 188 & 15
    world.token.mint(world.cell, 1)
    assert world.settlement.sweep(MARKET, EXPIRY) == 1


def test_claim__with_one_unit_still_due__is_not_over(world):
    """Of two losers one paid and the other owes a single unit: the claim waits for it."""
    second = one_of_two_pays(world, 1_999.999999)
    assert world.settlement.claim(world.maker_id) == 1
    assert world.settlement.claim_of(world.maker_id) == (EXPIRY, 2, 1)
    assert world.settlement.claim_many([world.maker_id]) == 0
    assert world.settlement.repay(second) == 1 == world.settlement.claim(world.maker_id)
    assert world.settlement.claim_of(world.maker_id) == (0, 0, 0)


def test_settle_and_claim_many__nothing_to_do__write_and_tell_nothing(world):
    vault = world.short_put(600)
    world.expire(1_700)
    assert world.settlement.claim_many([vault, world.maker_id, 999]) == 0 and not world.settlement.get_logs()
    world.settlement.settle_many([vault, world.maker_id])
    assert world.settlement.claim_many([vault, world.maker_id, world.maker_id, 999]) == 1
    assert world.settlement.settle_many([vault, world.maker_id, 999]) == 0 and not world.settlement.get_logs()
