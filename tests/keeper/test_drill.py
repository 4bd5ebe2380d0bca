"""The short form of `bulkhead drill`: many vaults through the deepest hours of the bundled crash."""

from __future__ import annotations

import os

from bulkhead.replay import scenarios
from bulkhead.replay.drill import run_drill, window


def test_window__hours_of_a_crash__are_those_of_the_fall():
    bars = scenarios.bars()
    part = window(bars, 2)
    assert len(part) < len(bars) and max(b.high for b in part) > 1.1 * min(b.low for b in part)
    assert window(bars, 0) == bars


def test_drill__many_vaults_in_the_fall__no_vault_is_missed_or_late(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (7.5, 1.0, 2.0))
    found = run_drill(window(scenarios.bars(), 0.6), 40)
    assert found.passed, found
    assert found.unsafe > 0 and found.flagged > 0 and found.worst <= 2 and found.mismatches == 0
    # what else the machine had to do is told beside the times
    assert found.load == 7.5
