"""The page on the frontier: written from the numbers that are kept, with every setting of the tables in it."""

from __future__ import annotations

import json

from benchmarks import frontier
from bulkhead.risk.frontier import Setting
from bulkhead.risk.frontier.choose import criterion, nearest
from bulkhead.risk.frontier.write import plot
from tests.architecture.sources import ROOT


def kept():
    return json.loads(frontier.RESULTS.read_text())


def test_page__of_the_last_run__is_the_one_in_docs():
    assert frontier.page(kept()) == (ROOT / "docs" / "frontier.md").read_text()
    assert plot(frontier.choice_of(kept())) == (ROOT / "docs" / "frontier.svg").read_text()


def test_choice__of_the_last_run__is_what_the_criterion_says_and_covers_what_is_in_force():
    choice = frontier.choice_of(kept())
    assert [row.setting for row in choice.rows] == [row.setting for row in choice.judged]
    assert nearest(choice.rows, Setting()) == choice.today and choice.rows[choice.today].setting == Setting()
    assert criterion(choice.rows, choice.peer[0], choice.rows[choice.today].mean_im) == (choice.taken, choice.why)
    seen = {(row.setting.horizon_seconds // 3600, row.setting.stress_share_bps) for row in choice.rows}
    usual = Setting().horizon_seconds // 3600
    assert seen == {(h, 0) for h in frontier.HORIZONS} | {(usual, share) for share in frontier.SHARES}


def test_kept__written_and_read__is_the_same():
    choice, numbers = frontier.choice_of(kept()), kept()
    again = frontier.kept_of(choice, {}, numbers["fitted"])
    assert {name: again[name] for name in ("fit", "judged", "peer", "names")} == {
        name: numbers[name] for name in ("fit", "judged", "peer", "names")
    }
