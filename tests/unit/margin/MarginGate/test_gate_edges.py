"""Where a fee, a share of the window or a strike lies exactly on the line, contract and mirror alike."""

from __future__ import annotations

import dataclasses

import pytest

from bulkhead.chain.parameters import ParameterSet
from bulkhead.risk import exact
from bulkhead.risk.words import NODES, WAD, WEIGHTS, Kind, Leg, RiskWord, Snapshot
from tests.contracts import deployer
from tests.unit.margin.MarginGate.test_rows import (
    FLAGGED,
    HALF,
    SHORT,
    TRADE,
    ZEROS,
    passes,
    put_into,
    value,
    vault,
)
from tests.worlds.system import cash

__all__ = ["vault"]
PRICES = Snapshot(2000 * WAD, 2000 * WAD, 600, 6 * 10**17, surface_near=7 * 10**17, window_seconds=1800, status=3)


@pytest.mark.parametrize("fee", [0, 5 * 10**6])
def test_row_three__fee_of_a_side_that_owes__is_no_loss_of_equity(system, vault, fee):
    """What the fee takes is not given to a friend: closing at the mark passes with it, a unit beyond does not."""
    words, prices = put_into("active", *vault, 10)
    words[0] |= FLAGGED
    owed = -value(HALF, prices) // 10**12
    at_mark, beyond = [*HALF, cash(-owed / 10**6)], [*HALF, cash(-(owed + 10) / 10**6)]
    assert passes(system, (TRADE, 0, fee, ZEROS), words, SHORT, at_mark, prices)
    assert not passes(system, (TRADE, 0, fee, ZEROS), words, SHORT, beyond, prices)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_mark__ninety_nine_hundredths_of_the_window__is_the_last_with_time_value(more):
    share = 99 * WAD // 100 + more
    prices = dataclasses.replace(PRICES, seconds=18, window_share=share, window_average=2000 * WAD)
    legs = [Leg(Kind.CALL, 2000 * 10**8, 10**6)]
    told = deployer("EsEngine").deploy(list(NODES), list(WEIGHTS)).value([leg.pack() for leg in legs], prices.words())
    assert told == exact.mark(legs, prices)
    assert (told > 0) is (more <= 0)


@pytest.mark.parametrize("kind", [Kind.CALL, Kind.PUT])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_mark__strike_that_the_window_has_fixed_exactly__is_sure_to_be_passed(kind, more):
    """Half of an average of 2,000 is known: a strike of 1,000 is reached however far the rest falls."""
    prices = dataclasses.replace(PRICES, window_share=WAD // 2, window_average=2000 * WAD, seconds=900)
    legs = [Leg(kind, 1000 * 10**8 + more, 10**6)]
    engine = deployer("EsEngine").deploy(list(NODES), list(WEIGHTS))
    told = engine.value([leg.pack() for leg in legs], prices.words())
    assert told == exact.mark(legs, prices)
    # nor does it take part in a scenario: delta, margin and all else as the mirror has them
    short = [dataclasses.replace(leg, quantity=-leg.quantity) for leg in legs]
    risk = ParameterSet.default().words[0]
    assessed = engine.assess([leg.pack() for leg in short], prices.words(), risk, exact.FORCE_FULL)
    mirror = exact.assess(short, prices, RiskWord.unpack(risk))
    assert (assessed.value, assessed.margin, assessed.delta, assessed.theta) == (
        mirror.value, mirror.margin, mirror.delta, mirror.theta
    )  # fmt: skip
    if more <= 0:
        assert told == ((1000 * 10**8 - more) * 10**10 if kind is Kind.CALL else 0)
