"""A market on brought prices, of both kinds: spot, the settlement window, the price of an expiry, realised vol."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from bulkhead.risk.volatility import INSTANT, OracleWord, Realised, Round, Variances
from tests.contracts import deployer
from tests.worlds.brought import MINUTE, BroughtMarket, PythWorld, RedStoneWorld
from tests.worlds.oracle import FRESH, START, UNIT, WAD

EXPIRY = START + 86_400
WINDOW = 1800
BEGIN = EXPIRY - WINDOW
WORLDS = [PythWorld, RedStoneWorld]


@pytest.fixture(params=WORLDS, ids=lambda world: world.__name__)
def market(request) -> Iterator[BroughtMarket]:
    with boa.env.anchor():
        yield BroughtMarket(request.param())


def window(price: float = 2000, step: float = 1) -> dict[int, float]:
    """A sample for each minute of the window, rising by a step."""
    return {at: price + step * i for i, at in enumerate(range(BEGIN, EXPIRY, MINUTE))}


def is_fresh(market: BroughtMarket, expiry: int = 0) -> bool:
    return bool(market.look(expiry).status & FRESH)


def test_snapshot__spot__is_the_newest_brought_and_grows_stale(market):
    boa.env.timestamp += 30
    market.spot(2100)
    assert market.look().spot == 2100 * WAD
    assert is_fresh(market)
    boa.env.timestamp += 3961
    assert not is_fresh(market)
    market.spot(2050)
    assert market.look().spot == 2050 * WAD
    assert is_fresh(market)


def test_snapshot__interval_of_spot__is_its_half_width():
    with boa.env.anchor():
        market = BroughtMarket(PythWorld())
        assert market.look().half_width == WAD
        boa.env.timestamp += 10
        market.world.update(2100, 20.5)
        assert market.look().half_width == 205 * WAD // 10
        # and of a price that has grown stale all the same
        boa.env.timestamp += 5000
        assert market.look().half_width == 205 * WAD // 10


def test_snapshot__two_feeds_apart__half_width_is_at_least_their_distance():
    with boa.env.anchor():
        boa.env.timestamp = START
        fallback = deployer("MockAggregator").deploy(8, "TEST / USD")
        for age in (60, 0):
            fallback.push(2000 * UNIT, boa.env.timestamp - age)
        market = BroughtMarket(PythWorld(), fallback.address)
        boa.env.timestamp += 10
        market.spot(2000)
        fallback.push(1850 * UNIT, boa.env.timestamp)
        assert market.look().half_width == 150 * WAD


def test_window__all_samples__average_and_price_are_their_sum(market):
    samples = window()
    boa.env.timestamp = EXPIRY - 600 + 30
    market.spot(2000)
    market.bring({at: price for at, price in samples.items() if at <= boa.env.timestamp})
    facts = market.look(EXPIRY)
    assert is_fresh(market, EXPIRY)
    held = list(samples.values())[:20]
    total = sum(held) * MINUTE + 30 * (held[-1] + 1)
    assert facts.window_average == int(total * UNIT) * 10**10 // (1200 + 30)
    boa.env.timestamp = EXPIRY + 5
    market.bring({at: price for at, price in samples.items() if at >= EXPIRY - 600})
    # every sample with all signers: nothing to wait for
    assert market.expiry_prices.fix(1, EXPIRY, []) == sum(samples.values()) * WAD // 30


def test_window__four_samples_missing__not_fresh_until_brought(market):
    samples = window()
    at = list(samples)
    boa.env.timestamp = EXPIRY - 60
    market.spot(2000)
    missing = at[3:7]
    market.bring({t: p for t, p in samples.items() if t <= boa.env.timestamp and t not in missing})
    assert not is_fresh(market, EXPIRY)
    assert is_fresh(market)
    market.bring({missing[0]: 2000})
    assert is_fresh(market, EXPIRY)


def test_fix__a_sample_missing__waits_an_hour_then_the_one_before_is_in_force(market):
    samples = window(2000, 10)
    gone = list(samples)[10]
    boa.env.timestamp = EXPIRY + 5
    market.bring({t: p for t, p in samples.items() if t != gone})
    assert market.expiry_prices.fix(1, EXPIRY, []) == 0
    boa.env.timestamp = EXPIRY + 3599
    assert market.expiry_prices.fix(1, EXPIRY, []) == 0
    boa.env.timestamp = EXPIRY + 3600
    assert market.expiry_prices.fix(1, EXPIRY, []) == (sum(samples.values()) - 10) * WAD // 30


def test_fix__wick_brought_as_spot__is_in_no_average(market):
    samples = window(2000, 0)
    boa.env.timestamp = EXPIRY - 30
    market.spot(2600)
    boa.env.timestamp = EXPIRY + 12
    market.bring(samples)
    assert market.expiry_prices.fix(1, EXPIRY, []) == 2000 * WAD


def test_fix__redstone_fewer_signers__final_only_after_an_hour():
    with boa.env.anchor():
        market = BroughtMarket(RedStoneWorld())
        samples = window(2000, 0)
        boa.env.timestamp = EXPIRY + 5
        at = list(samples)[4]
        market.bring({t: p for t, p in samples.items() if t != at})
        market.world.bring(at, market.world.sample(2030, at, 4))
        assert market.expiry_prices.fix(1, EXPIRY, []) == 0
        market.world.bring(at, market.world.sample(2000, at))
        assert market.expiry_prices.fix(1, EXPIRY, []) == 2000 * WAD


def test_fix__settled__later_samples_change_nothing(market):
    samples = window(2000, 0)
    boa.env.timestamp = EXPIRY + 3600
    market.bring({t: p for t, p in samples.items() if t != BEGIN + 600})
    price = market.expiry_prices.fix(1, EXPIRY, [])
    assert price == 2000 * WAD
    market.bring({BEGIN + 600: 2600})
    assert market.expiry_prices.price(1, EXPIRY) == price


def test_poke__samples__fold_ten_minutes_later_to_the_reference(market):
    listed_at = boa.env.timestamp
    state = Realised.start(4 * WAD // 10, Round(0, 2000 * WAD, listed_at), listed_at, OracleWord().half_lives)
    prices = {START + INSTANT * k: 2000 + 40 * (k % 3) for k in range(1, 9)}
    boa.env.timestamp = START + 9 * INSTANT - 1
    market.bring(prices)
    assert market.oracle.poke(1, 256) == 7
    for at in list(prices)[:7]:
        state = state.fold_upto(prices[at] * WAD, at)
    assert Variances.from_word(market.oracle.market_words(1)[6]) == state.variances
    assert market.oracle.poke(1, 256) == 0
    boa.env.timestamp += 1
    assert market.oracle.poke(1, 256) == 1


def test_poke__zigzag_of_spot__stored_vols_do_not_move(market):
    """Whoever brings spot at each extreme: no stored return comes of it."""
    for k in range(1, 40):
        boa.env.timestamp += 45
        market.spot(2000 + 40 * (k % 2))
        market.oracle.poke(1, 256)
    assert max(Variances.from_word(market.oracle.market_words(1)[6]).lanes()) <= 16 * WAD // 100


def test_snapshot__half_width_beyond_the_price__is_the_price():
    """A feed may answer any width: one above the price itself would make its lower end negative."""
    with boa.env.anchor():
        market = BroughtMarket(PythWorld())
        boa.env.timestamp += 10
        market.world.update(2100, 20.5)
        price = 2100 * UNIT
        for width, told in ((price - 1, price - 1), (price, price), (price + 1, price), (3 * price, price)):
            word = boa.env.get_storage(market.world.feed.address, _spot_slot())
            mask = (1 << 60) - 1
            boa.env.set_storage(market.world.feed.address, _spot_slot(), word & ~(mask << 60) | width << 60)
            assert market.look().half_width == told * 10**10


def _spot_slot() -> int:
    return int(deployer("PythAdapter").artifact.layout["storage_layout"]["pull_rounds"]["spot"]["slot"])
