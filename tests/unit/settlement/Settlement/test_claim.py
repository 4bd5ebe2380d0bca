from __future__ import annotations

import itertools

import boa
import pytest

from tests.contracts import write
from tests.worlds.liquidation import EXPIRY, MARKET, address, call, put, unchanged

seen: dict[str, list[int]] = {}


def freeze(world, holder):
    """The issuer freezes an address: nothing arrives there any more (its balance would overflow)."""
    balance = world.balance(holder)
    write("MockERC20", world.token.address, "balanceOf", 2**256 - 1, holder)
    return balance


def thaw(world, holder, balance):
    write("MockERC20", world.token.address, "balanceOf", balance, holder)


def test_claim__solvent_cell__pays_in_full(world):
    vault = world.short_put(600)
    world.expire(1700)
    world.settlement.settle_many([vault, world.maker_id])
    held = world.balance(world.maker_id)
    assert world.settlement.claim(world.maker_id) == 300 * world.unit
    assert world.balance(world.maker_id) == held + 300 * world.unit
    assert world.balance(world.cell) == 0
    assert world.settlement.claim_of(world.maker_id) == (0, 0, 0)
    assert world.clearinghouse.vault_word(world.maker_id) >> 188 & 15 == 0


def test_claim__short_cell__pays_the_same_ratio_to_all(world):
    winners = [world.open(address(f"winner{i}"), 500) for i in range(3)]
    vault = world.open(address("loser"), 900)
    for i, winner in enumerate(winners):
        world.trade(vault, winner, [put(2000, 0.5 * (i + 1))], 20)
    world.expire(1000)
    world.settlement.settle_many([vault, *winners])
    received = world.settlement.cell_state(MARKET, EXPIRY).received
    assert received < 3000 * world.unit
    paid = [world.settlement.claim(winner) for winner in winners]
    for i, amount in enumerate(paid):
        claim = 500 * (i + 1) * world.unit
        assert amount == claim * received // (3000 * world.unit)
    assert 0 <= received - sum(paid) < 3


def test_claim__before_everyone_settled__reverts(world):
    vault = world.short_put(600)
    world.expire(1700)
    world.settlement.settle(world.maker_id)
    with unchanged(world, world.maker_id), boa.reverts("settlement/cell-open"):
        world.settlement.claim(world.maker_id)
    assert world.settlement.claim_many([world.maker_id]) == 0
    world.settlement.settle(vault)
    assert world.settlement.claim_many([world.maker_id]) == 1


def test_claim__twice__reverts(world):
    vault = world.short_put(600)
    world.expire(1700)
    world.settlement.settle_many([vault, world.maker_id])
    world.settlement.claim(world.maker_id)
    with unchanged(world, world.maker_id), boa.reverts("settlement/no-claim"):
        world.settlement.claim(world.maker_id)


def test_claim__vault_without_claim__reverts(world):
    with boa.reverts("settlement/no-claim"):
        world.settlement.claim(world.maker())


def test_claim__token_refuses__changes_nothing_and_can_be_retried(world):
    vault = world.short_put(600)
    world.expire(1700)
    world.settlement.settle_many([vault, world.maker_id])
    custody = world.custody(world.maker_id)
    balance = freeze(world, custody)
    before = world.settlement.claim_of(world.maker_id)
    with boa.reverts("settlement/transfer-refused"):
        world.settlement.claim(world.maker_id)
    assert world.settlement.claim_many([world.maker_id]) == 0
    assert world.settlement.claim_of(world.maker_id) == before
    thaw(world, custody, balance)
    assert world.settlement.claim(world.maker_id) == 300 * world.unit


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_settle_and_claim__any_order__ends_the_same(world, order):
    vaults = [world.open(address(f"vault{i}"), 600) for i in range(4)]
    world.trade(vaults[0], vaults[1], [put(2000, 1)], 80)
    world.trade(vaults[2], vaults[3], [call(2000, 1)], 80)
    world.trade(vaults[0], vaults[3], [put(1800, 0.5)], 10)
    world.insure(400)
    total = sum(world.balance(v) for v in vaults) + world.balance(world.pot)
    world.expire(1111.111111)
    for i in order:
        with boa.env.prank(address("keeper")):
            world.settlement.settle(vaults[i])
    for i in reversed(order):
        world.settlement.claim_many([vaults[i]])
    ends = [world.balance(v) for v in vaults]
    dust = world.balance(world.cell)
    paid = sum(ends) + world.balance(world.pot) + world.balance(address("keeper")) + dust
    assert paid == total and 0 <= dust <= 3
    if dust:
        assert world.settlement.sweep(MARKET, EXPIRY) == dust
    # the same numbers whatever the order
    assert ends == seen.setdefault("ends", ends)


def test_repay__after_a_failed_pay_in__raises_the_ratio(world):
    vault = world.short_put(600)
    world.expire(1700)
    cell = world.cell
    freeze(world, cell)
    world.settlement.settle_many([vault, world.maker_id])
    assert world.settlement.debt_of(vault) == 300 * world.unit
    assert world.clearinghouse.vault_word(vault) >> 188 & 4
    thaw(world, cell, 0)
    # the ratio is 0 for now, and not final
    with boa.reverts("settlement/nothing-due"):
        world.settlement.claim(world.maker_id)
    with boa.env.prank(address("trader")), boa.reverts():
        world.clearinghouse.withdraw(vault, 1, address("trader"))
    assert world.settlement.repay(vault) == 300 * world.unit
    assert world.settlement.debt_of(vault) == 0
    assert world.settlement.claim(world.maker_id) == 300 * world.unit
    with boa.env.prank(address("trader")):
        world.clearinghouse.withdraw(vault, 1, address("trader"))


def one_of_two_pays(world, price):
    """An expiry at a price, all settled: of two losers one could not pay; returns his vault."""
    first, second = world.short_put(600, address("first")), world.short_put(600, address("second"))
    world.expire(price)
    world.settlement.settle(first)
    balance = freeze(world, world.cell)
    world.settlement.settle(second)
    thaw(world, world.cell, balance)
    world.settlement.settle(world.maker_id)
    return second


def test_repay__half_of_the_losers_refused__pays_the_difference_later(world):
    second = one_of_two_pays(world, 1700)
    assert world.settlement.claim(world.maker_id) == 300 * world.unit
    assert world.settlement.claim_of(world.maker_id) == (EXPIRY, 600 * world.unit, 300 * world.unit)
    with boa.reverts("settlement/nothing-due"):
        world.settlement.claim(world.maker_id)
    world.settlement.repay(second)
    assert world.settlement.claim(world.maker_id) == 300 * world.unit


def test_repay__token_still_refuses__reverts(world):
    vault = world.short_put(600)
    world.expire(1700)
    freeze(world, world.cell)
    world.settlement.settle(vault)
    with boa.reverts("settlement/transfer-refused"):
        world.settlement.repay(vault)
    assert world.settlement.debt_of(vault) == 300 * world.unit


def test_repay__vault_without_debt__reverts(world):
    with boa.reverts("settlement/no-debt"):
        world.settlement.repay(world.maker())


def test_debt__is_never_insured(world):
    world.insure(10_000)
    vault = world.short_put(600)
    world.expire(1700)
    freeze(world, world.cell)
    world.settlement.settle_many([vault, world.maker_id])
    assert world.balance(world.pot) == 10_000 * world.unit


def test_insure__pot_refused_at_the_last_settle__can_be_drawn_later(world):
    world.insure(100_000)
    vault = world.short_put(600)
    world.expire(1200)
    world.settlement.settle(vault)
    balance = freeze(world, world.cell)
    world.settlement.settle(world.maker_id)
    thaw(world, world.cell, balance)
    assert world.settlement.cell_state(MARKET, EXPIRY).insured == 0
    first = world.settlement.claim(world.maker_id)
    assert world.settlement.insure(MARKET, EXPIRY) == 120 * world.unit
    assert first + world.settlement.claim(world.maker_id) == balance + 120 * world.unit


def test_insure__nothing_short__reverts(world):
    vault = world.short_put(600)
    world.expire(1700)
    world.settlement.settle_many([vault, world.maker_id])
    with boa.reverts("settlement/nothing-to-insure"):
        world.settlement.insure(MARKET, EXPIRY)


def test_insure__cell_still_open__reverts(world):
    world.insure(100_000)
    vault = world.short_put(600)
    world.expire(1200)
    world.settlement.settle(vault)
    with boa.reverts("settlement/cell-open"):
        world.settlement.insure(MARKET, EXPIRY)


def test_sweep__donation_after_the_last_claim__goes_to_insurance(world):
    vault = world.short_put(600)
    world.token.mint(world.cell, 50 * world.unit)
    world.expire(1700)
    with boa.reverts("settlement/cell-open"):
        world.settlement.sweep(MARKET, EXPIRY)
    world.settlement.settle_many([vault, world.maker_id])
    with boa.reverts("settlement/claims-open"):
        world.settlement.sweep(MARKET, EXPIRY)
    world.settlement.claim(world.maker_id)
    assert world.settlement.sweep(MARKET, EXPIRY) == 50 * world.unit
    assert world.balance(world.pot) == 50 * world.unit
    with boa.reverts("settlement/nothing-to-sweep"):
        world.settlement.sweep(MARKET, EXPIRY)


def test_sweep__cell_that_never_was__reverts(world):
    with boa.reverts("settlement/price-not-fixed"):
        world.settlement.sweep(MARKET, EXPIRY + 86_400)


def test_sweep__token_refuses__reverts(world):
    vault = world.short_put(600)
    world.token.mint(world.cell, 50 * world.unit)
    world.expire(1700)
    world.settlement.settle_many([vault, world.maker_id])
    world.settlement.claim(world.maker_id)
    freeze(world, world.pot)
    with boa.reverts("settlement/transfer-refused"):
        world.settlement.sweep(MARKET, EXPIRY)


def give_up(world, vault, caller="Clearinghouse"):
    with boa.env.prank(world.at[caller]):
        world.settlement.give_up(vault)


def test_give_up__claim_of_a_closed_vault__goes_to_insurance_and_changes_no_other(world):
    winner = world.open(address("winner"), 300)
    loser = world.short_put(600)
    world.trade(loser, winner, [put(1500, 0.5)], 10)
    world.expire(1400)
    world.settlement.settle_many([loser, winner, world.maker_id])
    state = world.settlement.cell_state(MARKET, EXPIRY)
    mine = world.settlement.claim_of(winner)[1]
    give_up(world, winner)
    log = next(e for e in world.settlement.get_logs() if type(e).__name__ == "ClaimPaid")
    assert (log.vault_id, log.amount, log.paid, log.claim, log.final) == (winner, 0, 0, mine, True)
    after = world.settlement.cell_state(MARKET, EXPIRY)
    assert (after.ratio, after.open_claims) == (state.ratio, state.open_claims - 1)
    with boa.reverts("settlement/no-claim"):
        world.settlement.claim(winner)
    world.settlement.claim(world.maker_id)
    assert world.settlement.sweep(MARKET, EXPIRY) >= mine * state.ratio // 10**18


def test_give_up__no_claim__does_nothing(world):
    give_up(world, world.maker())
    assert world.settlement.cell_state(MARKET, EXPIRY).open_claims == 0


def test_give_up__anyone_else__reverts(world):
    for caller in ("Liquidator", "RiskParameters", "Exchange"):
        with boa.reverts("settlement/not-authorized"):
            give_up(world, world.maker(), caller)
