"""Some thousands of the calls; `make fuzz` makes 100,000."""

from __future__ import annotations

import pytest

from bulkhead.chain.abi.__main__ import FEEDS
from bulkhead.chain.system import DEPLOYABLE
from tests.fuzz.boundary import Boundary, by_contract
from tests.fuzz.outcome import NAMELESS, Outcome
from tests.matrix.run import built

CALLS = 6_000


@pytest.fixture(scope="module")
def boundary():
    with built() as scene:
        yield Boundary(scene, seed=1)


def test_calls__random_words_lengths_and_callers__are_refused_by_name_and_break_no_promise(boundary):
    report = boundary.run(CALLS)
    assert report.broken == []
    assert set(by_contract(report)) == {*DEPLOYABLE, *FEEDS}
    # it reaches what it is for: most state-changing calls of people pass now and then, and many reasons are given
    assert report.outcomes[Outcome.PASSED] > CALLS // 4
    assert len(report.reasons) > 120


def test_nameless__every_entry__is_a_function(boundary):
    assert set(NAMELESS) <= set(boundary.known)
