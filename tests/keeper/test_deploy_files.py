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
from prometheus_client.metrics import MetricWrapperBase

from bulkhead.cli import main
from bulkhead.keeper.config import Settings
from bulkhead.keeper.telemetry import Metrics

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
UNIT = ROOT / "deploy" / "bulkhead-keeper.service"
RULES, PLAYS = ROOT / "deploy" / "alerts-keeper.yml", ROOT / "deploy" / "alerts-keeper.test.yml"


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
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    served = Metrics().page().decode()
    names = {name for rule in rules for name in re.findall(r"bulkhead_keeper_\w+", rule["expr"])}
    assert len(rules) >= 8 and len(names) >= 8
    assert [name for name in names if f"# TYPE {name} " not in served] == []
    assert all(rule["annotations"]["summary"].endswith(".") for rule in rules)


#: A figure of the keeper with its labels, as rules and plays write it.
FIGURE = re.compile(r"(bulkhead_keeper_\w+)(?:\{([^}]*)\})?")


def labels_of(text: str) -> list[tuple[str, set[str]]]:
    """Figures in a text, each with the names of the labels that it is asked for or given by."""
    return [(name, set(re.findall(r"(\w+)=", inside))) for name, inside in FIGURE.findall(text)]


def test_alert_rules__figures_with_different_labels__say_which_do_not_count():
    """Without that Prometheus finds no pair, and the alert is silent for ever."""
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    pairs = 0
    for rule in rules:
        labels = [asked for _, asked in labels_of(rule["expr"])]
        values = re.findall(r"\{([^}]*)\}", rule["expr"])
        if len(labels) == 2 and (labels[0] != labels[1] or len(set(values)) > 1):
            pairs += 1
            (ignored,) = re.findall(r"ignoring\((\w+)\)", rule["expr"])
            assert labels[0] ^ labels[1] <= {ignored}, rule["alert"]
    assert pairs >= 2


def test_alert_plays__every_rule_is_tried_with_figures_that_the_keeper_serves():
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    plays = yaml.safe_load(PLAYS.read_text())["tests"]
    tried = [[case["alertname"] for case in play["alert_rule_test"] if case["exp_alerts"]] for play in plays]
    assert [[rule["alert"]] for rule in rules] == tried
    served = {
        family.name + ("_total" if family.type == "counter" else ""): metric._labelnames
        for metric in vars(Metrics()).values()
        if isinstance(metric, MetricWrapperBase)
        for family in metric.describe()
    }
    given = [figure for play in plays for series in play["input_series"] for figure in labels_of(series["series"])]
    assert len(given) >= len(rules)
    assert [name for name, labels in given if labels != set(served[name])] == []


def test_alert_rules__prometheus_itself__fires_each_when_it_should(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; on Debian `apt-get install prometheus` brings it.")
    done = subprocess.run(
        ["promtool", "test", "rules", str(PLAYS)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


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
