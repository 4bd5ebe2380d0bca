"""A walk of some thousand steps; `make walk` takes 40,000."""

from __future__ import annotations

from tests.matrix.run import built
from tests.stateful.walk import Walk

STEPS = 2_600


def test_walk__everything_in_any_order__breaks_no_promise_and_reaches_every_action() -> None:
    with built() as scene:
        walk = Walk(scene, seed=1).go(STEPS)
    print("\n" + walk.text())
    assert walk.steps >= 2_500 and walk.never() == []
    # refusals are named, and many
    assert len({reason for _, reason in walk.refused}) > 60
