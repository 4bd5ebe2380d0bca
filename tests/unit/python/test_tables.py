"""Tables of the command line: whole in a pipe, folded and not cut on a narrow terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from bulkhead.cli import output

LEGS = ", ".join(f"+{i}.5 call {2_000 + 100 * i}" for i in range(16))


def table() -> Table:
    made = Table(box=None)
    for name in ("vault", "owner", "legs"):
        made.add_column(name)
    made.add_row("7", "0x" + "ab" * 20, LEGS)
    return made


def test_show__into_a_pipe__is_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    output.Output(as_json=False).table(None, table())
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["vault", "owner", "legs"]
    assert row.split() == ["7", "0x" + "ab" * 20, *LEGS.split()]


def test_show__on_a_narrow_terminal__loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        output, "Console", lambda **_: Console(file=screen, force_terminal=True, color_system=None, width=80)
    )
    output.Output(as_json=False).table(None, table())
    said = screen.getvalue()
    assert "\N{HORIZONTAL ELLIPSIS}" not in said
    assert all(f"{2_000 + 100 * i}" in said for i in range(16))
    assert max(len(line) for line in said.splitlines()) <= 80
