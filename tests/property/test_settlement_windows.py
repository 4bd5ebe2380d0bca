"""The settlement average: the mirror against its statement, and ExpiryPrices against the mirror, world by world."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections import Counter
from functools import cache
from types import ModuleType

import pytest

from bulkhead.risk.settlement_average import History, NoPriceInForceError, price_seconds
from bulkhead.risk.volatility import Round
from tests.worlds import market_data
from tests.worlds.feeds import WINDOW, random_script
from tests.worlds.windows import EXPIRY, Oracle, new_oracle, play, play_pair

#: Worlds of one test; 3,000 in all.
BATCH = 250


@cache
def statement() -> ModuleType:
    """The rule as its own program states it, which lies beside the market data where it is at hand."""
    data = market_data.FOLDER
    path = data.parent / "design" / "oracle_reference.py"
    if not path.is_file():
        pytest.skip("the statement of the rule (design/oracle_reference.py beside BULKHEAD_DATA) is not at hand")
    spec = importlib.util.spec_from_file_location("oracle_reference", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["oracle_reference"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("own_worlds", [True, False])
def test_mirror__random_worlds__the_statement(own_worlds: bool) -> None:
    rule = statement()
    start, compared = EXPIRY - WINDOW, 0
    for seed in range(300):
        rng = random.Random(seed)
        if own_worlds:
            script = random_script(rng, EXPIRY)
            events = [(r.shown_at, rule.Round(r.id, script.price(r), r.stamp)) for r in script.rounds]
        else:
            events = rule.random_feed(rng, start, EXPIRY)
        for now in [*(start + rng.randrange(1, WINDOW) for _ in range(4)), EXPIRY + 300]:
            view = rule.view_at(events, now)
            if view is None:
                continue
            history = History({r.id: Round(r.id, r.price, r.stamp) for r in view.rounds.values()}, view.newest)
            until = min(now, EXPIRY)
            expected = rule.statement(view, start, until)
            try:
                assert price_seconds(history, start, until) == expected, (seed, now - start)
                compared += 1
            except NoPriceInForceError:
                assert expected is None, (seed, now - start)
    assert compared > 1250


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return new_oracle()


@pytest.mark.parametrize("batch", range(12))
def test_window__random_feeds_observers_and_liars__the_mirror_to_the_unit(oracle: Oracle, batch: int) -> None:
    tally: Counter[str] = Counter()
    for seed in range(BATCH * batch, BATCH * (batch + 1)):
        rng = random.Random(seed)
        try:
            play(oracle, rng, random_script(rng, EXPIRY), tally)
        except AssertionError as error:
            raise AssertionError(f"world {seed}: {error}") from error
    # most looks find the sum complete, nearly every world settles
    assert tally["live"] > 10 * BATCH
    assert tally["fresh"] > 2.5 * BATCH
    assert tally["final"] > 2.8 * BATCH


@pytest.mark.parametrize("batch", range(2))
def test_fix__random_pairs_of_feeds_called_at_any_time__the_mirrors_choice(oracle: Oracle, batch: int) -> None:
    tally: Counter[str] = Counter()
    for seed in range(120 * batch, 120 * (batch + 1)):
        try:
            play_pair(oracle, random.Random(seed), 3600, tally)
        except AssertionError as error:
            raise AssertionError(f"pair {seed}: {error}") from error
    assert {"PRIMARY", "FALLBACK", "IN_FORCE"} <= set(tally)
