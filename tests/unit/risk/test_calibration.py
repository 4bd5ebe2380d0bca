"""Nodes from price history: bin means against their definition, holes, and the command on files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bulkhead.cli import main
from bulkhead.risk import calibration
from tests.worlds import market_data

ROOT = Path(__file__).resolve().parents[3]
OHLC = market_data.FOLDER / "ohlc"


def history(count: int = 12_000, seed: int = 1, tail: float = 4.0) -> calibration.History:
    """Hourly prices with fat-tailed returns of a constant vol."""
    steps = np.random.default_rng(seed).standard_t(tail, count) * 0.005
    at = 1_600_000_000.0 // 3600 * 3600 + 3600 * np.arange(count + 1)
    return calibration.History("made up", at, 2000 * np.exp(np.concatenate(([0.0], np.cumsum(steps)))))


def test_nodes__of_known_returns__are_bin_means():
    returns = np.random.default_rng(3).standard_normal(100_000)
    nodes = calibration.nodes_of(returns)
    ordered = np.sort(returns)
    assert nodes[0].z == pytest.approx(ordered[:100].mean()) and nodes[0].count == 100
    assert nodes[-1].z == pytest.approx(ordered[-100:].mean())
    assert sum(n.count for n in nodes) == len(returns) and sum(n.p for n in nodes) == pytest.approx(1)
    # what an expected shortfall reads is the tail's own mean
    assert calibration.tail_mean(nodes, 0.01, -1) == pytest.approx(ordered[:1_000].mean())
    assert calibration.tail_mean(nodes, 0.01, 1) == pytest.approx(ordered[-1_000:].mean())
    assert calibration.deviation(nodes) == pytest.approx(1, abs=0.06)


def test_returns__forecast__knows_only_the_past():
    one = history()
    changed = calibration.History(one.name, one.at, one.close.copy())
    changed.close[-1] *= 1.5
    first, second = one.returns(), changed.returns()
    np.testing.assert_array_equal(first[:-1], second[:-1])
    assert abs(second[-1]) > abs(first[-1])


def test_returns__over_many_hours__have_the_same_size():
    assert np.std(history().returns(1)) == pytest.approx(np.std(history().returns(14)), rel=0.1)


def test_returns__hole_in_the_data__left_out():
    whole = history()
    keep = np.ones(len(whole.at), np.bool_)
    keep[5_000:5_010] = False
    holed = calibration.History("holed", whole.at[keep], whole.close[keep])
    assert len(whole.returns(3)) - len(holed.returns(3)) == 10 + 3


def test_nodes__too_few__refused():
    with pytest.raises(ValueError, match="too few"):
        calibration.nodes_of(history(2_000).returns())


@pytest.mark.parametrize("change", ["stamp", "price"])
def test_returns__bad_history__refused(change):
    bad = history(600)
    at, close = bad.at.copy(), bad.close.copy()
    if change == "stamp":
        at[10] = at[9]
    else:
        close[10] = 0.0
    with pytest.raises(ValueError, match="do not rise" if change == "stamp" else "not positive"):
        calibration.History("bad", at, close).returns()


def run(*arguments: object):
    return CliRunner(mix_stderr=False).invoke(main, ["calibrate", *map(str, arguments)], catch_exceptions=False)


def test_calibrate__csv__prints_nodes_beside_the_defaults(tmp_path):
    made = history()
    rows = [f"{int(t)},{p:.8f},{p:.8f},{p:.8f},{p:.8f}" for t, p in zip(made.at, made.close, strict=True)]
    file = tmp_path / "hours.csv"
    file.write_text("ts,open,high,low,close\n" + "\n".join(rows) + "\n")
    shown = run(file, "--hours", 1)
    assert shown.exit_code == 0 and "default z" in shown.stdout and "-7.50" in shown.stdout
    assert "hours.csv" in shown.stdout
    found = json.loads(run(file, "--hours", 1, "--json").stdout)
    want = calibration.nodes_of(made.returns())
    assert [n["z"] for n in found["nodes"]] == pytest.approx([n.z for n in want], abs=1e-4)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "There is no file"), ("ts,open,high,low,close\n1600000000,1,1,1,1\n1600000300,1,1,1,1\n", "hourly")],
)
def test_calibrate__bad_file__one_sentence(tmp_path, content, sentence):
    file = tmp_path / "bars.csv"
    if content is not None:
        file.write_text(content)
    shown = run(file)
    assert shown.exit_code == 1 and sentence in shown.stderr and shown.stderr.startswith("error: ")


def test_calibrate__eth_and_btc__gives_the_defaults_back():
    """The defaults come from this data; the outermost bin depends most on what is in it."""
    files = sorted(OHLC.glob("*USD_1h_*.parquet"))
    if not files:
        pytest.skip("no hourly prices: the folder ohlc is not in the data folder (BULKHEAD_DATA)")
    nodes = json.loads(run(*files, "--json").stdout)["nodes"]
    for node, usual in zip(nodes, calibration.defaults(), strict=True):
        assert math.isclose(node["z"], usual.z, abs_tol=0.15 if usual.p > 0.001 else 1.2)
