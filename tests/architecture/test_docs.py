"""The README's commands are those that CI runs, its Python works as printed, and no link leads nowhere."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.client import Bulkhead
from tests.architecture.sources import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
#: 2027-01-14 12:00 UTC, two weeks before the README's expiry.
START = 1_799_928_000
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "deployments" / "README.md"])


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_page__links__lead_to_files(page):
    missing = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert not missing


def test_readme__commands__are_those_that_tests_run():
    (commands,) = [text for kind, text in BLOCKS if kind == ""]
    assert [line.split("#")[0].strip() for line in commands.splitlines()] == ["make demo", "make app", "make test"]


@pytest.mark.parametrize(
    ("target", "runs"), [("demo", "bulkhead demo"), ("app", "scripts.app"), ("test", "ape test tests/integration")]
)
def test_readme__targets__exist_and_run_what_they_say(target, runs):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert runs in done.stdout


def test_readme__environment__is_entered_as_it_says():
    assert "`. .venv/bin/activate`" in README and "`make shell`" in README
    assert (ROOT / ".venv" / "bin" / "activate").exists()
    done = subprocess.run(["make", "-n", "shell"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and ". .venv/bin/activate" in done.stdout


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """A deployed and funded market, two weeks before the expiry that the docs trade."""
    place = tmp_path_factory.mktemp("docs") / "deployments" / "local"
    content = yaml.safe_load((ROOT / "deployments" / "local" / "inputs.yaml").read_text())
    with Anvil(timestamp=START) as chain:
        deployer = Sender(chain.rpc, account_from_key(anvil.key(0)))
        deployment = deploy.deploy(chain.rpc, deployer, inputs.parse(content, "inputs.yaml"), ROOT)
        deployment.save(place / "addresses.json")
        token = Connection(chain.rpc, deployment).market("ETH").token
        for index in (1, 2):
            deployer.execute(token, "mint", account_from_key(anvil.key(index)).address, 100_000 * 10**6)
        variables = {
            "BULKHEAD_RPC_URL": chain.url, "MAKER_KEY": anvil.key(1), "TRADER_KEY": anvil.key(2),
            "BULKHEAD_KEY": anvil.key(2), "BULKHEAD_DEPLOYMENT": str(place),
        }  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            yield place


def test_readme__python__opens_a_vault(market, monkeypatch, capsys):
    (program,) = [text for kind, text in BLOCKS if kind == "python"]
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(market.parents[1])
    exec(compile(program, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "state='covered'" in printed and "market='ETH'" in printed


def test_integrator_page__python__reads_a_vault_and_values_a_book(market, monkeypatch, capsys):
    page = (ROOT / "docs" / "integrator.md").read_text()
    Bulkhead(os.environ["BULKHEAD_RPC_URL"], market, key=anvil.key(1)).vaults.open("ETH", deposit=20)
    monkeypatch.chdir(ROOT)
    for program in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(program, "integrator.md", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("0x") and "[1.88" in second and "1775.53" in second and "1.88" in page


def in_bash(commands: str, folder: Path) -> str:
    """What commands print that somebody types in the environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(script, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_trader_page__commands__trade_and_bring_the_tokens_home(market, tmp_path):
    trade, settle = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "trader.md").read_text(), re.DOTALL)
    printed = in_bash(trade, tmp_path)
    assert "passes" in printed and "+5 call 200" in printed
    # and a position that is held to its expiry
    held = trade[: trade.index("bulkhead vault show")]
    warp = "bulkhead anvil crash ETH --by -30\nbulkhead anvil warp --to 2027-01-29T08:10\n"
    # vaults that other pages left open in that expiry have to be settled before anybody is paid
    ids = "import json, sys; print(*[v['vault_id'] for v in json.load(sys.stdin) if v['legs']])"
    others = f'for id in $(bulkhead vault list --json | python -c "{ids}"); do bulkhead vault settle $id; done\n'
    settled, claim = settle.split("bulkhead vault claim", 1)
    whole = f"{settled}{others}bulkhead vault claim{claim}"
    printed = in_bash(f"{held}\n{warp}\n{whole}\nbulkhead vault show $vault", tmp_path)
    assert "the price is 252.98" in printed and " state " in printed and "empty" in printed


def test_readme__make_market__serves_what_the_ten_lines_need(tmp_path):
    port = anvil.free_port()
    command = [sys.executable, "-m", "scripts.market", "--port", str(port), "--deployment", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        told = {}
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                told[name] = value
            if "BULKHEAD_KEEPER_KEY" in told:
                break
        trader = Bulkhead(told["BULKHEAD_RPC_URL"], told["BULKHEAD_DEPLOYMENT"], key=told["TRADER_KEY"])
        assert trader.vaults.get(2).state == "covered" and told["BULKHEAD_RPC_URL"].endswith(str(port))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()


def test_picture__of_a_report__has_both_charts(tmp_path):
    svg = '<svg viewBox="0 0 960 {}" role="img"><line/></svg>'
    legend = '<span><i style="background:#2f7ed8"></i>1 desk (maker)</span>'
    report = tmp_path / "report.html"
    report.write_text(
        f"<section><h2>Price and volatility</h2>{svg.format(280)}{legend}</section>"
        f"<section><h2>Health of every vault</h2>{svg.format(300)}</section>"
    )
    out = tmp_path / "picture.svg"
    command = [sys.executable, "-m", "bulkhead.report.picture", str(report), str(out)]
    subprocess.run(command, cwd=ROOT, check=True)
    assert out.read_text().count("<line/>") == 2 and "1 desk (maker)" in out.read_text()
    report.write_text("<p>nothing</p>")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "no section" in done.stderr


def test_picture__committed__is_there():
    assert "docs/demo.svg" in README
    assert (ROOT / "docs" / "demo.svg").read_text().startswith("<svg")
