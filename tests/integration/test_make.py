"""The README's two commands, as a newcomer types them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # a newcomer's shell has neither our environment active nor a make above it
    keep = ("HOME", "PATH", "LANG")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    command = ["make", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


def test_make_demo__as_printed__ends_with_every_check_passed():
    done = make("demo")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "Conservation" in done.stdout and "failed" not in done.stdout
    assert (ROOT / "out" / "demo.html").read_text().startswith("<!doctype html>")


def test_make_test__narrowed__runs_every_suite():
    boa = "ARGS=tests/unit/python/test_inputs.py"
    ape = "APE_ARGS=tests/integration/test_deploy.py -k public_network"
    done = make("test", "WORKERS=0", boa, ape, "ONLY=python -m scripts.generate_scenarios")
    assert re.search(r"^ok +\d+ s  python -m scripts.generate_scenarios$", done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    # the two of Python; the page's tests are told in another form
    assert len(re.findall(r"\d+ passed.* in [\d.]+s", done.stdout)) == 2
    broken = make("test", "WORKERS=0", "ARGS=tests/unit/python/test_inputs.py -k no_such_test", ape)
    assert broken.returncode != 0, "a suite that runs nothing fails"
