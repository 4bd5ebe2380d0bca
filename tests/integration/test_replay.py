"""Replays through the real contracts, checked to the wei, and the demo as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bulkhead.chain.anvil import Anvil
from bulkhead.keeper.policy import ROLES, Policy
from bulkhead.keeper.service import JsonLog
from bulkhead.replay import scenarios
from bulkhead.replay.keepers import InlineKeeper
from bulkhead.replay.price_paths.bars import parse_bars
from bulkhead.replay.price_paths.path import PricePath
from bulkhead.replay.run import run

ROOT = Path(__file__).resolve().parents[2]


def an_hour_of_the_crash() -> str:
    """The bundled reconstruction around its first collapse, as a file of five-minute bars."""
    path = [bar for bar in scenarios.bars() if 9.9 * 3600 <= bar.at - scenarios.bars()[0].at <= 11.2 * 3600]
    lines = [f"{b.at},{b.open / 1e8:.2f},{b.high / 1e8:.2f},{b.low / 1e8:.2f},{b.close / 1e8:.2f}" for b in path]
    return "ts,open,high,low,close\n" + "\n".join(lines) + "\n"


@pytest.fixture
def prices(tmp_path):
    file = tmp_path / "crash.csv"
    file.write_text(an_hour_of_the_crash())
    return file


def bulkhead(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bulkhead", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def test_replay__on_a_fork__plays_after_its_newest_block_and_leaves_it_alone(prices, tmp_path):
    out = tmp_path / "out.json"
    with Anvil() as node:
        node.mine()
        before, now = node.rpc.block_number(), node.rpc.timestamp()
        done = bulkhead("replay", prices, "--fork", node.url, "--json", out)
        assert done.returncode == 0, done.stdout + done.stderr
        assert node.rpc.block_number() == before
    content = json.loads(out.read_text())
    assert content["started_at"] > now and (content["expiry"] - scenarios.bars()[0].at) % 86_400 == 8 * 3600
    assert "weeks later" in done.stderr and all(check["passed"] for check in content["checks"])
    refused = bulkhead("replay", prices, "--fork", "http://127.0.0.1:1")
    assert refused.returncode == 1 and "No node answers at" in refused.stderr and "Traceback" not in refused.stderr


def test_replay__of_a_file__writes_every_vault_and_conserves_every_token(prices, tmp_path):
    out = tmp_path / "out.json"
    done = bulkhead("replay", prices, "--json", out)
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(out.read_text())
    assert len(content["vaults"]) == 9
    for vault in content["vaults"]:
        assert vault["opened_at"] > 0 and vault["owner"].startswith("0x") and vault["legs"]
        assert vault["im_at_open"] >= 0 and vault["equity_end"] >= 0 and vault["insurance_used"] >= 0
        assert isinstance(vault["flagged_at"], list) and isinstance(vault["taken_at"], list)
    taken = {v["title"] for v in content["vaults"] if v["taken_at"]}
    assert {"short put", "leveraged future"} <= taken
    untouched = {v["title"] for v in content["vaults"] if not v["flagged_at"]}
    assert {"fully paid long put", "fully paid long call", "straddle, the put"} <= untouched
    assert content["totals"]["conservation_difference"] == 0
    assert all(check["passed"] for check in content["checks"]) and len(content["checks"]) == 8
    assert all(take["exact"] for vault in content["vaults"] for take in vault["takes"])


def test_replay__nobody_takes__insurance_pays_within_its_caps_and_claims_share_the_rest(prices):
    path = PricePath.of(parse_bars(prices.read_text(), prices.name), "a test", "ETH")
    policy = Policy(roles=frozenset(ROLES) - {"take"})
    with Path(os.devnull).open("w") as stream:
        record = run(path, lambda local: InlineKeeper(local, JsonLog(stream), policy))
    assert record.passed, [check for check in record.checks if not check.passed]
    used = record.totals["insurance_used"]
    assert 0 < used <= record.totals["insurance_added"] // 4
    assert sum(vault.insurance_used for vault in record.vaults) <= used
    short = next(vault for vault in record.vaults if vault.title == "short put")
    assert short.flagged_at and not short.takes and short.insurance_used > 0
    # what insurance does not cover is shared by the winners of the cell, and by nobody else
    assert 0.5 < record.recovery < 1
    untouched = next(vault for vault in record.vaults if vault.title == "fully paid long call")
    assert untouched.equity_end == sum(flow.amount for flow in untouched.flows) > 0


def test_replay__coin_of_ten_billionths__is_told_in_bundles_and_every_check_passes(tmp_path):
    """As Binance's klines of the cheapest coins: milliseconds, no header."""
    rows = [f"{(1_584_000_000 + 3600 * i) * 1000},{9 - i % 3}E-10,9E-10,7E-10,{9 - i % 2}E-10,1" for i in range(6)]
    file = tmp_path / "coin.csv"
    file.write_text("\n".join(rows))
    done = bulkhead("replay", file, "--symbol", "COIN", "--json", tmp_path / "new" / "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "each of 1,000,000,000 COIN" in done.stderr
    assert (tmp_path / "new" / "out.json").exists()


def test_demo__with_ape_and_a_keeper_process__ends_with_a_report_that_opens_offline(prices, tmp_path):
    page, log = tmp_path / "demo.html", tmp_path / "keeper.log"
    done = bulkhead("demo", "--data", prices, "--report", page, "--keeper-log", log)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deployed with Ape" in done.stdout and "FAILED" not in done.stdout
    assert "takes equal to the mirror to the wei" in " ".join(done.stdout.split())
    text = page.read_text()
    assert text.count("<svg") >= 3 and "<script" not in text
    assert "src=" not in text and "href=" not in text
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert events[0] == "started" and events[-1] == "stopped"
