"""What holds for all files: linters agree, nothing points at one machine, no market data is committed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

BIN = Path(sys.executable).parent


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["codespell"], ["lint-imports"]],
    ids=lambda c: " ".join(c),
)
def test_linter__agrees(command):
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_files__hold_no_path_of_one_machine():
    # assembled, so that this file does not find itself
    pattern = re.compile("|".join("/" + p for p in (r"root/", r"work/\w", r"home/[a-z]", r"tmp/[a-z]")))
    wrong = []
    for path in tracked():
        if path.suffix in (".png", ".gz") or path.name in ("uv.lock", "package-lock.json"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if pattern.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}")
    assert not wrong


def test_files__are_small_and_no_market_data():
    for path in tracked():
        name = path.relative_to(ROOT)
        assert path.suffix not in (".parquet", ".gz", ".csv"), name
        assert path.stat().st_size < 400_000 or path.name == "uv.lock", f"{name} is large"


def test_ci__is_make_test_and_the_browser_after_it():
    *_, first, _, last = (ROOT / ".ci" / "run").read_text().rstrip().splitlines()
    assert first == "make test" and last.startswith("make test-browser || ")


def test_setup__pins_the_same_uv_everywhere():
    assert re.search(r"^UV_VERSION=\d+\.\d+\.\d+$", (ROOT / "scripts" / "setup.sh").read_text(), re.MULTILINE)
