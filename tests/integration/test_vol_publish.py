"""`bulkhead vol` on a real node: fit, publish, and what cannot be published as one sentence."""

from __future__ import annotations

import csv
import datetime
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from bulkhead.chain import anvil
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.cli import main
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.price_paths.rounds import Round
from tests.worlds.local_market import SPOT, START
from tests.worlds.surface import ACCOUNTS, KEYS

DAY = 86_400


@pytest.fixture(scope="module")
def local():
    with LocalMarket("ETH", Round(START, SPOT)) as built:
        built.push(Round(START, SPOT))
        owner = Sender(built.chain.rpc, account_from_key(anvil.key(0)))
        owner.execute(built.chain["VolSurface"], "set_publishers", 1, ACCOUNTS, 2, 3600, 1000)
        yield built


def chain_file(folder: Path, now: int, vol: float, days: tuple[int, ...] = (2, 9, 30)) -> Path:
    """A chain with a mild smile, as an exchange would list it."""
    path = folder / "chain.csv"
    with path.open("w") as file:
        out = csv.writer(file)
        out.writerow(["currency", "expiry_datetime", "strike", "futures_price", "mark_iv", "delta", "snap_ts"])
        for day in days:
            at = now // DAY * DAY + 8 * 3600 + day * DAY
            for step in range(-8, 9):
                z = step / 3
                k = z * vol * math.sqrt((at - now) / (365 * DAY))
                iv = vol * (1 - 0.03 * z + 0.02 * z * z)
                stamps = [datetime.datetime.fromtimestamp(t, datetime.UTC).isoformat() for t in (at, now)]
                out.writerow(["ETH", stamps[0], 200 * math.exp(k), 200, iv, 0.5, stamps[1]])
    return path


def run(local: LocalMarket, folder: Path, *arguments: object, keys: str | None = None):
    local.chain.deployment.save(folder / "addresses.json")
    environment = {"BULKHEAD_KEY": anvil.key(5), "BULKHEAD_PUBLISHER_KEYS": keys}
    return CliRunner(mix_stderr=False).invoke(
        main,
        ["vol", *(str(a) for a in arguments), "--rpc", local.anvil.url, "--deployment", str(folder)],
        env=environment,
        catch_exceptions=False,
    )


def test_vol_publish__first_and_next__in_force_as_far_as_the_cap_goes(local, tmp_path):
    now = local.chain.rpc.timestamp()
    file = chain_file(tmp_path, now, 0.7)
    result = run(local, tmp_path, "publish", file, "--market", "ETH", keys=",".join(KEYS[:2]))
    assert result.exit_code == 0, result.stderr
    assert "3 expiries" in result.stdout and "100% of the way" in result.stdout
    facts = local.chain["OracleAdapter"].call("snapshot", 1, now // DAY * DAY + 8 * 3600 + 9 * DAY)
    assert facts.status & 96 == 64  # a smile, and not live while it still comes from the fallback surface

    result = run(local, tmp_path, "publish", file, "--market", "ETH", keys=KEYS[0])
    assert result.exit_code == 1
    assert "1 of the 2 signatures" in result.stderr
    result = run(local, tmp_path, "publish", file, "--market", "ETH", keys=f"{KEYS[0]},0x{'17' * 32}")
    assert "is no publisher of market 1" in result.stderr
    result = run(local, tmp_path, "publish", tmp_path / "none.csv", "--market", "ETH", keys=",".join(KEYS[:2]))
    assert "There is no option chain" in result.stderr


def test_vol_fit__a_file__smiles_and_errors(tmp_path):
    file = chain_file(tmp_path, START, 0.7)
    result = CliRunner(mix_stderr=False).invoke(main, ["vol", "fit", str(file)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.count("70.0%") == 3
