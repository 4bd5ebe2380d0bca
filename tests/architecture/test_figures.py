"""Limits, shares, waits and defaults of the package are those that are written down: a slip of a digit shows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.architecture.figures import figure, figures, written


def test_figures__are_those_written_down():
    """After a change that is meant: `python -m tests.architecture.snapshots`."""
    assert figures() == written()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (780, "780"),
        (Decimal("0.10"), "Decimal('0.10')"),
        ((3.0, 0.5), "(3.0, 0.5)"),
        ({"a": 1, "b": "c"}, "{a: 1}"),
        ((("a", 2),), "((None, 2))"),
        (True, None),
        ("text", None),
        (("a", "b"), None),
        (None, None),
    ],
)
def test_figure__number_or_a_collection_with_one(value, told):
    assert figure(value) == told
