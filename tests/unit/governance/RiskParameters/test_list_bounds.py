"""What a listing may be at most and at least passes, and one more or less does not."""

from __future__ import annotations

import dataclasses

import boa
import pytest

from bulkhead.chain.listing import EMPTY, MarketListing
from bulkhead.chain.parameters import ParameterSet
from tests.contracts import deployer, write
from tests.unit.governance.RiskParameters.test_list_market import with_field


def listed(system, units=None, **changes):
    """Lists market 7; `units` are the words that the contract takes for lot, kind, stated decimals and digits."""
    made = dataclasses.replace(
        MarketListing(
            market=7,
            token=system.market.token.address,
            feeds=(system.market.feed.address, EMPTY, EMPTY),
            heartbeats=(3600, 0),
            engines=(system.at["EsEngine"], EMPTY, EMPTY),
        ),
        **changes,
    )
    arguments = list(made.arguments)
    if units is not None:
        arguments[2] = units
    with boa.env.prank(system.owner):
        system.RiskParameters.list_market(*arguments)
    return system.clearinghouse.market(made.market)[0]


@pytest.mark.parametrize("lot", [1, 10**9])
def test_list_market__smallest_and_largest_lot__pass(system, lot):
    assert listed(system, lot=lot) >> 176 & (2**32 - 1) == lot


@pytest.mark.parametrize("market", [0, 65_535])
def test_list_market__first_and_last_index__pass(system, parameters, market):
    listed(system, market=market)
    assert parameters.markets() == [1, market] and parameters.listed(market)


@pytest.mark.parametrize("heartbeat", [60, 172_800])
@pytest.mark.parametrize("of_fallback", [False, True])
def test_list_market__shortest_and_longest_heartbeat__pass(system, heartbeat, of_fallback):
    feeds = (system.market.feed.address, system.feed(2000.0).address if of_fallback else EMPTY, EMPTY)
    listed(system, feeds=feeds, heartbeats=(3600, heartbeat) if of_fallback else (heartbeat, 0))
    assert system.RiskParameters.listed(7)


def test_list_market__two_hundred_and_fifty_sixth__is_the_last(system, parameters):
    write("RiskParameters", parameters.address, "_markets", 255)
    listed(system)
    assert len(parameters.markets()) == 256
    with boa.reverts("parameters/too-many-markets"):
        listed(system, market=8)


@pytest.mark.parametrize("decimals", [6, 18])
@pytest.mark.parametrize("stated", [0, 6, 17, 18])
def test_list_market__linear__may_leave_its_decimals_unsaid_but_not_say_others(system, decimals, stated):
    token = deployer("MockERC20").deploy("Dollar", "USD", decimals).address
    if stated in (0, decimals):
        assert listed(system, token=token, units=(10_000, False, stated, 0)) >> 160 & 255 == decimals
    else:
        with boa.reverts("parameters/stated-decimals"):
            listed(system, token=token, units=(10_000, False, stated, 0))


@pytest.mark.parametrize("digits", [0, 1, 3])
def test_list_market__linear__counts_in_whole_tokens(system, digits):
    if digits == 0:
        assert listed(system, units=(10_000, False, 0, digits)) >> 170 & 31 == 0
    else:
        with boa.reverts("parameters/unit-range"):
            listed(system, units=(10_000, False, 0, digits))


@pytest.mark.parametrize(("decimals", "most"), [(6, 3), (8, 5), (14, 11), (15, 12), (16, 12), (18, 12)])
def test_list_market__inverse__unit_is_a_thousand_native_ones_at_least(system, decimals, most):
    """And its millionth a wad."""
    token = deployer("MockERC20").deploy("Coin", "C", decimals).address
    coin = {"token": token, "engines": (system.at["InverseEsEngine"], EMPTY, EMPTY)}
    with boa.reverts("parameters/unit-range"):
        listed(system, units=(10_000, True, decimals, most + 1), **coin)
    assert listed(system, units=(10_000, True, decimals, most), **coin) >> 170 & 31 == most


@pytest.mark.parametrize(
    ("lot", "tick", "passes"), [(1, 10**8, True), (10, 10**7, True), (10_000, 10**4, True), (9, 10**7, False)]
)
@pytest.mark.parametrize("inverse", [True, False])
def test_list_market__tick_times_lot__is_whole_in_cash_where_cash_covers_puts(system, lot, tick, passes, inverse):
    given = {"parameters": ParameterSet.default(tick=tick)}
    if inverse:
        given.update(engines=(system.at["InverseEsEngine"], EMPTY, EMPTY))
    units = (lot, inverse, 6, 3 if inverse else 0)
    if passes or not inverse:
        listed(system, units=units, **given)
    else:
        with boa.reverts("parameters/tick-lot"):
            listed(system, units=units, **given)


@pytest.mark.parametrize(
    ("name", "number"),
    [("kappa_stress_bps", 12_500), ("kappa_calm_bps", 15_000), ("t2_seconds", 240), ("t1_seconds", 450)],
)
@pytest.mark.parametrize("at_listing", [True, False])
def test_ordered_pair__at_the_edge_of_its_order__passes(system, parameters, listing, name, number, at_listing):
    """Stress may be as calm, and the second half of the auction as long as the first."""
    if at_listing:
        listing(words=with_field(name, number))
    else:
        with boa.env.prank(system.owner):
            parameters.set_parameter(1, name, number)
    assert parameters.parameter(7 if at_listing else 1, name) == number


@pytest.mark.parametrize(("name", "number", "reason"), [
    ("kappa_stress_bps", 12_499, "parameters/kappa-order"), ("t2_seconds", 239, "parameters/clock-order"),
])  # fmt: skip
def test_ordered_pair__upper_one_below_the_lower__reverts(system, parameters, name, number, reason):
    with boa.env.prank(system.owner), boa.reverts(reason):
        parameters.set_parameter(1, name, number)
