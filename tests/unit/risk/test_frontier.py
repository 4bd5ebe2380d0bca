"""Calibration on a small invented market: what is measured, what the criterion takes, what is written."""

from __future__ import annotations

import ast
import json
import xml.dom.minidom
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bulkhead.chain.parameters import PARAMETERS
from bulkhead.cli import main
from bulkhead.risk import calibrated
from bulkhead.risk.calibration import Node
from bulkhead.risk.frontier import (
    Choice,
    Effort,
    Grid,
    Market,
    Row,
    Setting,
    Span,
    Window,
    fit,
    frontier,
    measure,
    pairs,
)
from bulkhead.risk.frontier.choose import NOTHING, criterion, nearest, peer
from bulkhead.risk.frontier.setting import BOUNDS, STRESSED_MORE
from bulkhead.risk.frontier.write import best, constants, plot
from bulkhead.risk.scales import DAY, HOUR
from bulkhead.risk.words import RiskWord

START = 1_577_836_800  # 2020-01-01
EFFORT = Effort(idle=6, crash=6, every=4)
GRID = Grid((4 * HOUR, 14 * HOUR), (12_500, 20_000), (0, 2_500))


def prices(days: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Hourly closes of a walk whose vol comes and goes."""
    draw = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    moves = draw.standard_t(4, len(hours)) * 0.005 * (1 + 0.6 * np.sin(hours / 900))
    return START + HOUR * hours, 2000 * np.exp(np.cumsum(moves) * 0.7)


@pytest.fixture(scope="module")
def market() -> Market:
    at, close = prices(500)
    crashes = []
    for day in (200, 420):
        steps = np.arange(START + day * DAY, START + (day + 2) * DAY, 300)
        fall = np.where(steps > steps[200], np.maximum(1 - (steps - steps[200]) / 20_000, 0.75), 1.0)
        crashes.append(Window(f"day {day}", steps, np.interp(steps, at, close) * fall))
    return Market.of("ETH", at, close, crashes)


def test_frontier__more_margin__liquidates_fewer_and_asks_more(market: Market) -> None:
    rows = frontier([market], Span(0, 2**40), GRID, EFFORT)
    assert [r.setting for r in rows] == [
        replace(margin, kappa_bps=kappa) for margin in GRID.margins() for kappa in GRID.kappas
    ]
    for low, high in zip(rows[::2], rows[1::2], strict=True):
        assert low.mean_im < high.mean_im and low.liquidated >= high.liquidated
        assert (low.jumps, low.swing) == (high.jumps, high.swing)
    short, long = rows[0], rows[2]
    assert short.mean_im < long.mean_im
    # a share that does not move: margins swing less
    assert rows[4].swing < rows[0].swing
    assert all(row.losses["24 h"] >= row.losses["12 s"] >= 0 for row in rows)
    assert all(row.worst[name] >= row.losses[name] for row in rows for name in measure.DELAYS)


def test_hold__vault_at_its_need__is_just_never_below_its_margin(market: Market) -> None:
    sigma = market.path.sigma()
    weeks = market.weeks(START, START + 150 * DAY)
    for held in measure.idle(measure.ours(Setting()), market, sigma, weeks[:2], 6, 1):
        need = held.need()
        below = ((need * (1 - 1e-9) - 1e-6 + held.gain) < held.maintenance) & held.alive
        assert below.any(axis=0)[need > 0].all()
        assert not (((need + 1e-6 + held.gain) < held.maintenance) & held.alive).any()


def test_losses__vault_without_margin__loses_what_the_crash_takes(market: Market) -> None:
    (one, *_) = measure.crashes(measure.ours(Setting()), market, lambda path: path.sigma(), 20, 1)
    bare = one.losses(np.zeros(20))
    rich = one.losses(np.full(20, 1e9))
    assert bare["30 min"] > 0 and bare["24 h"] > 0 and max(rich.values()) == 0


@pytest.mark.parametrize(("short", "lost"), [(0.0, False), (1e-9, True)])
def test_losses__equity_equal_to_the_margin__is_not_taken(short: float, lost: bool) -> None:
    """One vault with a gain of 0, then what is said, then a loss of 3: taken at the second look it loses nothing."""
    column = np.array([[0.0], [-1.0 - short], [-4.0]])
    held = measure.Held(
        notional=np.array([10.0]),
        initial=np.array([2.0]),
        room=np.array([9.0]),
        ratio=np.ones(1),
        gain=column,
        maintenance=np.array([[1.0], [1.0], [0.0]]),
        alive=np.array([[True], [True], [False]]),
    )
    found = measure.Crashed("one", 300, held).losses(np.array([2.0]))
    # equity of 2, of 1 or just less, and after its expiry of -2
    assert found == dict.fromkeys(measure.DELAYS, 0.0)
    # alive at the third look too: five minutes late is too late for who was below, and for nobody else
    longer = replace(held, maintenance=np.array([[1.0], [1.0], [-3.0]]), alive=np.ones((3, 1), bool))
    found = measure.Crashed("one", 300, longer).losses(np.array([2.0]))
    assert found["12 s"] == 0 and found["5 min"] == found["24 h"] == (0.2 if lost else 0.0)


def test_peer__same_vaults__has_no_setting(market: Market) -> None:
    row = peer([market], Span(0, 2**40), EFFORT)
    assert row.setting is None and row.mean_im > 0 and row.swing >= 1


def row(kappa: int, im: float, liquidated: float, prompt: float = 0.0, outage: float = 0.0) -> Row:
    losses = {"12 s": 0.0, "5 min": 0.0, "30 min": prompt, "24 h": outage}
    return Row(Setting(kappa_bps=kappa), im, liquidated, losses, losses, 0.0, 1.0)


def test_criterion__takes_the_fewest_liquidations_within_its_bounds() -> None:
    rows = [
        row(12_500, 0.08, 0.4),
        row(15_000, 0.08, 0.3),
        row(16_000, 0.07, 0.1, prompt=1e-3),
        row(17_000, 0.07, 0.1, outage=5e-3),
        row(18_000, 0.09, 0.05),
    ]
    bound = row(11_000, 0.1, 0.1, outage=2e-3)
    assert criterion(rows, bound, 0.08)[0] == 1
    assert criterion(rows[2:3], bound, 0.08) == (
        None,
        "Every setting loses something when takers come within half an hour.",
    )
    assert criterion(rows[3:4], bound, 0.08)[0] is None
    assert criterion(rows[4:], bound, 0.08)[0] is None
    assert nearest(rows, Setting(kappa_bps=15_200)) == 1
    assert best(rows) == [2, 4]
    assert NOTHING < 1e-6


def test_constants__written__are_python_with_what_was_taken() -> None:
    setting = Setting(8 * HOUR, 16_500, 2_500, 8_000)
    names: dict[str, object] = {}
    text = constants(setting, "From a test.")
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = ast.literal_eval(node.value)
    assert names == {
        "Z_MILLI": calibrated.Z_MILLI, "P_MILLI": calibrated.P_MILLI, "HORIZON_SECONDS": 28_800,
        "KAPPA_CALM_BPS": 16_500, "KAPPA_STRESS_BPS": 19_000, "STRESS_SHARE_BPS": 2_500, "STRESS_VOL_BPS": 8_000,
    }  # fmt: skip
    # and what is in force is such a text
    assert set(names) == {name for name in vars(calibrated) if name.isupper()}


def test_plot__frontier__is_a_picture_with_every_line() -> None:
    rows = [row(k, k / 1e5, 1 - k / 3e4) for k in (12_500, 15_000, 18_000)]
    drawn = plot(Choice(rows, rows, (rows[0], rows[0]), 0, 2))
    names = [n.firstChild.data for n in xml.dom.minidom.parseString(drawn).getElementsByTagName("text")]
    assert {"h 14 h", "today", "the criterion's", "Deribit standard"} <= set(names)


@pytest.mark.parametrize(
    "change",
    [{"horizon_seconds": 3_600}, {"kappa_bps": 10_000}, {"stress_share_bps": 6_000}, {"stress_vol_bps": 500}],
)
def test_setting__beyond_the_bounds_of_risk_parameters__is_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        Setting(**change)


def test_bounds__of_a_setting__are_those_on_chain() -> None:
    for name in ("horizon_seconds", "stress_share_bps", "stress_vol_bps"):
        assert BOUNDS[name] == (PARAMETERS[name].least, PARAMETERS[name].greatest)
    calm, stressed = PARAMETERS["kappa_calm_bps"], PARAMETERS["kappa_stress_bps"]
    assert BOUNDS["kappa_bps"] == (calm.least, stressed.greatest - STRESSED_MORE)


def test_market__too_short__is_refused() -> None:
    at, close = prices(200)
    with pytest.raises(ValueError, match="too few"):
        Market.of("ETH", at, close, [])


def test_gains__of_a_pair__grow_with_moves_beyond_the_margin(market: Market) -> None:
    path, sigma = market.path, market.path.sigma()
    at = path.at[6_000:50_000:6]
    close = path.price[6_000:50_000:6]
    still = pairs.Bars(at[1:], close[:-1], close[:-1] * 0.99, close[:-1] * 1.01)
    wild = replace(still, low=close[:-1] * 0.5, high=close[:-1] * 2)
    assert max(pairs.gains(still, path, sigma, Setting()).values()) < 0
    assert min(pairs.gains(wild, path, sigma, Setting()).values()) > 0


def test_fit__nodes_of_prices__have_three_tails_a_side(market: Market) -> None:
    found = fit.measured([market], 0, 2**40, 14)
    assert [node.p for node in found] == [p / 1e3 for p in calibrated.P_MILLI]
    assert found == sorted(found, key=lambda node: node.z)
    usual = [Node(z / 1e3, p / 1e3, 0) for z, p in zip(calibrated.Z_MILLI, calibrated.P_MILLI, strict=True)]
    fitted = fit.nodes([replace(node, z=node.z * 0.8) for node in usual])
    assert min(abs(z) for z in (*fitted[:3], *fitted[9:])) == round(fit.LEAST * 1e3) * 10**15
    assert [z / fitted[0] for z in fitted] == pytest.approx([node.z / usual[0].z for node in usual], abs=2e-4)


def test_fit__tails_that_the_engine_does_not_know__refused() -> None:
    flat = [Node(z / 1e3 * (0.5 if i == 2 else 1), p / 1e3, 0)
            for i, (z, p) in enumerate(zip(calibrated.Z_MILLI, calibrated.P_MILLI, strict=True))]  # fmt: skip
    with pytest.raises(ValueError, match="three on each side"):
        fit.nodes(flat)


# --- the command ------------------------------------------------------------------------------------------------


def write_market(folder: Path, days: int = 500) -> tuple[Path, Path]:
    at, close = prices(days)
    hours = folder / "ETHUSD_1h.csv"
    rows = [f"{t},{p:.6f},{p * 1.01:.6f},{p * 0.99:.6f},{p:.6f}" for t, p in zip(at, close, strict=True)]
    hours.write_text("ts,open,high,low,close\n" + "\n".join(rows) + "\n")
    crashes = folder / "crash"
    crashes.mkdir()
    (crashes / "README.md").write_text("Not prices.\n")
    for day in (200, 420):
        steps = np.arange(START + day * DAY, START + (day + 1) * DAY, 300)
        lines = [f"{t},{p:.6f}" for t, p in zip(steps, np.interp(steps, at, close), strict=True)]
        (crashes / f"day{day}.csv").write_text("ts,eth_close\n" + "\n".join(lines) + "\n")
    return hours, crashes


def run(*arguments: object):
    return CliRunner(mix_stderr=False).invoke(main, ["calibrate", *map(str, arguments)], catch_exceptions=False)


def test_calibrate__crashes__prints_the_frontier_and_draws_it(tmp_path: Path) -> None:
    hours, crashes = write_market(tmp_path)
    small = ("--horizons", "8,14", "--kappas", "1.25:1.75:0.25", "--shares", "0", "--vaults", 4, "--fit-to", 2020)
    picture = tmp_path / "frontier.svg"
    shown = run(hours, "--crashes", crashes, *small, "--plot", picture)
    assert shown.exit_code == 0, shown.stderr
    for told in ("today", "Deribit standard", "judgement", "Pair of own vaults that earns most, today"):
        assert told in shown.stdout
    assert picture.read_text().startswith("<svg")
    found = json.loads(run(hours, "--crashes", crashes, *small, "--json").stdout)
    assert len(found["rows"]) == len(found["judged"]) == 6
    assert found["rows"][0]["setting"]["horizon_seconds"] == 28_800
    assert found["pairs"]["today"][1] < 0
    both = json.loads(run(hours, "--crashes", crashes, *small, "--fit-nodes", "--json").stdout)
    assert len({tuple(row["setting"]["nodes"]) for row in both["rows"]}) == 2 and both["rows"][:6] == found["rows"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--horizons", "3"), "horizon_seconds is 10800"),
        (("--horizons", "49"), "horizon_seconds is 176400"),
        (("--horizons", "inf"), "are numbers"),
        (("--horizons", "nan"), "are numbers"),
        (("--horizons", ","), "are numbers"),
        (("--kappas", "1.0:2:0.1"), "kappa_bps is 10000"),
        (("--kappas", "1.2:2.9:0.1"), "kappa_bps is 28000"),
        (("--kappas", "1.2"), "least:most:step"),
        (("--kappas", "2:1:0.1"), "2:1:0.1 are no kappas"),
        (("--kappas", "1.1:2:-0.1"), "are no kappas"),
        (("--kappas", "1.1:2:0"), "least:most:step"),
        (("--kappas", "1.1:2:1e-9"), "up to 1,000 steps"),
        (("--kappas", "1.1:nan:0.1"), "are no kappas"),
        (("--shares", "0.7"), "stress_share_bps is 7000"),
        (("--shares=-0.1",), "stress_share_bps is -1000"),
        (("--shares", "nan"), "are numbers"),
        (("--stress-vol", "0.05"), "stress_vol_bps is 500"),
        (("--stress-vol", "4"), "stress_vol_bps is 40000"),
        (("--stress-vol", "nan"), "are numbers"),
        (("--fit-to", "2030"), "years of the judgement"),
        (("--fit-to", "1980"), "years of the fit"),
    ],
)
def test_calibrate__bad_numbers__one_sentence(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    hours, crashes = write_market(tmp_path)
    shown = run(hours, "--crashes", crashes, "--plot", tmp_path / "plot.svg", "--write", *options)
    assert shown.exit_code == 1 and sentence in shown.stderr and shown.stdout == ""
    assert not (tmp_path / "plot.svg").exists()


@pytest.mark.parametrize("half_life", ["0", "nan", "inf"])
def test_calibrate__half_life_that_is_none__one_sentence(tmp_path: Path, half_life: str) -> None:
    shown = run(write_market(tmp_path)[0], "--half-life", half_life)
    assert shown.exit_code == 1 and "is none: it lies between" in shown.stderr and shown.stdout == ""


def test_calibrate__short_hole__is_told(tmp_path: Path) -> None:
    hours = write_market(tmp_path)[0]
    rows = hours.read_text().splitlines()
    hours.write_text("\n".join(rows[:3000] + rows[3005:]) + "\n")
    assert "5 hours are missing, and no return spans them" in run(hours).stdout


def without(first: int, last: int):
    return lambda rows: rows[:first] + rows[last:]


@pytest.mark.parametrize(
    ("which", "change", "sentence"),
    [
        ("hours", without(3000, 3030), "no prices for 31 hours after 2020-0"),
        ("hours", without(3000, 9000), "are too few"),
        ("hours", lambda rows: rows[:2], "has 1 bars"),
        ("hours", lambda rows: [*rows[:500], f"{rows[500].split(',')[0]},0,0,0,0", *rows[501:]], "line 501"),
        ("hours", lambda rows: [*rows[:500], rows[501], rows[500], *rows[502:]], "does not lie after"),
        ("hours", lambda rows: rows[:1] + rows[1::2], "bars of 7200 seconds"),
        ("crash", without(50, 200), "has no price for 755 minutes after"),
        ("crash", without(150, 400), "shorter than the day"),
        ("crash", lambda rows: rows[:1] + rows[1::12], "bars of 3600 seconds"),
        ("crash", lambda rows: ["ts,btc_close", *rows[1:]], "no columns of asset 'eth'"),
        ("crash", lambda rows: ["not", "prices"], "no time column"),
    ],
)
def test_calibrate__files_that_are_no_prices__one_sentence_and_nothing_written(
    tmp_path: Path, which: str, change: Callable[[list[str]], list[str]], sentence: str
) -> None:
    hours, crashes = write_market(tmp_path)
    file = hours if which == "hours" else crashes / "day200.csv"
    file.write_text("\n".join(change(file.read_text().splitlines())) + "\n")
    shown = run(hours, "--crashes", crashes, "--plot", tmp_path / "plot.svg")
    assert shown.exit_code == 1 and sentence in shown.stderr and shown.stdout == ""
    assert not (tmp_path / "plot.svg").exists()


def test_calibrate__one_asset_twice_or_no_place_for_the_plot__one_sentence(tmp_path: Path) -> None:
    hours, crashes = write_market(tmp_path)
    twice = run(hours, hours, "--crashes", crashes)
    assert twice.exit_code == 1 and "holds ETH once more" in twice.stderr
    nowhere = run(hours, "--crashes", crashes, "--plot", tmp_path)
    assert nowhere.exit_code == 1 and "is a folder" in nowhere.stderr and nowhere.stdout == ""


def test_calibrate__bad_files__one_sentence_and_nothing_written(tmp_path: Path) -> None:
    before = Path(calibrated.__file__).read_text()
    hours, crashes = write_market(tmp_path, days=300)
    cases = {
        "needs --crashes": (hours, "--write"),
        "A frontier needs": (hours, "--fit-nodes"),
        "There is no folder": (hours, "--crashes", tmp_path / "none"),
        "too few": (hours, "--crashes", crashes),
        "asset's symbol": (hours.rename(tmp_path / "1h.csv"), "--crashes", crashes),
    }
    for sentence, arguments in cases.items():
        if not arguments[0].exists():
            (tmp_path / "1h.csv").rename(hours)
        shown = run(*arguments)
        assert shown.exit_code == 1 and sentence in shown.stderr, (sentence, shown.stderr)
        if sentence == "too few":
            hours.rename(tmp_path / "1h.csv")
    assert Path(calibrated.__file__).read_text() == before
    assert RiskWord().horizon_seconds == calibrated.HORIZON_SECONDS
