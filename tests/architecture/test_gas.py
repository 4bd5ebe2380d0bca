"""Gas per operation stays what benchmarks/gas.snapshot.json records; a change is committed on purpose."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks import access_lists, gas, gas_rows, rollups
from tests.architecture.sources import ROOT

#: Share by which a figure may drift before somebody has to look.
TOLERANCE = 0.02
#: Operations of many of which the figures give one.
MANY = {"settle_50": 50, "publish_8_first": 8, "publish_8": 8}
#: Gas of signatures and salts with other zero bytes.
DATA_BYTES = 60


@pytest.fixture(scope="module")
def measured() -> dict[str, int]:
    return gas.measure()


def test_gas__every_operation__is_within_the_recorded_figure(measured):
    recorded = json.loads(gas.SNAPSHOT.read_text())
    assert set(recorded) == set(measured) == {row.operation for row in gas_rows.ROWS}
    moved = {
        operation: (recorded[operation], used)
        for operation, used in measured.items()
        if abs(used - recorded[operation]) > TOLERANCE * recorded[operation]
    }
    assert not moved, f"(recorded, now): {moved}; run `make gas-snapshot` when the change is meant"


@pytest.mark.parametrize(
    "kept",
    [
        {one.operation: one.without for one in access_lists.kept()},
        {name: one.gas for name, one in rollups.kept().operations.items()},
    ],
    ids=["access lists", "rollups"],
)
def test_kept__gas_of_what_other_benchmarks_send__is_that_of_the_snapshot(kept):
    """After a change of gas: `python -m benchmarks.access_lists --snapshot`, and the same of `benchmarks.rollups`."""
    recorded = json.loads(gas.SNAPSHOT.read_text())
    moved = {
        name: (used, recorded[name])
        for name, used in kept.items()
        if abs(used // MANY.get(name, 1) - recorded[name]) > DATA_BYTES
    }
    assert kept and not moved


def test_decision__rows_that_miss_their_goal__are_those_it_accounts_for():
    # ADR 55 says of each where its gas goes and what would have to be given up
    text = (ROOT / "docs" / "adr" / "0055-gas-goals-that-are-missed.md").read_text()
    accounted = re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
    recorded = json.loads(gas.SNAPSHOT.read_text())
    missed = {row.title for row in gas_rows.ROWS if row.reach is not None and recorded[row.operation] > row.reach}
    titles = {row.title for row in gas_rows.ROWS}
    assert missed == titles & set(accounted)
    assert len(accounted) == len(set(accounted) - {"row"}) + accounted.count("row"), "a row has two lines"


def test_table__measured__names_every_row_and_goal(measured):
    lines = gas_rows.table(measured).splitlines()
    assert len(lines) == 2 + len(gas_rows.ROWS)
    for row, line in zip(gas_rows.ROWS, lines[2:], strict=True):
        assert row.title in line and f"{measured[row.operation]:,}" in line
        assert ("(missed)" in line) == (row.reach is not None and measured[row.operation] > row.reach)


def test_main__json__writes_the_agreed_form(measured, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gas, "measure", lambda: measured)
    assert gas.main(["--json", str(tmp_path / "gas.json"), "--snapshot", str(tmp_path / "snapshot.json")]) == 0
    written = json.loads((tmp_path / "gas.json").read_text())
    assert written == {"rows": [{"operation": o, "gas": g} for o, g in measured.items()]}
    assert json.loads((tmp_path / "snapshot.json").read_text()) == measured
    assert "| operation |" in capsys.readouterr().out
