"""PositionLens: every number is the one that decides on chain, and what is unknown is said to be unknown."""

from __future__ import annotations

import boa
import pytest

from bulkhead.risk import exact
from bulkhead.risk.words import Leg, Model, RiskWord
from tests.contracts import deployer
from tests.evm import Env
from tests.worlds.system import EMPTY, WAD, System, call, cash, future, put, weekly

EXPIRY = weekly(2)
UNBOUNDED = -(2**255)


def look(system: System, vault_id: int):
    """One position."""
    return system.PositionLens.positions([vault_id]).positions[0]


def sold(system: System, owner: str, maker: str, legs: list[int], quote: float, model: Model = Model.ES) -> int:
    """A vault that has sold the legs to a rich maker for nothing."""
    vault_id = system.open(owner, quote, model=model)
    system.novate(vault_id, system.open(maker, 1_000_000), legs, EXPIRY)
    return vault_id


def test_position__pod__is_decoded(system, trader, maker):
    legs = [put(1800, 2), call(2200, 1), future(0.5), cash(-250)]
    vault_id = sold(system, trader, maker, legs, 5_000)
    answer = system.PositionLens.positions([vault_id])
    found = answer.positions[0]
    assert (answer.block_number, answer.timestamp) == (boa.env.evm.patch.block_number, system.now)
    assert (found.vault_id, found.owner, found.market) == (vault_id, trader, 1)
    assert (found.symbol, found.token, found.decimals) == ("USD", system.market.token.address, 6)
    assert (found.model, found.epoch, found.expiry, found.state) == ("ES", 0, EXPIRY, "healthy")
    shown = [(one.kind, one.strike // WAD, one.quantity / WAD) for one in found.legs]
    assert shown == [("put", 1800, -2), ("call", 2200, -1), ("future", 0, -0.5), ("cash", 0, 250)]
    assert found.price.state == "active" and found.price.spot == 2000 * WAD and found.price.age == 0
    assert found.price.seconds == EXPIRY - system.now and found.price.window_share == 0
    assert found.deposit == 10**7 and found.deposit_missing == 0
    assert list(found.refusals) == [""] * 4


def test_legs__marks_and_greeks__are_those_of_the_mirror(system, trader, maker):
    legs = [put(1800, 2), call(2200, 1), put(2100, -3), future(0.5), cash(-250)]
    vault_id = sold(system, trader, maker, legs, 50_000)
    found, prices = look(system, vault_id), system.snapshot(EXPIRY)
    whole = exact.assess([Leg.unpack(word) for word in system.clearinghouse.load(vault_id)[1]], prices, RiskWord())
    assert abs(sum(one.mark * one.quantity for one in found.legs) // WAD - whole.value) < 10**7
    assert found.value == whole.value
    for name in ("delta", "gamma", "vega", "theta"):
        assert sum(getattr(one, name) for one in found.legs) == pytest.approx(getattr(whole, name), rel=1e-9, abs=10**7)
    assert [one.iv != 0 for one in found.legs] == [True, True, True, False, False]
    assert found.legs[3].mark == prices.forward and found.legs[4].mark == WAD


@pytest.mark.parametrize("model", list(Model))
@pytest.mark.parametrize("quote", [760, 900, 1_200, 5_000])
def test_withdrawable__is_what_the_chain_lets_go_to_the_last_unit(system, trader, maker, model, quote):
    vault_id = sold(system, trader, maker, [put(2000, 1)], quote + 500, model)
    found = look(system, vault_id)
    assert 0 < found.withdrawable < found.balance
    withdraw(system, vault_id, found.withdrawable, trader)
    again = look(system, vault_id)
    assert again.withdrawable == 0 and again.refusals.withdraw == "margin/below-initial"
    with boa.reverts("margin/below-initial"):
        withdraw(system, vault_id, 1, trader)


def withdraw(system: System, vault_id: int, amount: int, owner: str) -> None:
    with boa.env.prank(owner):
        system.clearinghouse.withdraw(vault_id, amount, owner)


def test_withdrawable__18_decimals__is_exact(maker, trader):
    with boa.swap_env(Env()):
        system = System(18)
        vault_id = sold(system, trader, maker, [put(2000, 1), call(2100, 2)], 2_000)
        for _ in range(3):
            found = look(system, vault_id)
            withdraw(system, vault_id, found.withdrawable, trader)
            with boa.reverts("margin/below-initial"):
                withdraw(system, vault_id, 10**6, trader)
            system.wait(60, 1990)
            system.deposit(vault_id, 100, trader)


def test_withdrawable__full_collateral__down_to_the_worst_settlement(system, trader, maker):
    vault_id = sold(system, trader, maker, [put(2000, 1)], 2_500)
    found = look(system, vault_id)
    assert found.covered and found.v_min == -2000 * WAD and found.state == "covered"
    assert found.missing.to_initial == found.missing.to_health == 0
    system.wait(4000)  # no price is fresh any more
    found = look(system, vault_id)
    assert found.price.state == "stale" and found.withdrawable == 490 * 10**6
    withdraw(system, vault_id, found.withdrawable, trader)
    with boa.reverts("margin/price-not-active"):
        withdraw(system, vault_id, 1, trader)
    assert look(system, vault_id).refusals.withdraw == "margin/price-not-active"


def test_missing__to_initial_and_health__are_enough_and_no_unit_more(system, trader, maker):
    vault_id = sold(system, trader, maker, [put(2000, 1)], 700)
    system.wait(60, 1400)
    found = look(system, vault_id)
    assert found.state in ("liquidatable", "margin-call")
    assert found.missing.to_initial > found.missing.to_health > 0
    for bar in ("to_health", "to_initial"):
        lacking = getattr(look(system, vault_id).missing, bar)
        system.deposit(vault_id, (lacking - 1) / 10**6, trader)
        assert getattr(look(system, vault_id).missing, bar) == 1
        system.deposit(vault_id, 1 / 10**6, trader)
        assert getattr(look(system, vault_id).missing, bar) == 0


def test_flagged__auction_and_what_ends_it(system, trader, maker, stranger):
    vault_id = sold(system, trader, maker, [put(2000, 1)], 700)
    system.wait(60, 1400)
    with boa.env.prank(stranger):
        system.liquidator.flag(vault_id)
    found = look(system, vault_id)
    assert found.state == "flagged" and found.deposit_missing == 5 * 10**6
    assert found.refusals.open == "margin/flagged" and found.refusals.close == ""
    assert found.auction.bonus_next > found.auction.bonus_share > 0 and found.auction.elapsed == 0
    quoted = system.liquidator.quote(vault_id, WAD)
    assert (found.auction.price, found.auction.fraction) == (quoted.price, quoted.fraction)
    system.wait(12, 1400)
    later = look(system, vault_id)
    assert later.auction.bonus_share == found.auction.bonus_next
    system.deposit(vault_id, (later.missing.to_end_flag - 1) / 10**6, trader)
    assert look(system, vault_id).state == "flagged"
    system.deposit(vault_id, look(system, vault_id).missing.to_end_flag / 10**6, trader)
    assert look(system, vault_id).state in ("healthy", "margin-call")


def test_cell__deficit__and_the_most_it_can_cost(system, trader, maker, stranger):
    vault_id = system.open(trader, 700)
    winner = system.open(maker, 1_000)
    system.novate(vault_id, winner, [put(2000, 1)], EXPIRY)
    system.wait(60, 1000)
    with boa.env.prank(stranger):
        system.liquidator.flag(vault_id)
    deficit = -look(system, vault_id).equity
    found = look(system, winner)
    assert 0 <= found.cell.deficit - deficit <= 10**12
    assert found.cell.insurance == 0 and found.cell.at_risk == found.cell.deficit
    assert look(system, vault_id).cell.at_risk == 0
    # more insured than lost: nothing is at risk
    system.market.token.mint(system.insurance.pot(1), 10**12)
    assert look(system, winner).cell.at_risk == 0


def test_health__equity_gone__is_zero_and_without_margin_the_most_there_is(system, trader, maker):
    vault_id = sold(system, trader, maker, [put(2000, 1)], 700)
    empty = system.open(maker, 1)
    found = look(system, vault_id)
    assert found.health == found.equity * WAD // found.maintenance_margin > 0
    system.wait(60, 1000)
    found = look(system, vault_id)
    assert found.equity < 0 < found.maintenance_margin and found.health == 0
    assert look(system, empty).health == 2**256 - 1


def test_unknown__is_never_a_number_that_looks_right(system, trader, maker):
    vault_id = sold(system, trader, maker, [put(2000, 1)], 800)
    system.market.feed.push(0, system.now)
    boa.env.evm.patch.timestamp += 1
    found = look(system, vault_id)
    if found.price.spot == 0:
        assert found.state == "unknown" and found.value == found.equity == found.health == 0
    assert found.price.state != "active" and found.refusals.open == "margin/price-not-active"


def test_expired_and_settled__say_what_is_open(system, trader, maker):
    vault_id = system.open(trader, 900)
    winner = system.open(maker, 1_000)
    system.novate(vault_id, winner, [put(2000, 1)], EXPIRY)
    for at in range(EXPIRY - 2400, EXPIRY + 601, 600):
        boa.env.evm.patch.timestamp = at
        system.push(1700)
    found = look(system, vault_id)
    assert found.state == "expired" and found.price.state == "expired" and found.settled.price == 0
    assert found.refusals.open == found.refusals.close == "clearinghouse/expired"
    assert found.withdrawable == 0 and found.refusals.withdraw == "margin/expired"
    system.settlement.fix(1, EXPIRY, [])
    assert look(system, vault_id).settled.price == 1700 * WAD
    system.settlement.settle_many([vault_id, winner])
    found = look(system, winner)
    assert found.state == "claim" and found.settled.claim == 300 * 10**6 and found.settled.claim_paid == 0
    assert found.refusals.open == "clearinghouse/unsettled" and found.refusals.withdraw == ""
    system.settlement.claim(winner)
    assert look(system, winner).state == "empty"


def test_empty_and_unknown_vaults(system, trader):
    vault_id = system.open(trader)
    found = look(system, vault_id)
    assert found.state == "empty" and found.withdrawable == 0
    assert found.refusals.withdraw == "clearinghouse/low-balance"
    answer = system.PositionLens.positions([999, vault_id, 0])
    assert [one.owner for one in answer.positions] == [EMPTY, trader, EMPTY]
    assert answer.positions[0].state == ""


@pytest.mark.parametrize("most", [0, 51])
def test_page__size_out_of_range__reverts(system, trader, most):
    with boa.reverts("positions/page-size"):
        system.PositionLens.positions_of(trader, 1, most)


def test_positions_of__pages_through_an_owner(system, trader, maker):
    mine = []
    for i in range(7):
        system.open(maker)
        mine.append(system.open(trader, i + 1))
    first = system.PositionLens.positions_of(trader, 0, 3)
    assert [one.vault_id for one in first.positions] == mine[:3] and first.next == mine[2] + 1
    second = system.PositionLens.positions_of(trader, first.next, 50)
    assert [one.vault_id for one in second.positions] == mine[3:] and second.next == 0
    assert system.PositionLens.positions_of(trader, 10**6, 5).next == 0


@pytest.mark.parametrize(("legs", "count", "goal"), [(4, 50, 30_000_000), (16, 25, 30_000_000)])
def test_gas__a_page_of_vaults_fits_into_one_call(system, trader, maker, legs, count, goal):
    """Gas of the view itself; the figure is in benchmarks/gas.py."""
    rich = system.open(maker, 10_000_000)
    strikes = [1500 + 50 * i for i in range(legs)]
    vault_id = system.open(trader, 200_000)
    system.novate(vault_id, rich, [put(s, 1) if s < 2000 else call(s, 1) for s in strikes], EXPIRY)
    answer = system.PositionLens.positions([vault_id] * count, gas=goal)
    assert len(answer.positions) == count


def test_symbol__token_without_one__is_empty(trader, maker):
    with boa.swap_env(Env()):
        system = System(token=deployer("HostileERC20").deploy(6))
        vault_id = system.open(trader)
        assert look(system, vault_id).symbol == "BAD"
        code = boa.env.get_code(system.market.token.address)
        boa.env.set_code(system.market.token.address, code.replace(bytes.fromhex("95d89b41"), b"\x95\xd8\x9b\x42"))
        assert look(system, vault_id).symbol == ""
