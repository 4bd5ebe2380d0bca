"""Opening, paying in and out, closing and transferring vaults."""

import boa
import pytest

from tests.contracts import write
from tests.worlds.system import EMPTY, put, weekly

# flags of the vault word
DEBT, CLAIM = 4 << 188, 8 << 188


def test_open__owner__gets_a_numbered_vault_with_its_own_custody(system, trader):
    first, second = system.open(trader), system.open(trader)
    assert (first, second) == (1, 2)
    assert system.clearinghouse.next_id() == 3
    assert system.clearinghouse.custody(first) != system.clearinghouse.custody(second)
    assert len(boa.env.get_code(system.clearinghouse.custody(first))) == 45
    state = system.state(first)
    assert (state.owner, state.market, state.model, state.legs) == (trader, 1, 0, [])
    assert system.token_nft.ownerOf(first) == trader
    assert system.token_nft.balanceOf(trader) == 2


def test_open__for_somebody_else__refused(system, trader, stranger):
    with boa.env.prank(stranger), boa.reverts("clearinghouse/not-authorized"):
        system.clearinghouse.open(1, 0, trader, 0)


@pytest.mark.parametrize("market", [0, 2, 65536, 2**200])
def test_open__unlisted_market__refused(system, trader, market):
    with boa.env.prank(trader), boa.reverts("clearinghouse/unknown-market"):
        system.clearinghouse.open(market, 0, trader, 0)


@pytest.mark.parametrize("model", [3, 16, 2**200])
def test_open__model_without_engine__refused(system, trader, model):
    with boa.env.prank(trader), boa.reverts("clearinghouse/model-disabled"):
        system.clearinghouse.open(1, model, trader, 0)


def test_deposit__anyone__lands_at_the_custody_address(system, trader, stranger):
    vault = system.open(trader)
    system.deposit(vault, 100, stranger)
    assert system.market.token.balanceOf(system.clearinghouse.custody(vault)) == 100 * 10**6
    assert system.balance(vault) == 100 * 10**6


def test_deposit__unknown_vault__refused(system, trader):
    with boa.env.prank(trader), boa.reverts("clearinghouse/unknown-vault"):
        system.clearinghouse.deposit(7, trader, 1)


def test_deposit__donation__counts_for_that_vault_only(system, trader):
    vault, other = system.open(trader), system.open(trader, 5)
    system.market.token.mint(system.clearinghouse.custody(vault), 3)
    assert system.balance(vault) == 3
    assert system.balance(other) == 5 * 10**6


def test_deposit__vault_of_another_owner__refused(system, trader, stranger):
    """After a reorganisation an id may be somebody else's."""
    vault = system.open(stranger)
    system.fund(trader, 10)
    with boa.env.prank(trader), boa.reverts("clearinghouse/not-owner"):
        system.clearinghouse.deposit(vault, trader, 10)
    assert system.balance(vault) == 0


def test_deposit__vault_that_was_sold__refused_under_the_old_owner(system, trader, stranger):
    """Who deposits for the seller does not pay the buyer."""
    vault = system.open(trader)
    with boa.env.prank(trader):
        system.token_nft.transferFrom(trader, stranger, vault)
    system.fund(trader, 10)
    with boa.env.prank(trader), boa.reverts("clearinghouse/not-owner"):
        system.clearinghouse.deposit(vault, trader, 10)
    with boa.env.prank(trader):
        system.clearinghouse.deposit(vault, stranger, 10)
    assert system.balance(vault) == 10


def test_open__with_a_first_deposit__holds_it(system, trader, stranger):
    system.fund(trader, 10)
    with boa.env.prank(trader):
        vault = system.clearinghouse.open(1, 0, trader, system.native(7))
    assert system.balance(vault) == system.native(7) and system.owner_of(vault) == trader
    with boa.env.prank(stranger), boa.reverts("clearinghouse/not-authorized"):
        system.clearinghouse.open(1, 0, trader, system.native(3))


def test_withdraw__without_legs__pays_everything_without_a_price(system, trader, stranger):
    vault = system.open(trader, 100)
    system.wait(30 * 86400)  # the feed is long dead
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(vault, 100 * 10**6, stranger)
    assert system.market.token.balanceOf(stranger) == 100 * 10**6


def test_withdraw__not_the_owner__refused(system, trader, stranger):
    vault = system.open(trader, 100)
    with boa.env.prank(stranger), boa.reverts("clearinghouse/not-owner"):
        system.clearinghouse.withdraw(vault, 1, stranger)


def test_withdraw__more_than_there_is__refused(system, trader):
    vault = system.open(trader, 100)
    with boa.env.prank(trader), boa.reverts("clearinghouse/low-balance"):
        system.clearinghouse.withdraw(vault, 100 * 10**6 + 1, trader)


def test_withdraw__into_the_liquidation_deposit__refused(system, trader, maker):
    vault, other = system.open(trader, 600), system.open(maker, 10_000)
    system.novate(other, vault, [put(2000, 1)], weekly(2), 80)  # a fully paid long: needs no margin
    free = system.balance(vault) - 10 * 10**6
    with boa.env.prank(trader), boa.reverts("clearinghouse/deposit-locked"):
        system.clearinghouse.withdraw(vault, free + 1, trader)
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(vault, free, trader)
    assert system.balance(vault) == 10 * 10**6


def test_withdraw__below_initial_margin__refused_and_at_it_paid(system, trader, maker):
    vault, other = system.open(trader, 600), system.open(maker, 10_000)
    system.novate(vault, other, [put(2000, 1)], weekly(2), 80)
    state = system.state(vault)
    spare = (state.equity - state.initial_margin) // 10**12
    with boa.env.prank(trader), boa.reverts("margin/below-initial"):
        system.clearinghouse.withdraw(vault, spare + 60 * 10**6, trader)
    # the proximity add-on depends on what is left: take a part and stay above
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(vault, spare - 60 * 10**6, trader)
    after = system.state(vault)
    assert after.equity >= after.initial_margin


def test_withdraw__stale_price__refused_unless_fully_collateralised(system, trader, maker):
    vault, other = system.open(trader, 2500), system.open(maker, 10_000)
    system.novate(vault, other, [put(2000, 1)], weekly(2), 80)
    system.wait(5 * 3600)
    covered = system.balance(vault) - 2_010 * 10**6
    with boa.env.prank(trader), boa.reverts("margin/price-not-active"):
        system.clearinghouse.withdraw(vault, covered + 1, trader)
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(vault, covered, trader)


def test_withdraw__between_expiry_and_settlement__only_what_the_worst_case_leaves(system, trader, maker):
    expiry = weekly(1)
    vault, other = system.open(trader, 2500), system.open(maker, 10_000)
    system.novate(vault, other, [put(2000, 1)], expiry, 0)
    system.wait(expiry - system.now, 1500)
    with boa.env.prank(trader), boa.reverts("margin/expired"):
        system.clearinghouse.withdraw(vault, 491 * 10**6, trader)
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(vault, 490 * 10**6, trader)


def test_list_market__some_models__no_other_can_be_chosen(system, trader):
    word = int(system.market.token.address, 16) | 6 << 160 | 1 << 168 | 10_000 << 176 | 2 << 208
    with boa.env.prank(system.at["RiskParameters"]):
        system.clearinghouse.list_market(7, word, 0)
    with boa.env.prank(trader):
        vault = system.clearinghouse.open(7, 1, trader, 0)
        for model in (0, 2):
            with boa.reverts("clearinghouse/model-disabled"):
                system.clearinghouse.open(7, model, trader, 0)
    assert system.clearinghouse.load(vault)[0].engine == system.at["GreeksEngine"]


def test_close__empty_vault__pays_out_burns_and_never_comes_back(system, trader, stranger):
    vault = system.open(trader, 100)
    with boa.env.prank(trader):
        system.clearinghouse.close(vault, stranger)
    assert system.market.token.balanceOf(stranger) == 100 * 10**6
    assert system.clearinghouse.vault_word(vault) == 0
    assert system.token_nft.balanceOf(trader) == 0
    assert system.open(trader) == vault + 1
    with boa.env.prank(trader), boa.reverts("clearinghouse/unknown-vault"):
        system.clearinghouse.close(vault, trader)


def test_close__with_legs__refused(system, trader, maker):
    vault, other = system.open(trader, 100), system.open(maker, 10_000)
    system.novate(other, vault, [put(2000, 1)], weekly(2), 80)
    with boa.env.prank(trader), boa.reverts("clearinghouse/has-legs"):
        system.clearinghouse.close(vault, trader)


def test_close__with_an_open_claim__gives_it_up(system, trader):
    vault = system.open(trader, 100)
    write("Clearinghouse", system.clearinghouse.address, "words", system.words(vault)[0] | CLAIM, vault)
    with boa.env.prank(trader):
        system.clearinghouse.close(vault, trader)
    assert system.clearinghouse.vault_word(vault) == 0


def test_close__in_debt__refused(system, trader):
    vault = system.open(trader, 100)
    write("Clearinghouse", system.clearinghouse.address, "words", system.words(vault)[0] | DEBT, vault)
    with boa.env.prank(trader), boa.reverts("clearinghouse/unsettled"):
        system.clearinghouse.close(vault, trader)


def test_withdraw__in_debt__refused(system, trader):
    vault = system.open(trader, 100)
    write("Clearinghouse", system.clearinghouse.address, "words", system.words(vault)[0] | DEBT, vault)
    with boa.env.prank(trader), boa.reverts("clearinghouse/in-debt"):
        system.clearinghouse.withdraw(vault, 1, trader)


def test_mark__of_settlement__ends_debt_and_claim_and_logs_the_vault_as_it_is_then(system, trader):
    vault = system.open(trader, 100)
    before = system.words(vault)[0]
    write("Clearinghouse", system.clearinghouse.address, "words", before | DEBT | CLAIM, vault)
    with boa.env.prank(system.at["Settlement"]):
        system.clearinghouse.mark(vault, 0)
    event = system.clearinghouse.get_logs()[-1]
    assert type(event).__name__ == "VaultUpdated"
    assert (event.vault_id, event.balance) == (vault, 100 * 10**6)
    assert system.words(vault)[0] == before


ROLE_CALLS = {
    "novate": ((1, 2, 1, [], 0, [0, 0], EMPTY), [0] * 19),
    "take": ((1, 2, 1, [], 0, [0, 0], EMPTY), ([0] * 9, 0, False, False), [0] * 19),
    "finish": (1, [0] * 19),
    "flag": (1, EMPTY, 0, 0, 0),
    "cure": (1, EMPTY),
    "settle": (1, (0, 0, 0, 0, 0, EMPTY)),
    "pay_from_cell": (1, 1, EMPTY, 1),
    "pay_from_vault": (1, EMPTY, 1),
    "mark": (1, 0),
    "transfer_vault": (1, EMPTY, EMPTY),
    "list_market": (2, 0, 0),
    "configure": (1, 0),
}


@pytest.mark.parametrize("name", sorted(ROLE_CALLS))
def test_role_functions__strangers__refused(system, stranger, name):
    with boa.env.prank(stranger), boa.reverts("clearinghouse/not-authorized"):
        getattr(system.clearinghouse, name)(*ROLE_CALLS[name])


def test_list_market__twice__refused(system):
    with boa.env.prank(system.at["RiskParameters"]), boa.reverts("clearinghouse/market-exists"):
        system.clearinghouse.list_market(1, 1, 1)


def test_configure__unlisted_market__refused(system):
    with boa.env.prank(system.at["RiskParameters"]), boa.reverts("clearinghouse/unknown-market"):
        system.clearinghouse.configure(9, 1)


def test_transfer_vault__epochs_used_up__refused(system, trader, stranger):
    vault = system.open(trader)
    last = system.words(vault)[0] | 65_535 << 192
    write("Clearinghouse", system.clearinghouse.address, "words", last, vault)
    with boa.env.prank(trader), boa.reverts("clearinghouse/epochs-exhausted"):
        system.token_nft.transferFrom(trader, stranger, vault)
    with boa.env.prank(trader):
        system.clearinghouse.close(vault, trader)
