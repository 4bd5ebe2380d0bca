"""Every command that README and docs name runs as it stands there, or is listed with its reason."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import click
import pytest

from bulkhead.cli import main
from tests.documented.extract import ROOT, commands
from tests.documented.plan import Typed
from tests.documented.run import COMMENT, stale, way_of

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


@pytest.mark.skipif("DOCUMENTED" not in os.environ, reason="takes six minutes: `make documented-commands` runs all")
def test_commands__as_written__run():
    command = [sys.executable, "-m", "tests.documented", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1_800)
    told = [line for line in done.stdout.splitlines() if not line.startswith("not here")]
    assert done.returncode == 0, "\n".join(line for line in told if not line.startswith("ok "))
    assert sum(line.startswith("ok ") for line in told) > 20
