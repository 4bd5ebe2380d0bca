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


# --- price markets -----------------------------------------------------------------------------------------------


def test_list_market__price_market__has_its_oracle_word_and_words_of_its_own(system, parameters, listing):
    made = listing(price_market=1, parameters=ParameterSet.default(phi_bps=300, taker_fee_bps=5))
    log = next(e for e in parameters.get_logs() if type(e).__name__ == "MarketListed" and hasattr(e, "token"))
    assert (log.price_market, log.oracle) == (1, 0)
    risk, trading, liquidation, _ = made.parameters.words
    own, shared = parameters.words(1), parameters.words(7)
    assert list(shared) == [risk, trading, liquidation, own[ORACLE]] and own[RISK] != risk
    assert parameters.oracle(7) == own[ORACLE] != 0
    assert system.oracle.price_market(7) == 1
    for name in PARAMETERS:
        expected = 1 if PARAMETERS[name].word == "oracle" else 7
        assert parameters.parameter(7, name) == parameters.parameter(expected, name)


def test_list_market__price_market__that_shares_itself_or_is_not_there__reverts(parameters, listing):
    """Earlier markets with feeds of their own only: no chains and no cycles."""
    listing(price_market=1)
    with boa.reverts("parameters/price-market"):
        listing(market=8, price_market=7)
    for nobody in (8, 9, 2**16, 2**255 + 1, 2**256 - 1):
        with boa.reverts("parameters/unknown-market"):
            listing(market=10, price_market=nobody)


@pytest.mark.parametrize("role", range(5))
def test_list_market__price_market_and_feeds__reverts(system, listing, role):
    """Nobody lists feeds, a vol or oracle parameters that would not count."""
    feed = (system.market.feed.address, 3600, 50, 0, 0, 0)
    none = (EMPTY, 0, 0, 0, 0, 0)
    feeds = [none, none, EMPTY, 0, 1]
    changes = {0: feed, 1: feed, 2: system.market.feed.address, 3: 10**18}
    words = {ORACLE: ParameterSet().words[ORACLE]} if role == 4 else {ORACLE: 0}
    if role in changes:
        feeds[role] = changes[role]
    with boa.reverts("parameters/price-market-feeds"):
        listing(price_market=1, words=words, struct=tuple(feeds))


@pytest.mark.parametrize("field", range(1, 6))
def test_list_market__price_market_and_a_part_of_a_feed__reverts(listing, field):
    part = [EMPTY, 0, 0, 0, 0, 0]
    part[field] = 1
    with boa.reverts("parameters/price-market-feeds"):
        listing(price_market=1, struct=(tuple(part), (EMPTY, 0, 0, 0, 0, 0), EMPTY, 0, 1))


def test_list_market__price_market__is_bounded_as_any(listing):
    for words, reason in (
        (with_field("phi_bps", 1001), "parameters/too-large"),
        ({RISK: ParameterSet().words[RISK] | 1 << 255}, "parameters/stray-bits"),
    ):
        with boa.reverts(reason):
            listing(price_market=1, words=words)


def test_set_parameter__of_a_price_market__is_that_ones(parameters, system, listing):
    listing(price_market=1)
    oracle = [name for name, p in PARAMETERS.items() if p.word == "oracle"]
    with boa.env.prank(system.owner):
        for name in oracle:
            with boa.reverts("parameters/price-market"):
                parameters.set_parameter(7, name, PARAMETERS[name].default)
        with boa.reverts("parameters/price-market"):
            parameters.set_fallback(7, (EMPTY, 0, 0, 0, 0, 0))
        parameters.set_parameter(1, "ramp_bps", 700)
        parameters.set_parameter(1, "rate_bps", 2**15 + 20)
        parameters.set_parameter(7, "phi_bps", 301)
    assert parameters.parameter(7, "ramp_bps") == 700
    assert parameters.ramp(7, "rate_bps") == parameters.ramp(1, "rate_bps") and parameters.ramp(7, "rate_bps").target
    assert parameters.parameter(1, "phi_bps") != parameters.parameter(7, "phi_bps") == 301


def test_advance__of_a_price_market__moves_by_its_own_name_only(parameters, system, listing):
    listing(price_market=1)
    with boa.env.prank(system.owner):
        parameters.set_parameter(1, "rate_bps", 2**15 + 20)
        parameters.set_parameter(7, "short_floor_bps", 200)
    system.wait(3600, 2000)
    with boa.reverts("parameters/no-ramp"):
        parameters.advance(7, "rate_bps")
    parameters.advance(1, "rate_bps")
    parameters.advance(7, "short_floor_bps")
    assert parameters.parameter(7, "rate_bps") == parameters.parameter(1, "rate_bps") > 2**15


def test_pause_opening__of_a_price_market__is_its_own(parameters, system, listing):
    listing(price_market=1)
    with boa.env.prank(system.guardian):
        parameters.pause_opening(1)
    assert parameters.words(1)[TRADING] >> 208 and not parameters.words(7)[TRADING] >> 208
