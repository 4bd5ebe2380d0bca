"""What passes by the ceiling on the ES model passes by the model: random vaults of every kind, in quote and in coins.

`python -m benchmarks.ceiling` tries many more and prints how far the ceiling is from the model.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bulkhead.risk.words import Kind, Leg, RiskWord
from tests.worlds.ceiling import Case, Ceiling, case, compared, made
from tests.worlds.engine_cases import calm, option

VAULTS = 1_000


@pytest.fixture(scope="module")
def ceiling() -> Iterator[Ceiling]:
    with made() as found:
        yield found


KINDS = pytest.mark.parametrize("inverse", [False, True], ids=["linear", "inverse"])


@KINDS
def test_ceiling__random_vaults__what_passes_by_it_passes_by_the_model(ceiling, inverse):
    known = 0
    for c, said in compared(ceiling, [case(seed) for seed in range(VAULTS)], inverse):
        assert said["breaches"] == 0, (c, said)
        assert said["asked"] >= said["needed"] or not said["is_known"], (c, said)
        known += said["is_known"]
    assert known > VAULTS // 2


@KINDS
def test_ceiling__short_options__are_asked_less_than_twice_the_model(ceiling, inverse):
    # what the shortcut is for: it would be of no use far above the model
    cases = [
        Case([option(kind, 2000 * ratio, -1)], calm(days=days, iv=0.6, sigma=0.6), RiskWord())
        for kind, ratio in ((Kind.CALL, 1.0), (Kind.CALL, 1.05), (Kind.CALL, 1.15), (Kind.PUT, 1.0), (Kind.PUT, 0.9))
        for days in (2, 8, 30)
    ]
    for c, said in compared(ceiling, cases, inverse):
        assert said["needed"] <= said["asked"] < 2 * said["needed"], (c, said)


def test_ceiling__word_that_is_no_series__is_left_to_the_engine(ceiling):
    wrong = Leg(Kind.FUTURE, 0, -(10**6)).pack() | 5 << 64
    for word in (wrong, option(Kind.CALL, 2000, -1).pack() & ~(2**62 - 1 << 64)):
        said = ceiling.harness.call("assess", [word], calm().words(), RiskWord().pack(), False)
        assert said["basis"] == 0
