"""What an operator gets wrong, each told in one sentence by the command that he starts."""

from __future__ import annotations

import asyncio
import io
import json
import re

import pytest
from click.testing import CliRunner, Result

from bulkhead.chain import anvil
from bulkhead.chain.anvil import Anvil
from bulkhead.cli import main
from tests.keeper.test_wallets import kept
from tests.keeper.world import KEY, RIVALS


@pytest.fixture
def run(scene, tmp_path, monkeypatch):
    """`bulkhead keeper run --once` on the market, with settings beside what finds it."""
    monkeypatch.setenv("THE_KEY", KEY)
    scene.local.chain.deployment.save(tmp_path / "addresses.json")

    def start(*words: str, settings: str = "", nodes: tuple[str, ...] = (scene.local.anvil.url,)) -> Result:
        file = tmp_path / "keeper.toml"
        file.write_text(f'deployment = "{tmp_path}"\njournal = "{tmp_path / "j.sqlite"}"\n{settings}')
        urls = [word for url in nodes for word in ("--rpc", url)]
        line = ["keeper", "run", "--once", "--config", str(file), "--key-env", "THE_KEY", *urls, *words]
        return CliRunner().invoke(main, line)

    return start


def sentence(done: Result) -> str:
    """The one line that the command ends with."""
    assert done.exit_code != 0 and isinstance(done.exception, SystemExit)
    (last,) = [line for line in done.output.splitlines() if line.startswith("error: ")]
    return last


def alerts(done: Result) -> dict[str, str]:
    """Sentences of the alerts, by kind."""
    told = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    return {line["kind"]: line["text"] for line in told if line["event"] == "alert"}


def test_two_keepers_on_one_journal__the_second_is_refused(run, scene, tmp_path):
    async def play() -> Result:
        first = await kept(scene.local, tmp_path / "j.sqlite", (RIVALS[0],), io.StringIO())
        try:
            return await asyncio.to_thread(run)
        finally:
            await first.close()

    assert "is it another keeper's? Each keeper wants its own." in sentence(asyncio.run(play()))


def test_key_without_coins__is_told_at_once_by_its_address(run, scene, monkeypatch):
    monkeypatch.setenv("THE_KEY", anvil.key(500))
    text = alerts(run("--roles", "flag"))["no-funds"]
    address = re.match("0x[0-9a-fA-F]{40}", text)
    assert address and text.endswith("has no coins for gas: it can send nothing until it has some.")
    scene.local.anvil.set_balance(address[0], 10**18)
    assert "no-funds" not in alerts(run("--roles", "flag"))


def test_nodes_of_different_chains__the_wrong_one_is_named_and_alone_is_refused(run, scene):
    with Anvil(chain_id=7) as other:
        text = alerts(run("--roles", "flag", nodes=(other.url, scene.local.anvil.url)))["node-refused"]
        assert f"127.0.0.1:{other.port}" in text and "serves chain 7" in text and "chain 31337" in text
        assert "serves chain 7, but the deployment on local is on chain 31337" in sentence(run(nodes=(other.url,)))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ('max_capital = "0.5"', "max_capital is below min_profit: no take could ever pay that"),
        (
            'max_capital = "2"',
            "max_capital is 2, and the first leg of an own vault locks 10: no take could ever be made.",
        ),
        ('own_target = "1.4"', "own_target is at least own_health and 0.05"),
    ],
)
def test_limits_below_the_cost_of_one_take__are_refused(run, settings, told):
    assert told in sentence(run(settings=settings))
    assert run("--roles", "flag", settings='max_capital = "2"').exit_code == 0


def test_deployment_of_another_version__is_refused_by_the_contract_that_differs(run, tmp_path):
    file = tmp_path / "addresses.json"
    content = json.loads(file.read_text())
    content["contracts"]["Lens"]["abi_sha256"] = "00" * 32
    file.write_text(json.dumps(content))
    assert "Lens on local was built from other sources than this package (Lens)." in sentence(run())


def test_deployment_of_contracts_that_are_not_of_one__is_refused(run, tmp_path):
    file = tmp_path / "addresses.json"
    content = json.loads(file.read_text())
    content["contracts"]["Liquidator"]["address"] = content["contracts"]["Settlement"]["address"]
    file.write_text(json.dumps(content))
    assert "are not of one deployment" in sentence(run())
