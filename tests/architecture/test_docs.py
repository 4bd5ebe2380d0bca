"""The README's commands are those that CI runs, its Python works as printed, and no link leads nowhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.sender import Sender, account_from_key
from tests.architecture.sources import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
#: 2027-01-14 12:00 UTC, two weeks before the README's expiry.
START = 1_799_928_000
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_page__links__lead_to_files(page):
    missing = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert not missing


def test_readme__commands__are_the_two_that_tests_run():
    (commands,) = [text for kind, text in BLOCKS if kind == ""]
    assert [line.split("#")[0].strip() for line in commands.splitlines()] == ["make demo", "make test"]


@pytest.mark.parametrize(("target", "runs"), [("demo", "bulkhead demo"), ("test", "ape test tests/integration")])
def test_readme__targets__exist_and_run_what_they_say(target, runs):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert runs in done.stdout


def test_readme__python__opens_a_vault(tmp_path, monkeypatch, capsys):
    (program,) = [text for kind, text in BLOCKS if kind == "python"]
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    content = yaml.safe_load((ROOT / "deployments" / "local" / "inputs.yaml").read_text())
    with Anvil(timestamp=START) as chain:
        deployer = Sender(chain.rpc, account_from_key(anvil.key(0)))
        deployment = deploy.deploy(chain.rpc, deployer, inputs.parse(content, "inputs.yaml"), ROOT)
        deployment.save(tmp_path / "deployments" / "local" / "addresses.json")
        token = Connection(chain.rpc, deployment).market("ETH").token
        for index in (1, 2):
            deployer.execute(token, "mint", account_from_key(anvil.key(index)).address, 10_000 * 10**6)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("BULKHEAD_RPC_URL", chain.url)
        monkeypatch.setenv("MAKER_KEY", anvil.key(1))
        monkeypatch.setenv("TRADER_KEY", anvil.key(2))
        exec(compile(program, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "state='covered'" in printed and "market='ETH'" in printed


def test_picture__of_a_report__has_both_charts(tmp_path):
    svg = '<svg viewBox="0 0 960 {}" role="img"><line/></svg>'
    legend = '<span><i style="background:#2f7ed8"></i>1 desk (maker)</span>'
    report = tmp_path / "report.html"
    report.write_text(
        f"<section><h2>Price and volatility</h2>{svg.format(280)}{legend}</section>"
        f"<section><h2>Health of every vault</h2>{svg.format(300)}</section>"
    )
    out = tmp_path / "picture.svg"
    command = [sys.executable, str(ROOT / "docs" / "picture.py"), str(report), str(out)]
    subprocess.run(command, check=True)
    assert out.read_text().count("<line/>") == 2 and "1 desk (maker)" in out.read_text()
    report.write_text("<p>nothing</p>")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "no section" in done.stderr


def test_picture__committed__is_there():
    assert "docs/demo.svg" in README
    assert (ROOT / "docs" / "demo.svg").read_text().startswith("<svg")
