"""Every command that README and docs name runs as it stands there, or is listed with its reason."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys

import click
import pytest

from bulkhead.cli import main
from tests.documented.extract import ROOT, Command, commands
from tests.documented.plan import PLAN, Listed, Typed
from tests.documented.run import COMMENT, Place, _tried, script_of, stale, way_of

LINES = sorted(
    {
        COMMENT.sub("", line).strip()
        for command in commands()
        for line in command.text.splitlines()
        if "bulkhead " in line
    }
)


def unknown(line: str) -> list[str]:
    """Words of a line that the command line does not know: commands, and options of the one that is named."""
    words = shlex.split(line.partition("$(")[2].rstrip(")") if "$(bulkhead" in line else line)
    command: click.Command = main
    missing = []
    for word in words[words.index("bulkhead") + 1 :]:
        if word in (">", "|"):
            break
        if isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return [word]
            command = found
        elif word.startswith("--") and not any(
            word in option.opts + option.secondary_opts for option in command.params
        ):
            missing.append(word)
    return missing


@pytest.mark.parametrize("line", LINES)
def test_line__names_commands_and_options_that_are_there(line):
    assert not unknown(line)


def test_unknown__command_or_option__is_found():
    assert unknown("bulkhead vault burn 1") == ["burn"]
    assert unknown("desk=$(bulkhead vault open --deposits 5000)") == ["--deposits"]


def test_plan__names_only_what_the_documents_name():
    assert stale() == []
    assert isinstance(way_of("bulkhead explain VAULT"), Typed)


def test_make_test__which_is_what_ci_runs__runs_them_as_written():
    done = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    (line,) = [one for one in done.stdout.splitlines() if "tests.documented" in one]
    assert line.split() == ["python", "-m", "tests.documented"]
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()


def test_listed__what_does_not_run__is_for_another_place_or_takes_hours():
    """Whatever can run here runs: a reason says what is missing, or how long it takes."""
    signs = ("needs", "is ", "runs all", "hours", "minutes")
    for text, way in PLAN.items():
        assert not isinstance(way, Listed) or any(sign in way.note for sign in signs), text


def test_script__line_that_waits_or_is_left_out__is_no_part_of_it():
    page = Command("x.md", "bulkhead keeper run\nbulkhead markets  # what there is\nmake mutants\n", block=True)
    assert script_of([page], True).split("\n") == ["", "bulkhead markets  # what there is"]


def test_one__that_fails__is_told_with_its_last_lines(tmp_path):
    place = Place(tmp_path, dict(os.environ))
    assert place.run("echo fine") == ""
    assert place.run("echo bad news; exit 3") == "exit code 3\nbad news"
    assert place.serve("echo here; sleep 30", "here") == ""
    assert place.serve("echo other; exit 0", "here").startswith("'here' did not come")


def test_serve__started_where_ctrl_c_is_ignored__is_interrupted_all_the_same(tmp_path):
    """As a script starts what it does not wait for."""
    kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        python = f"exec {sys.executable} -c 'import time; print(\"here\", flush=True); time.sleep(300)'"
        # it hears it, which Python says in its own way
        assert Place(tmp_path, dict(os.environ)).serve(python, "here").endswith("KeyboardInterrupt")
    finally:
        signal.signal(signal.SIGINT, kept)


def test_tried__that_fails_once__passes_at_the_second_try_and_says_so():
    command, said = Command("x.md", "anything"), iter(["exit code 1\nno node", "", "first", "second"])
    once = _tried(command, lambda: next(said))
    assert once.failure == "" and once.remark == ", at the second try; first: no node"
    twice = _tried(command, lambda: next(said))
    assert twice.failure == "second" and twice.remark == ""
