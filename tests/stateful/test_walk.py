"""Walks of some thousand steps; `make walk` takes 40,000."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.stateful import __main__ as at_length
from tests.stateful.machines import first_break, go

STEPS = 2_600


def test_walk__everything_in_any_order__breaks_no_promise_and_reaches_every_action() -> None:
    walk = go("walk", STEPS, seed=1)
    print("\n" + walk.text())
    assert walk.steps >= 2_500 and walk.never() == []
    # refusals are named, and many
    assert len({reason for _, reason in walk.refused}) > 60
    # owners passed by every row of the margin table
    assert set(walk.by_row) == {1, 2, 3, 4}


@pytest.mark.parametrize(("name", "steps"), [("kinds", 480), ("brought", 600), ("keys", 480)])
def test_walk__of_a_market_apart__breaks_no_promise_and_reaches_every_action(name: str, steps: int) -> None:
    machine = go(name, steps, seed=1)
    print("\n" + machine.text())
    assert machine.never() == []


def test_walk__stopped_half_way__goes_on_where_it_was_unless_a_source_has_changed(
    tmp_path: Path, monkeypatch: Any
) -> None:
    walks: list[tuple[str, int, int]] = []

    def walked(name: str, steps: int, seed: int) -> dict[str, Any]:
        walks.append((name, steps, seed))
        if len(walks) == 3:
            raise KeyboardInterrupt
        return {"steps": steps, "seconds": 1, "never": [f"only {seed}", "nobody"], "accepted": 1, "refused": 2}

    monkeypatch.setattr(at_length, "walked", walked)
    file = tmp_path / "kept.json"
    arguments = ["stateful", "--only", "kinds", "--steps", "10", "--part", "3", "--keep", str(file)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(KeyboardInterrupt):
        at_length.main()
    assert walks == [("kinds", 3, 1), ("kinds", 3, 101), ("kinds", 2, 201)]
    # what no part has seen fails the whole
    with pytest.raises(SystemExit, match="^never accepted: kinds: nobody$"):
        at_length.main()
    assert walks[3:] == [("kinds", 2, 201), ("kinds", 2, 301)]
    file.write_text(file.read_text().replace(at_length.digest(), "another"))
    with pytest.raises(SystemExit):
        at_length.main()
    assert len(walks) == 5 + 4


def test_first_break__nothing_broken__is_none() -> None:
    assert first_break("brought", 5, seed=1) == (0, "")
