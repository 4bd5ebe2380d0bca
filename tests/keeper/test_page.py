"""Numbers that docs/keeper.md states, held against those that the keeper decides by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bulkhead.keeper import decide, mandates, price_update_plan, price_updates, windows

PAGE = " ".join((Path(__file__).parents[2] / "docs" / "keeper.md").read_text().split())
SAID: list[tuple[str, float]] = [
    ("clock was not recorded for {} s with auctions", windows.CLOCK_SECONDS),
    ("with auctions, {} s with vaults", decide.QUIET_SECONDS),
    ("in its settlement window, every {} s", windows.CLOCK_SECONDS),
    ("{} % of the vault's liquidation deposit", decide.FLAG_TIP),
    ("{} % of the deposit if your call ends the flag", decide.END_TIP),
    ("back at its target | {} % of the deposit", decide.END_TIP),
    ("price is at most {} s old", price_updates.SPOT_SECONDS - price_update_plan.MARGIN_SECONDS),
    ("the price has moved by {} %", price_update_plan.NEAR_MOVE_BPS / 100),
    ("there are vaults and it has moved by {} %", price_update_plan.MOVE_BPS / 100),
    ("has used up {} % of its age limit", price_update_plan.RENEW_PERCENT),
    ("They are gathered for {} s", price_update_plan.GATHER_SECONDS),
    ("Until {} minutes after its minute", price_updates.LATE_SECONDS / 60),
]
IN_WORDS = [
    ("what the cell may cost has moved by a tenth", decide.MOVED, 10),
    ("a flag of the same vault waits one block for it", mandates.HOLD_BLOCKS, 1),
    ("A poke waits up to half an hour for a sample", price_update_plan.HOLD_SECONDS, 30 * 60),
    ("of every whole ten minutes (realised vol)", price_updates.INSTANT, 10 * 60),
]


@pytest.mark.parametrize(("sentence", "number"), SAID, ids=[one[0] for one in SAID])
def test_page__number__is_the_one_that_is_decided_by(sentence, number):
    pattern = re.escape(sentence).replace(re.escape("{}"), r"([\d.]+)")
    found = re.findall(pattern, PAGE)
    assert len(found) == 1 and float(found[0]) == number, found


@pytest.mark.parametrize(("sentence", "number", "meant"), IN_WORDS, ids=[one[0] for one in IN_WORDS])
def test_page__number_in_words__is_the_one_that_is_decided_by(sentence, number, meant):
    assert sentence in PAGE and number == meant
