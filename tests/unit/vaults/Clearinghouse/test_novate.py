"""The one primitive: legs, cash, cells and the margin of both sides."""

import random

import boa
import pytest

from bulkhead.risk.words import Kind, Leg
from tests.contracts import write
from tests.worlds.system import call, cash, future, put, weekly

EXPIRY = weekly(2)


@pytest.fixture
def pair(system, trader, maker):
    return system.open(trader, 5_000), system.open(maker, 50_000)


def test_novate__mirrored_legs__sum_to_zero_and_cash_moves(system, pair):
    a, b = pair
    legs = [call(2200, 1), put(1800, -2), future(0.5), cash(-1000.5)]
    system.novate(a, b, legs, EXPIRY, 12.5)
    assert system.balance(a) == 5_012_500_000
    assert system.balance(b) == 49_987_500_000
    for mine, theirs in zip(system.legs(a), system.legs(b), strict=True):
        assert mine.key == theirs.key
        assert mine.quantity == -theirs.quantity
    state = system.state(a)
    assert state.expiry == EXPIRY
    assert state.deposit == 10 * 10**6


def test_novate__opposite_trade__deletes_the_legs_and_frees_the_deposit(system, pair, trader):
    a, b = pair
    system.novate(a, b, [put(2000, 1)], EXPIRY, 50)
    system.novate(b, a, [put(2000, 1)], EXPIRY, 55)
    assert system.legs(a) == system.legs(b) == []
    assert system.state(a).deposit == 0
    assert system.clearinghouse.cell(1, EXPIRY) == 0
    assert system.clearinghouse.market(1)[2] == 0
    with boa.env.prank(trader):
        system.clearinghouse.withdraw(a, 4_995 * 10**6, trader)


def test_novate__counters__count_gross_quantity_and_open_interest(system, pair):
    a, b = pair
    first = system.novate(a, b, [put(2000, 1), cash(7)], EXPIRY, 0)
    assert (first.raised, first.open_interest) == (True, 2 * 10**6)
    assert system.clearinghouse.cell(1, EXPIRY) & (2**112 - 1) == 2 * (10**6 + 7 * 10**6)
    second = system.novate(b, a, [put(2000, 0.5)], EXPIRY, 0)
    assert (second.raised, second.open_interest) == (False, 10**6)


def test_novate__sixteen_legs__fit_and_a_seventeenth_does_not(system, pair):
    a, b = pair
    system.deposit(b, 100_000, boa.env.generate_address())
    legs = [put(1500 + 10 * i, 0.01) for i in range(16)]
    system.novate(a, b, legs, EXPIRY, 10)
    assert len(system.legs(a)) == 16
    with boa.reverts("clearinghouse/too-many-legs"):
        system.novate(a, b, [put(1490, 0.01)], EXPIRY, 1)
    # a leg that is already there still trades, and removal keeps the rest in place
    system.novate(b, a, legs[3:5], EXPIRY, 1)
    assert {leg.strike for leg in system.legs(a)} == {(1500 + 10 * i) * 10**8 for i in range(16) if i not in (3, 4)}


def test_novate__any_order_repeats_and_empty_sides__legs_are_those_of_a_ledger(system, trader, maker):
    """However legs are looked for, each series is one leg of a vault and holds the sum of what came and went."""
    draw = random.Random(5)
    series = [future(1), *(kind(1500 + 100 * i, 1) for i in range(5) for kind in (call, put))]
    for _ in range(25):
        ids = [system.open(trader, 90_000), system.open(maker, 90_000)]
        ledger: dict[int, int] = {}
        for _ in range(4):
            pick = draw.randrange(4)
            if pick == 0 and ledger:  # all of it, in its order, as a take of the whole does
                moved = [leg.pack() for leg in system.legs(ids[0])]
            elif pick == 1 and ledger:  # some of it
                moved = [leg.pack() for i, leg in enumerate(system.legs(ids[0])) if i == 0 or draw.random() < 0.7]
            else:
                moved = draw.choices(series, k=draw.randint(1, 5))
            # into another vault when that is empty too, so that each side is sometimes the one that begins with nothing
            if draw.random() < 0.4:
                ids[1] = system.open(maker, 90_000)
                ledgers = [ledger, {}]
            else:
                ledgers = [ledger, {leg.key: leg.quantity for leg in system.legs(ids[1])}]
            for word in moved:
                leg = Leg.unpack(word)
                for held, quantity in zip(ledgers, (-leg.quantity, leg.quantity), strict=True):
                    held[leg.key] = held.get(leg.key, 0) + quantity
            system.novate(*ids, moved, EXPIRY, 0)
            for vault_id, held in zip(ids, ledgers, strict=True):
                found = [(leg.key, leg.quantity) for leg in system.legs(vault_id)]
                assert len(found) == len(dict(found))
                assert dict(found) == {key: quantity for key, quantity in held.items() if quantity}
            ledger = {key: quantity for key, quantity in ledgers[0].items() if quantity}


def test_novate__same_vault__refused(system, pair):
    with boa.reverts("clearinghouse/same-vault"):
        system.novate(pair[0], pair[0], [put(2000, 1)], EXPIRY)


def test_novate__other_market__refused(system, pair, trader):
    other = system.list_market(2)
    foreign = system.open(trader, 5_000, other)
    with boa.reverts("clearinghouse/wrong-market"):
        system.novate(pair[1], foreign, [put(2000, 1)], EXPIRY)


def test_novate__second_expiry__refused(system, pair):
    a, b = pair
    system.novate(a, b, [put(2000, 1)], EXPIRY)
    with boa.reverts("clearinghouse/wrong-cell"):
        system.novate(a, b, [put(2000, 1)], weekly(3))


def test_novate__after_expiry__refused(system, pair):
    a, b = pair
    system.novate(a, b, [put(2000, 1)], EXPIRY)
    system.wait(EXPIRY - system.now, 2000)
    with boa.reverts("clearinghouse/expired"):
        system.novate(b, a, [put(2000, 1)], EXPIRY)


def test_novate__part_of_a_lot__refused(system, pair):
    with boa.reverts("clearinghouse/not-a-lot"):
        system.novate(*pair, [Leg(Kind.PUT, 2000 * 10**8, 10_001).pack()], EXPIRY)


def test_novate__quantity_beyond_int64__refused(system, pair):
    huge = Leg(Kind.CASH, 0, 2**63 - 1).pack()
    a, b = pair
    with boa.reverts():  # first the margin, then the range: neither may pass
        system.novate(a, b, [huge], EXPIRY)
    with boa.reverts("leg/quantity-range"):
        system.novate(a, b, [huge, huge], EXPIRY)


def test_novate__unsettled_side__takes_no_leg(system, pair):
    write("Clearinghouse", system.clearinghouse.address, "words", system.words(pair[0])[0] | 8 << 188, pair[0])
    with boa.reverts("clearinghouse/unsettled"):
        system.novate(*pair, [put(2000, 1)], EXPIRY)


def test_novate__fees__leave_in_one_payment_where_cash_covers_them(system, pair):
    a, b = pair
    token = system.market.token
    system.novate(a, b, [put(2000, 1)], EXPIRY, 50, (2_000_000, 3_000_000))
    assert token.balanceOf(system.at["Exchange"]) == 5_000_000
    assert system.balance(a) == 5_048_000_000
    assert system.balance(b) == 49_947_000_000
    system.novate(b, a, [put(2000, 1)], EXPIRY, 0, (1, 2))
    assert token.balanceOf(system.at["Exchange"]) == 5_000_003


def test_novate__cash_a_vault_does_not_have__refused(system, pair):
    with boa.reverts("clearinghouse/transfer-refused"):
        system.novate(pair[1], pair[0], [put(2000, 1)], EXPIRY, 5_001)


def test_novate__either_side_below_initial_margin__refused(system, trader, maker):
    poor, rich = system.open(trader, 100), system.open(maker, 50_000)
    with boa.reverts("margin/below-initial"):
        system.novate(poor, rich, [put(2000, 1)], EXPIRY, 20)
    with boa.reverts("margin/below-initial"):
        system.novate(rich, poor, [put(2000, -1)], EXPIRY, 0)


def test_novate__fully_paid_long__needs_the_deposit_and_nothing_else(system, trader, maker):
    long, short = system.open(trader, 90), system.open(maker, 50_000)
    system.novate(short, long, [call(2000, 1)], EXPIRY, 80)
    assert system.balance(long) == 10 * 10**6
    second = system.open(trader, 89)
    with boa.reverts("margin/deposit-not-full"):
        system.novate(short, second, [call(2000, 1)], EXPIRY, 80)


def test_novate__stale_price__refuses_risk_and_lets_through_what_costs_nobody_else(system, pair, trader):
    a, b = pair
    thin = system.open(trader, 400)
    system.novate(thin, b, [put(2000, 1)], EXPIRY, 60)
    system.wait(5 * 3600)
    with boa.reverts("margin/price-not-active"):
        system.novate(a, b, [put(2000, 1)], EXPIRY, 60)
    # a debt beyond what the vault holds
    with boa.reverts("margin/stale-close-price"):
        system.novate(b, thin, [put(2000, 1), cash(-600)], EXPIRY)
    # half of the legs for half of the collateral, and the rest, which leaves nothing, at any price
    with boa.reverts("margin/stale-close-price"):
        system.novate(b, thin, [put(2000, 0.5)], EXPIRY, 225.000001)
    system.novate(b, thin, [put(2000, 0.5)], EXPIRY, 225)
    system.novate(b, thin, [put(2000, 0.5)], EXPIRY, 220)
    assert system.legs(thin) == []


def test_novate__second_market__no_word_of_the_first_changes(system, pair, trader, maker):
    other = system.list_market(2, 18, 30_000.0)
    before = [system.words(v) for v in pair]
    a, b = system.open(trader, 50_000, other), system.open(maker, 90_000, other)
    with boa.env.prank(system.at["Exchange"]):
        system.clearinghouse.novate(
            (a, b, EXPIRY, [put(30_000, 1)], -5 * 10**18, [0, 0], system.at["Exchange"]),
            system.oracle.observe(2, EXPIRY),
        )
    assert [system.words(v) for v in pair] == before
    assert system.words(a)[6] == 50_005 * 10**18


def test_novate__stale_price_worthless_legs__give_nothing_away(system, pair, trader, maker):
    """A share of the notional of worthless legs would let an accomplice strip a vault while the feed is down."""
    a, b = system.open(trader, 400), pair[1]
    system.novate(a, b, [put(2000, 1)], EXPIRY, 60)
    accomplice = system.open(maker, 5_000)
    system.novate(accomplice, a, [put(200, 5)], EXPIRY, 0)
    system.wait(5 * 3600)
    with boa.reverts("margin/stale-close-price"):
        system.novate(a, accomplice, [put(200, 5)], EXPIRY, -150)
    system.novate(a, accomplice, [put(200, 5)], EXPIRY, 0)


@pytest.mark.parametrize("expiry", [EXPIRY + 1800, 2**20 * 3600])
def test_novate__expiry_the_vault_word_cannot_hold__refused(system, pair, expiry):
    with boa.env.prank(system.at["Exchange"]), boa.reverts("clearinghouse/expiry-range"):
        prices = system.snapshot(EXPIRY).words()
        system.clearinghouse.novate((*pair, expiry, [put(2000, 1)], 0, [0, 0], system.at["Exchange"]), prices)
