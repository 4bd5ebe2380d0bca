"""A path that is played later: whole weeks, so that its expiry stays on the grid."""

from __future__ import annotations

import pytest

from bulkhead.replay.price_paths.path import WEEK, PricePath
from bulkhead.replay.price_paths.rounds import Round

START = 1_583_971_200


def path() -> PricePath:
    return PricePath("a test", "ETH", [Round(START, 200), Round(START + 60, 190)], START + 2 * 86_400 + 8 * 3600)


@pytest.mark.parametrize(
    ("at", "weeks"), [(0, 0), (START - 1, 0), (START, 1), (START + WEEK - 1, 1), (START + WEEK, 2)]
)
def test_path__starting_after__is_later_by_the_fewest_whole_weeks(at, weeks):
    moved = path().starting_after(at)
    assert [r.at for r in moved.rounds] == [r.at + weeks * WEEK for r in path().rounds]
    assert moved.expiry == path().expiry + weeks * WEEK and moved.rounds[0].at > at
    assert [r.answer for r in moved.rounds] == [200, 190]
    assert (f"{weeks} weeks later" in moved.source) == (weeks > 0)
