"""Health and figures."""

from __future__ import annotations

import re
from pathlib import Path

from bulkhead.keeper.telemetry import LATE_BLOCKS, Health, Metrics


def test_health__blocks_without_a_finished_tick__is_a_complaint():
    health = Health(head=10, finished=10)
    assert health.complaint() == ""
    health.head = 10 + LATE_BLOCKS - 1
    assert health.complaint() == ""
    health.head = 10 + LATE_BLOCKS
    assert "3 blocks" in health.complaint()
    health = Health(head=10, finished=10)
    health.heard_at -= 60
    assert "no node has answered" in health.complaint()
    health = Health(head=10, finished=10, interval=1.0)
    health.news_at -= 60
    assert "no new block" in health.complaint()
    # blocks that come rarely: one that has just come is being looked at
    health = Health(head=11, finished=10)
    health.finished_at -= 60
    assert health.complaint() == ""
    health.news_at -= 60
    assert "no tick has finished" in health.complaint()


def test_dashboard__every_figure__is_one_that_the_keeper_serves():
    board = (Path(__file__).parents[2] / "deploy" / "grafana-keeper.json").read_text()
    served = Metrics().page().decode()
    names = set(re.findall(r"bulkhead_keeper_[a-z_]+", board))
    assert len(names) > 12 and [name for name in names if f"# TYPE {name.removesuffix('_bucket')} " not in served] == []
