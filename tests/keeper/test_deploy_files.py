"""What runs a keeper in production: the container file and the unit, held against the program they start."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from bulkhead.cli import main
from bulkhead.keeper.config import Settings
from bulkhead.keeper.telemetry import Metrics

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
UNIT = ROOT / "deploy" / "bulkhead-keeper.service"


def known_settings(text: str) -> list[str]:
    """Settings named by environment variables in a text; every one must exist."""
    names = [name.lower() for name in re.findall(r"BULKHEAD_KEEPER_([A-Z_]+)=", text)]
    assert [name for name in names if name not in Settings.model_fields] == []
    return names


def complaint(command: list[str]) -> str:
    """What the program says to a command line whose settings file does not exist."""
    return CliRunner().invoke(main, command).output


def test_dockerfile__what_it_copies_and_starts__exists():
    sources = [s for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.M) for s in line.split()[:-1]]
    assert len(sources) >= 4 and [s for s in sources if not (ROOT / s).exists()] == []
    (entry,) = re.findall(r"^ENTRYPOINT \[(.+)\]$", DOCKERFILE, re.M)
    (command,) = re.findall(r"^CMD \[(.+)\]$", DOCKERFILE, re.M)
    words = [word.strip(' "') for word in f"{entry},{command}".split(",")]
    assert words[0] == "bulkhead" and "There is no file /etc/bulkhead/keeper.toml" in complaint(words[1:])
    assert known_settings(DOCKERFILE) == ["listen", "restart_seconds"]
    # nobody is root in it, and no secret is baked in
    assert re.search(r"^USER (?!root|0)", DOCKERFILE, re.M) and not re.search(r"(KEY|PASSWORD|SECRET)=", DOCKERFILE)


def test_dockerfile__packages__are_those_of_the_lock_file_by_the_uv_that_sets_the_project_up():
    (wanted,) = re.findall(r"^UV_VERSION=(.+)$", (ROOT / "scripts" / "setup.sh").read_text(), re.M)
    assert re.findall(r"uv==(\S+)", DOCKERFILE) == [wanted]
    assert "uv sync --frozen --no-dev --no-editable" in DOCKERFILE and "uv.lock" in DOCKERFILE
    assert "pip install --no-cache-dir ." not in DOCKERFILE and "pip install '" not in DOCKERFILE


def test_unit__what_it_starts__is_a_command_of_the_program():
    (line,) = re.findall(r"^ExecStart=(.+)$", UNIT.read_text(), re.M)
    words = shlex.split(line)
    assert words[0].endswith("/bulkhead") and "There is no file" in complaint(words[1:])
    assert known_settings(UNIT.read_text()) == ["listen", "restart_seconds"]


def test_alert_rules__what_they_ask_for__is_what_the_keeper_serves():
    rules = yaml.safe_load((ROOT / "deploy" / "alerts-keeper.yml").read_text())["groups"][0]["rules"]
    served = Metrics().page().decode()
    names = {name for rule in rules for name in re.findall(r"bulkhead_keeper_\w+", rule["expr"])}
    assert len(rules) >= 8 and len(names) >= 8
    assert [name for name in names if f"# TYPE {name} " not in served] == []
    assert all(rule["annotations"]["summary"].endswith(".") for rule in rules)


def test_unit__systemd__finds_nothing_wrong(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed; on Debian `apt-get install systemd` brings it.")
    # the program is installed elsewhere here: everything else is as it stands
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text(), flags=re.M)
    copy = tmp_path / UNIT.name
    copy.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    about = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert about == [] and done.returncode == 0
