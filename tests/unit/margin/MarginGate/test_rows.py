"""Every row of the margin table in every state that a price and a vault can be in."""

from __future__ import annotations

import dataclasses
from typing import Any

import boa
import pytest

from bulkhead.risk import exact, margin
from bulkhead.risk.words import WAD, Leg, Model, RiskWord, Snapshot, Status
from tests.worlds.system import call, cash, put, weekly

EXPIRY = weekly(2)
TRADE, OWN, TAKE = 0, 1, 2
ZEROS = [0] * 9
FLAGGED, DEBT = 1 << 188, 4 << 188
#: The short put that most rows are asked about, and half of it.
SHORT, HALF = [put(2000, -1)], [put(2000, -0.5)]

APART = {"apart by 1 %": 1.01, "apart by 10 %": 1.1, "apart by 60 %": 1.6, "one reads 1e-8": 5e-12}
NO_PRICE = [*APART, "grace", "stale"]
STATES = ["active", "in the window", "flagged", "in debt", "after expiry", *NO_PRICE]


@pytest.fixture
def vault(system, trader, maker):
    """Words of an ES vault with a put sold, and the prices of its cell."""
    made, other = system.open(trader, 700), system.open(maker, 500_000)
    system.novate(made, other, [put(2000, 1)], EXPIRY, 60)
    return system.words(made), system.snapshot(EXPIRY)


def put_into(state: str, words: list[int], prices: Snapshot, collateral: float) -> tuple[list[int], Snapshot]:
    """The vault with so much collateral, and the prices, in a state."""
    words = list(words)
    deposit = words[1] >> 184 & (2**40 - 1)
    words[6] = deposit + round(collateral * 10**6)
    change: dict[str, int] = {}
    if state == "flagged":
        words[0] |= FLAGGED
    if state == "in debt":
        words[0] |= DEBT
    if state == "in the window":
        change = {"seconds": 900, "window_share": WAD // 2, "window_average": prices.spot}
    if state == "after expiry":
        change = {"seconds": 0, "status": Status.FRESH}
    if state in APART:
        spot = max(int(prices.spot * APART[state]), 10**10)
        change = {"spot": spot, "forward": spot, "status": Status.FRESH | Status.DEGRADED}
    if state == "grace":
        change = {"status": Status.FRESH | Status.GRACE}
    if state == "stale":
        change = {"status": 0}
    return words, dataclasses.replace(prices, undisputed=prices.spot, **change)


def passes(system: Any, change: tuple, words: list[int], old: list[int], new: list[int], prices: Snapshot) -> bool:
    try:
        system.MarginGate.check(change, words, old, new, prices.words())
    except boa.BoaError as error:
        assert "margin/" in str(error)
        return False
    return True


def value(legs: list[int], prices: Snapshot) -> int:
    """Mark of the legs at the price that rows 3 and 4 are asked at [wad]."""
    at = prices if prices.is_usable else prices.at(prices.undisputed)
    return exact.assess([Leg.unpack(word) for word in legs], at, RiskWord()).value if legs else 0


@pytest.mark.parametrize("state", STATES)
def test_row_one__new_risk__needs_an_active_price_no_flag_and_no_debt(system, vault, state):
    words, prices = put_into(state, *vault, 700)
    wanted = state in ("active", "in the window")
    assert passes(system, (OWN, 0, 0, ZEROS), words, [], SHORT, prices) == wanted
    assert passes(system, (TRADE, 0, 0, ZEROS), words, [], SHORT, prices) == wanted


@pytest.mark.parametrize("state", STATES)
def test_take__into_a_vault__needs_an_active_price_no_flag_and_no_debt(system, vault, state):
    words, prices = put_into(state, *vault, 700)
    assert passes(system, (TAKE, 0, 0, ZEROS), words, [], SHORT, prices) == (state in ("active", "in the window"))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("before", "after"), [(1_200, 1_000), (600, 300), (60, 30)])
def test_row_two__closing_side_that_stays_as_covered__passes_at_any_price_or_none(system, vault, state, before, after):
    words, prices = put_into(state, *vault, after)
    change = (TRADE, -round((before - after) * 10**6), 0, ZEROS)
    if state == "in debt":
        # leave it no other row
        prices = dataclasses.replace(prices, status=0, undisputed=0)
    assert passes(system, change, words, SHORT, HALF, prices) == (state != "in debt")


@pytest.mark.parametrize("state", [*NO_PRICE, "after expiry"])
def test_row_two__a_millionth_below_its_share__is_no_longer_enough(system, vault, state):
    words, prices = put_into(state, *vault, 300 - 1e-6)
    assert not passes(system, (TRADE, -300 * 10**6 - 1, 0, ZEROS), words, SHORT, HALF, prices)


@pytest.mark.parametrize("state", [*NO_PRICE, "after expiry"])
def test_row_two__selling_the_hedge_of_a_bounded_book__is_not_closing_in_proportion(system, vault, state):
    """With the long calls gone nothing bounds the loss, whatever stays as collateral."""
    words, prices = put_into(state, *vault, 1_000)
    old, new = [call(2000, -10), call(2100, 10)], [call(2000, -10), call(2100, 5)]
    unknown = dataclasses.replace(prices, undisputed=0)
    assert not passes(system, (TRADE, 0, 0, ZEROS), words, old, new, unknown)


@pytest.mark.parametrize("state", [s for s in STATES if s != "in debt"])
@pytest.mark.parametrize("shift", [0, 200])
def test_rows_three_and_four__hedge_and_short_closed_together__at_the_mark_and_not_far_from_it(
    system, vault, state, shift
):
    """Closing the whole hedge is out of proportion, so a price is asked: the active one, else the undisputed one."""
    old, new = [put(2000, -2), put(1900, 1)], [put(2000, -1)]
    words, prices = put_into(state, *vault, 600)
    words[0] |= FLAGGED
    if state == "after expiry":
        paid = -shift * WAD
    else:
        paid = value(old, prices) - value(new, prices) - shift * WAD
    received = -(-paid // 10**12)
    words[6] += received
    wanted = shift == 0 and state != "after expiry"
    assert passes(system, (TRADE, received, 0, ZEROS), words, old, new, prices) == wanted


@pytest.mark.parametrize("state", NO_PRICE)
def test_row_four__equity_given_away__at_most_half_a_percent_of_the_notional_closed(system, vault, state):
    old, new = [put(2000, -2), put(1900, 1)], [put(2000, -1)]
    words, prices = put_into(state, *vault, 600)
    words[0] |= FLAGGED
    fair = (value(old, prices) - value(new, prices)) // 10**12
    # two contracts less of 2,000 each
    allowed = 20 * 10**6
    for lost, fee, wanted in ((allowed - 2, 0, True), (allowed + 2, 0, False), (allowed + 2, 10, True)):
        paid = list(words)
        received = fair - lost + fee
        paid[6] += received - fee
        assert passes(system, (TRADE, received, fee, ZEROS), paid, old, new, prices) == wanted


@pytest.mark.parametrize("state", NO_PRICE)
def test_row_four__price_that_was_never_undisputed__opens_nothing(system, vault, state):
    old, new = [put(2000, -2), put(1900, 1)], [put(2000, -1)]
    words, prices = put_into(state, *vault, 600)
    received = -(-(value(old, prices) - value(new, prices)) // 10**12)
    words[6] += received
    change = (TRADE, received, 0, ZEROS)
    assert passes(system, change, words, old, new, prices)
    assert not passes(system, change, words, old, new, dataclasses.replace(prices, undisputed=0))


@pytest.mark.parametrize("state", ["active", *NO_PRICE])
@pytest.mark.parametrize("flagged", [False, True])
def test_rows_three_and_four__who_owes_more_than_he_holds__closes_only_while_flagged(system, vault, state, flagged):
    words, prices = put_into(state, *vault, 10)
    words[0] |= FLAGGED if flagged else 0
    mark = -value(HALF, prices)
    assert mark > 20 * WAD
    owed = mark // 10**12
    new = [*HALF, cash(-owed / 10**6)]
    assert passes(system, (TRADE, 0, 0, ZEROS), words, SHORT, new, prices) == flagged
    # and never for more than the mark
    dear = [*HALF, cash(-(owed + 10) / 10**6)]
    assert not passes(system, (TRADE, 0, 0, ZEROS), words, SHORT, dear, prices)


@pytest.mark.parametrize("share", [0.002, 0.02, 0.1, 0.11])
def test_half_width__above_a_quarter_of_a_percent__asks_at_both_ends_and_above_ten_percent_nothing(
    system, vault, share
):
    words, prices = put_into("active", *vault, 700)
    wide = dataclasses.replace(prices, half_width=int(prices.spot * share))
    legs = [Leg.unpack(word) for word in SHORT]
    assert wide.is_usable == (share < 0.11)
    least = margin.required(legs, wide, RiskWord.unpack(words[3]), 2_000 * WAD)
    assert (least > margin.required(legs, prices, RiskWord.unpack(words[3]), 2_000 * WAD)) == (share > 0.0025)
    # the proximity of a rich vault is none: ask where it is
    low, high = 0, 2_100 * 10**6
    while high - low > 1:
        middle = (low + high) // 2
        found = margin.required(legs, wide, RiskWord.unpack(words[3]), middle * 10**12)
        equity = middle * 10**12 + value(SHORT, prices)
        low, high = (low, middle) if equity >= found else (middle, high)
    words[6] = (words[1] >> 184 & (2**40 - 1)) + high
    assert passes(system, (OWN, 0, 0, ZEROS), words, [], SHORT, wide) == wide.is_usable
    words[6] -= 1
    assert not passes(system, (OWN, 0, 0, ZEROS), words, [], SHORT, wide)


def test_half_width__reducing__must_hold_at_both_ends(system, vault):
    """At spot the hedge is worth nothing and handing it over costs nothing; at the lower end it is worth a lot."""
    old, new = [put(2000, -4), put(1500, 2)], [put(2000, -3)]
    words, prices = put_into("flagged", *vault, 900)
    received = -(-(value(old, prices) - value(new, prices)) // 10**12) + 10**6
    words[6] += received
    change = (TRADE, received, 0, ZEROS)
    assert passes(system, change, words, old, new, prices)
    wide = dataclasses.replace(prices, half_width=prices.spot // 10)
    low = wide.at(wide.spot - wide.half_width)
    lost = (
        exact.assess([Leg.unpack(w) for w in new], low, RiskWord()).value
        - exact.assess([Leg.unpack(w) for w in old], low, RiskWord()).value
        + received * 10**12
    )
    assert passes(system, change, words, old, new, wide) == (lost >= 0)


def test_half_width__neutral_book_at_a_wrong_price__is_seen(system, vault):
    """A book whose delta is 0 at spot loses at both ends: a charge linear in delta would be blind to it."""
    words, prices = put_into("active", *vault, 700)
    legs = [put(2000, -1), call(2000, -1)]
    unpacked, risk = [Leg.unpack(word) for word in legs], RiskWord.unpack(words[3])
    wide = dataclasses.replace(prices, half_width=prices.spot // 10)
    sure, unsure = (margin.required(unpacked, p, risk, 3_000 * WAD) for p in (prices, wide))
    assert unsure > sure + 50 * WAD
    words[6] = (words[1] >> 184 & (2**40 - 1)) + (sure + 20 * WAD - value(legs, prices)) // 10**12
    assert passes(system, (OWN, 0, 0, ZEROS), words, [], legs, prices)
    assert not passes(system, (OWN, 0, 0, ZEROS), words, [], legs, wide)


def test_review__price_not_active_or_too_wide__cannot_tell(system, vault):
    """A flag ends at an active price or with full collateral, whatever a disputed price says of the vault."""
    words, _ = vault
    words = list(words)
    words[0] |= FLAGGED
    gate, oracle = system.MarginGate, system.oracle
    assert gate.review(words, SHORT).outcome == 2
    system.wait(4 * 3600)
    assert not Snapshot.from_words(list(oracle.snapshot(1, EXPIRY))).is_active
    assert tuple(gate.review(words, SHORT)) == (3, 0, 0, 0)
    # three tenths of the deposit are the tip for ending the flag
    words[6] = (words[1] >> 184 & (2**40 - 1)) * 13 // 10 + 2_000 * 10**6
    assert gate.review(words, SHORT).outcome == 2


def test_take__static_vault__needs_the_es_initial_margin_as_well(system, trader, maker):
    made, other = system.open(trader, 3_000, model=Model.STATIC), system.open(maker, 500_000)
    system.novate(made, other, [put(2000, 1)], EXPIRY, 60)
    words = system.words(made)
    prices = dataclasses.replace(system.snapshot(EXPIRY), sigma=4 * WAD, sigma_now=4 * WAD)
    risk = RiskWord.unpack(words[3])
    found = exact.assess([Leg.unpack(w) for w in SHORT], prices, risk)
    stamp = system.MarginGate.check((TAKE, 0, 0, ZEROS), words, [], SHORT, prices.words())
    own = exact.assess([Leg.unpack(w) for w in SHORT], prices, risk.stamped(stamp), model=Model.STATIC)
    asked = {
        model: margin.resolve(a, 10**24, risk, prices).initial_margin
        for model, a in ((Model.ES, found), (Model.STATIC, own))
    }
    assert asked[Model.ES] > asked[Model.STATIC] + 10 * WAD
    deposit = words[1] >> 184 & (2**40 - 1)
    words[6] = deposit - (-(asked[Model.ES] - found.value) // 10**12)
    assert passes(system, (TAKE, 0, 0, ZEROS), words, [], SHORT, prices)
    words[6] -= 2
    assert not passes(system, (TAKE, 0, 0, ZEROS), words, [], SHORT, prices)
