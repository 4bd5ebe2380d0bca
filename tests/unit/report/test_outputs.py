"""What a run of minutes is to write can be written, or it says so before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bulkhead.chain.errors import BadInput
from bulkhead.cli import main
from bulkhead.report.outputs import check_outputs


def test_check_outputs__good_places__leaves_nothing_but_folders(tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text("old")
    check_outputs(kept, tmp_path / "new" / "report.html", None, Path("/dev/null"), Path("/dev/null"))
    assert kept.read_text() == "old" and not (tmp_path / "new" / "report.html").exists()


def test_check_outputs__what_cannot_be_written__is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is a folder where a file"):
        check_outputs(tmp_path)
    with pytest.raises(BadInput, match="cannot be written"):
        check_outputs(tmp_path / "file" / "report.html")
    with pytest.raises(BadInput, match="into one file"):
        check_outputs(tmp_path / "a", tmp_path / "b" / ".." / "a")


@pytest.mark.parametrize("option", ["--json", "--report", "--keeper-log"])
def test_replay__output_that_cannot_be_written__is_refused_at_once(tmp_path, option):
    done = CliRunner().invoke(main, ["replay", option, str(tmp_path)])
    assert done.exit_code == 1 and "is a folder" in done.output


@pytest.mark.parametrize("command", [["demo", "--report"], ["drill", "--keeper-log"]])
def test_long_runs__output_that_cannot_be_written__is_refused_at_once(tmp_path, command):
    done = CliRunner().invoke(main, [*command, str(tmp_path)])
    assert done.exit_code == 1 and "is a folder" in done.output
