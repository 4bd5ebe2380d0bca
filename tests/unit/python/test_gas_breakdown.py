"""The breakdown of gas: what a step counts as, and what a warm call takes of it."""

from __future__ import annotations

import pytest

from benchmarks.gas_breakdown import Step, class_of, steps, warmed


@pytest.mark.parametrize(
    ("op", "cold", "kind", "warm"),
    [
        ("SLOAD", 2_100, "sload", 100),
        ("STATICCALL", 2_600, "account", 100),
        ("CALL", 2_683, "account", 183),
        ("SLOAD", 100, "warm", 100),
        ("STATICCALL", 187, "warm", 187),
        ("SSTORE", 22_100, "sstore", 22_100),
        ("MSTORE", 2_700, "memory", 2_700),
    ],
)
def test_warmed__step__costs_what_it_does_when_it_was_accessed_before(op, cold, kind, warm):
    step = Step("0x" + "11" * 20, 0, op, cold)
    assert class_of(step) == kind and warmed(step).own == warm


def test_steps__nested_call__counts_its_inside_for_the_callee():
    callee = "22" * 20
    logs = [
        {"depth": 1, "op": "PUSH1", "gas": 10_000, "gasCost": 3, "pc": 0, "stack": []},
        {"depth": 1, "op": "STATICCALL", "gas": 9_997, "gasCost": 9_000, "pc": 2, "stack": ["0x" + callee, "0x0"]},
        {"depth": 2, "op": "SLOAD", "gas": 7_000, "gasCost": 2_100, "pc": 0, "stack": []},
        {"depth": 2, "op": "STOP", "gas": 4_900, "gasCost": 0, "pc": 1, "stack": []},
        {"depth": 1, "op": "STOP", "gas": 5_297, "gasCost": 0, "pc": 3, "stack": []},
    ]
    found = list(steps(logs, "0x" + "11" * 20))
    assert [(step.code[-2:], step.op, step.own) for step in found] == [
        ("11", "PUSH1", 3), ("11", "STATICCALL", 2_600), ("22", "SLOAD", 2_100), ("22", "STOP", 0), ("11", "STOP", 0),
    ]  # fmt: skip
