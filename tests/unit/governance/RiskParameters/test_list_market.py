"""Listing checks every number and hands each word to who reads it."""

from __future__ import annotations

import boa
import pytest

from bulkhead.chain.listing import EMPTY, CoinUnits
from bulkhead.chain.parameters import PARAMETERS, WORDS, ParameterSet
from tests.contracts import deployer, write

RISK, TRADING, LIQUIDATION, ORACLE = range(4)


def with_field(name: str, number: int) -> dict[int, int]:
    """The default words with one field overwritten, unchecked."""
    p = PARAMETERS[name]
    index = [w for w, _ in WORDS].index(p.word)
    word = ParameterSet().words[index] & ~((2**p.bits - 1) << p.shift)
    return {index: word | number << p.shift}


def test_list_market__valid__every_reader_gets_its_word(system, parameters, listing):
    made = listing(parameters=ParameterSet.default(phi_bps=300, taker_fee_bps=5, t1_seconds=100, ramp_bps=700))
    risk, trading, liquidation, oracle = made.parameters.words
    token_word, pushed, _ = system.clearinghouse.market(7)
    assert pushed == risk
    assert system.exchange.trading(7) == trading
    assert system.liquidator.market_word(7) == liquidation
    assert system.settlement.market_word(7) == liquidation
    assert oracle in system.oracle.market_words(7)
    assert list(parameters.words(7)) == [risk, trading, liquidation, oracle]
    assert parameters.markets() == [1, 7]
    token = int(system.market.token.address, 16)
    # ES is the only model listed
    assert token_word == token | 6 << 160 | 1 << 168 | 10_000 << 176 | 1 << 208


def test_list_market__valid__logs_everything(system, parameters, listing):
    made = listing()
    log = next(e for e in parameters.get_logs() if type(e).__name__ == "MarketListed" and hasattr(e, "token"))
    assert (log.market, log.token, log.lot) == (7, made.token, made.lot)
    assert (log.risk, log.trading, log.liquidation, log.oracle) == made.parameters.words


def test_list_market__stranger__reverts(listing, stranger):
    with boa.reverts("parameters/not-owner"):
        listing(sender=stranger)


def test_list_market__twice__reverts(listing):
    listing()
    with boa.reverts("parameters/market-exists"):
        listing()


def test_list_market__index_beyond_16_bits__reverts(listing):
    with boa.reverts("parameters/market-range"):
        listing(market=65536)


@pytest.mark.parametrize("decimals", [0, 5, 19, 255])
def test_list_market__token_with_odd_decimals__reverts(listing, decimals):
    token = deployer("MockERC20").deploy("Odd", "ODD", decimals)
    with boa.reverts("parameters/token-decimals"):
        listing(token=token.address)


def test_list_market__token_without_code__reverts(listing, stranger):
    with boa.reverts("parameters/token-no-code"):
        listing(token=stranger)


@pytest.mark.parametrize("lot", [0, 10**9 + 1])
def test_list_market__lot_out_of_range__reverts(listing, lot):
    with boa.reverts("parameters/lot-range"):
        listing(lot=lot)


def test_list_market__no_engine__reverts(listing):
    with boa.reverts("parameters/no-engine"):
        listing(engines=(EMPTY, EMPTY, EMPTY))


def test_list_market__engine_of_another_model_or_kind__reverts(system, listing):
    for engines in (
        (system.at["EsEngine"], system.at["EsEngine"], EMPTY),
        (system.at["InverseEsEngine"], EMPTY, EMPTY),
    ):
        with boa.reverts("parameters/unknown-engine"):
            listing(engines=engines)
    with boa.reverts("parameters/unknown-engine"):
        listing(units=CoinUnits(6, 3))


def test_list_market__engine_that_counts_otherwise__reverts(system, listing):
    # both say what they count in: a deployment that mixed its engines up lists nothing
    engine = f"{system.at['InverseEsEngine']}"
    boa.env.set_code(engine, boa.env.get_code(system.at["EsEngine"]))
    with boa.reverts("parameters/engine-kind"):
        listing(units=CoinUnits(6, 3), engines=(engine, EMPTY, EMPTY))


@pytest.mark.parametrize("decimals, digits, reason", [
    (18, 3, "parameters/stated-decimals"),
    (0, 3, "parameters/stated-decimals"),
    (6, 4, "parameters/unit-range"),
    (6, 31, "parameters/unit-range"),
])  # fmt: skip
def test_list_market__inverse_with_units_that_cannot_be__reverts(system, listing, decimals, digits, reason):
    with boa.reverts(reason):
        listing(units=CoinUnits(decimals, digits), engines=(system.at["InverseEsEngine"], EMPTY, EMPTY))


def test_list_market__inverse_whose_strikes_cash_cannot_cover__reverts(system, parameters, listing):
    engines = (system.at["InverseEsEngine"], EMPTY, EMPTY)
    with boa.reverts("parameters/tick-lot"):
        listing(units=CoinUnits(6, 3), engines=engines, lot=1, parameters=ParameterSet.default(tick=10**7))
    listing(units=CoinUnits(6, 3), engines=engines)
    with boa.env.prank(system.owner), boa.reverts("parameters/tick-lot"):
        parameters.set_parameter(7, "tick", 10**8 + 1)


def test_list_market__inverse__its_word_says_kind_and_unit(system, listing):
    listing(units=CoinUnits(6, 3), engines=(system.at["InverseEsEngine"], EMPTY, EMPTY))
    word = system.clearinghouse.market(7)[0]
    assert word >> 160 == 6 | 1 << 8 | 1 << 9 | 3 << 10 | 10_000 << 16 | 1 << 48


def test_list_market__engine_without_code__reverts(listing, stranger):
    with boa.reverts("parameters/engine-no-code"):
        listing(engines=(EMPTY, stranger, EMPTY))


@pytest.mark.parametrize("role", [0, 1, 2])
def test_list_market__feed_without_code__reverts(system, listing, stranger, role):
    feeds = [system.market.feed.address, EMPTY, EMPTY]
    feeds[role] = stranger
    with boa.reverts("parameters/feed-no-code"):
        listing(feeds=tuple(feeds), heartbeats=(3600, 3600 if role == 1 else 0))


@pytest.mark.parametrize("heartbeats", [(59, 0), (172_801, 0), (3600, 1)])
def test_list_market__heartbeat_out_of_range__reverts(listing, heartbeats):
    with boa.reverts("parameters/heartbeat-range"):
        listing(heartbeats=heartbeats)


@pytest.mark.parametrize("heartbeat", [0, 172_801])
def test_list_market__fallback_without_heartbeat__reverts(system, listing, heartbeat):
    feed = system.market.feed.address
    with boa.reverts("parameters/heartbeat-range"):
        listing(feeds=(feed, feed, EMPTY), heartbeats=(3600, heartbeat))


@pytest.mark.parametrize("name", [n for n, p in PARAMETERS.items() if p.least > 0])
def test_list_market__any_field_below_its_bound__reverts(listing, name):
    with boa.reverts("parameters/too-small"):
        listing(words=with_field(name, PARAMETERS[name].least - 1))


@pytest.mark.parametrize("name", [n for n, p in PARAMETERS.items() if p.greatest < 2**p.bits - 1])
def test_list_market__any_field_above_its_bound__reverts(listing, name):
    with boa.reverts("parameters/too-large"):
        listing(words=with_field(name, PARAMETERS[name].greatest + 1))


def test_list_market__kappa_falls_in_stress__reverts(listing):
    with boa.reverts("parameters/kappa-order"):
        listing(words=with_field("kappa_stress_bps", 12_499))


def test_list_market__auction_ends_too_early__reverts(listing):
    with boa.reverts("parameters/clock-order"):
        listing(words=with_field("t2_seconds", 239))


@pytest.mark.parametrize(("index", "bit"), [(RISK, 254), (TRADING, 208), (LIQUIDATION, 160), (ORACLE, 244)])
def test_list_market__bits_beyond_the_fields__reverts(listing, index, bit):
    with boa.reverts("parameters/stray-bits"):
        listing(words={index: ParameterSet().words[index] | 1 << bit})


def test_list_market__too_many__reverts(parameters, listing):
    # the list's length is written directly: 255 listings would take a quarter of a minute
    write("RiskParameters", parameters.address, "_markets", 256)
    assert len(parameters.markets()) == 256
    with boa.reverts("parameters/too-many-markets"):
        listing()
