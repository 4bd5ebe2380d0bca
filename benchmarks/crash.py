"""Random and odd vaults through six crashes, ETH and BTC, under our margin models and other venues' rules.

    python -m benchmarks.crash                    # every run, hours on one core: name a part with the options
    python -m benchmarks.crash --idle             # vaults opened at IM in calm weeks and left alone
    python -m benchmarks.crash --from out/a.json out/b.json --docs   # docs/crashes.md out of saved numbers
    python -m benchmarks.crash --chain 100        # a sample of each crash through the real contracts on Anvil

Needs the market data (BULKHEAD_DATA, else ../shared/data beside the project).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from calendar import timegm
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import crash_page
from benchmarks.crash_page import CRASHES, LATENCIES, OURS, PROMPT, RANDOM, RESULTS, ROOT
from bulkhead.replay.price_paths.bars import Bar, read_bars
from bulkhead.replay.price_paths.history import read_history
from bulkhead.replay.price_paths.rounds import rounds_of
from bulkhead.risk import crash, peers
from bulkhead.risk.batch import Bools
from bulkhead.risk.crash import idle

WARM_DAYS = 60
#: Calm weeks are looked for in the years that no parameter was fitted on.
IDLE_SINCE, IDLE_UNTIL = timegm((2022, 1, 1, 0, 0, 0)), timegm((2024, 12, 31, 0, 0, 0))


def data_folder() -> Path:
    """The market data; ends with a sentence when it is not there."""
    folder = Path(os.environ.get("BULKHEAD_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "crash").is_dir():
        raise SystemExit(f"crash: no folder crash in {folder}; set BULKHEAD_DATA to the market data.")
    return folder


def bars_of(folder: Path, name: str, asset: str) -> list[Bar]:
    """The bars of one crash."""
    files = sorted((folder / "crash").glob(f"{name}_*"))
    if not files:
        raise SystemExit(f"crash: no file of {name} in {folder / 'crash'}.")
    return list(read_bars(files[0], asset))


def closes_of(bars: list[Bar]) -> list[tuple[int, int]]:
    """(stamp, answer) of the last bar of each hour: a walk through bars is for prices, vols come from closes."""
    hours = {bar.at // 3600: (bar.at + bar.seconds - 1, bar.close) for bar in bars}
    return [hours[hour] for hour in sorted(hours)]


def hourly(folder: Path, asset: str) -> tuple[np.ndarray, np.ndarray]:
    """Stamps and values of all hourly closes there are."""
    (file,) = (folder / "ohlc").glob(f"{asset.upper()}USD_1h_*.parquet")
    history = read_history(file)
    return history.at + 3599, history.close


def before(hours: tuple[np.ndarray, np.ndarray], at: float) -> list[tuple[int, int]]:
    """Hourly closes of the two months before a moment, to warm the realised vols up."""
    closed, close = hours
    mine = (closed < at) & (closed > at - WARM_DAYS * 86400)
    return [(int(t), round(float(p) * 1e8)) for t, p in zip(closed[mine], close[mine], strict=True)]


def tape_of(folder: Path, name: str, asset: str, deviation_bps: int, hours: Any = None) -> crash.Tape:
    """What the oracle said through one crash."""
    bars = bars_of(folder, name, asset)
    rounds = [(r.at, r.answer) for r in rounds_of(bars, deviation_bps)]
    return crash.Tape.record(rounds, before(hours or hourly(folder, asset), rounds[0][0]), closes_of(bars))


def rules(cost: float) -> dict[str, crash.Rule]:
    """Every rule by name, ours first."""
    mine: dict[str, crash.Rule] = {name: crash.Ours(model) for name, model in OURS.items()}
    return mine | {name: crash.Theirs(rule, cost) for name, rule in peers.RULES.items()}


def numbers(out: crash.Outcome, mine: Bools) -> dict[str, Any]:
    """What became of some of the vaults of a run; shares of their notional in basis points."""
    each = out.each
    notional = float(each.notional[mine].sum())
    return {
        "vaults": int(np.sum(mine & (each.initial > 0))),
        "notional": round(notional),
        "im_percent": 100 * float(each.initial[mine].sum()) / notional,
        "flagged": int(each.flagged[mine].sum()),
        "taken": int(each.taken[mine].sum()),
        "paid_bp": 1e4 * float(each.paid[mine].sum()) / notional,
        "loss_bp": 1e4 * float(each.lost[mine].sum()) / notional,
        "insolvent": int(each.below[mine].sum()),
    }


def row(out: crash.Outcome, kinds: list[str], spent: float) -> dict[str, Any]:
    """One run as numbers: the random vaults, and each odd kind."""
    names = np.array(kinds)
    return {
        **numbers(out, names == RANDOM),
        "odd": {kind: numbers(out, names == kind) for kind in crash.ODD},
        "worst_health": out.worst_health if np.isfinite(out.worst_health) else None,
        "median_wait": float(np.median(out.seconds)) if out.seconds else None,
        "seconds": round(spent, 1),
    }


def mandate_row(alone: crash.Outcome, helped: crash.Outcome, mine: Bools) -> dict[str, float]:
    """The same vaults without and with a standing top-up; shares of their notional in basis points."""
    one, other = alone.each, helped.each
    notional = float(one.notional[mine].sum())
    shares = {
        "initial": one.initial, "added": other.added, "paid": one.paid, "paid_helped": other.paid,
        "kept": one.kept, "kept_helped": other.kept - other.added, "lost_helped": other.lost,
    }  # fmt: skip
    return {
        "taken": int(one.taken[mine].sum()),
        "saved": int((one.taken & ~other.taken)[mine].sum()),
        "notional": round(notional),
        **{f"{name}_bp": 1e4 * float(amount[mine].sum()) / notional for name, amount in shares.items()},
    }


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Plays everything that was asked for."""
    folder = data_folder()
    settings = {
        k: crash.Settings(latency_blocks=v, seed=given.seed) for k, v in LATENCIES.items() if k in given.latency
    }
    chosen = {k: v for k, v in rules(crash.Settings().cost).items() if k in given.rules}
    found: dict[str, Any] = {"runs": [], "mandates": {}}
    for asset in given.assets:
        hours = hourly(folder, asset)
        for name in given.crashes:
            tape = tape_of(folder, name, asset, given.deviation, hours)
            spot = float(tape.price[0])
            odd, kinds = crash.odd_population(given.odd, spot, float(tape.week[0]), given.seed)
            book = crash.together(crash.population(given.vaults, spot, given.seed), odd)
            kinds = [RANDOM] * given.vaults + kinds
            market = {
                "asset": asset, "crash": name, "seed": given.seed, "opened": given.vaults, "odd_each": given.odd,
                "deviation_bps": given.deviation, "rounds": len(tape), "first": spot, "low": float(tape.price.min()),
                "sigma_first": float(tape.sigma[0]), "sigma_high": float(tape.sigma.max()),
            }  # fmt: skip
            for (latency, how), (rule_name, rule) in ((a, b) for a in settings.items() for b in chosen.items()):
                begun = time.perf_counter()
                out = crash.Play(book, tape, rule, how).run()
                numbers_ = row(out, kinds, time.perf_counter() - begun)
                if latency == PROMPT:
                    kept = crash.Play(book, tape, rule, replace(how, mandate=crash.Mandate())).run()
                    of_rule = found["mandates"].setdefault(rule_name, {})
                    of_rule[f"{asset} {name}"] = mandate_row(out, kept, np.array(kinds) == RANDOM)
                found["runs"].append({**market, "latency": latency, "rule": rule_name, **numbers_})
                print(line(found["runs"][-1]), flush=True)
            save(given.save, found)
    return found


def run_idle(given: argparse.Namespace) -> dict[str, Any]:
    """Opens vaults at IM in calm weeks and leaves them alone."""
    folder, found = data_folder(), {"runs": [], "idle": {}}
    chosen = {k: v for k, v in rules(crash.Settings().cost).items() if k in given.rules}
    for asset in given.assets:
        closed, close = hourly(folder, asset)
        weeks = idle.calm_weeks(closed, close, IDLE_SINCE, IDLE_UNTIL)
        picked = sorted(random.Random(given.seed).sample(weeks, min(given.weeks, len(weeks))))
        for number, index in enumerate(picked):
            part = slice(index, index + idle.WEEK // 3600 + 1)
            rounds = [(int(t), round(float(p) * 1e8)) for t, p in zip(closed[part], close[part], strict=True)]
            tape = crash.Tape.record(rounds, before((closed, close), rounds[0][0]))
            book = crash.population(given.vaults, float(tape.price[0]), given.seed + number)
            for name, rule in chosen.items():
                fell, count = idle.liquidated(book, tape, rule)
                entry = found["idle"].setdefault(name, {}).setdefault(asset, {"fell": 0, "vaults": 0, "weeks": 0})
                entry["fell"] += fell
                entry["vaults"] += count
                entry["weeks"] += 1
            print(f"{asset} week {number + 1} of {len(picked)} ({len(weeks)} calm ones)", flush=True)
        save(given.save, found)
    return found


def save(path: Path | None, found: dict[str, Any]) -> None:
    """Keeps what has been played so far."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1))


def line(r: dict[str, Any]) -> str:
    """One run as a line of text."""
    worst = "-" if r["worst_health"] is None else f"{r['worst_health']:.2f}"
    odd = max(r["odd"].items(), key=lambda one: one[1]["loss_bp"])
    return (
        f"{r['asset']} {r['crash']:8}{r['latency']:11}{r['rule']:17}IM {r['im_percent']:5.2f} %  "
        f"taken {r['taken']:4}  owners pay {r['paid_bp']:6.2f} bp  loss {r['loss_bp']:7.3f} bp  "
        f"worst odd {odd[0]} {odd[1]['loss_bp']:.2f} bp  worst E/MM {worst:>6}  {r['seconds']:6.1f} s"
    )


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Runs of several files as one; a later run of the same thing replaces an earlier one."""
    runs = {(r["asset"], r["latency"], r["rule"], r["crash"]): r for part in parts for r in part["runs"]}
    found: dict[str, Any] = {"runs": list(runs.values())}
    for name in ("idle", "chain", "mandates"):
        for part in parts:
            for key, value in part.get(name, {}).items():
                found.setdefault(name, {}).setdefault(key, {}).update(value)
    return found


def read(paths: list[Path]) -> dict[str, Any]:
    """Saved numbers, put together; ends with a sentence when a file is none of ours."""
    parts = []
    for path in paths:
        try:
            parts.append(crash_page.unpacked(json.loads(path.read_text())))
        except (OSError, ValueError, KeyError, TypeError):
            raise SystemExit(f"crash: {path} holds no numbers of an earlier run.") from None
    return merged(parts)


def on_chain(given: argparse.Namespace) -> None:
    """A sample of each crash on Anvil; ends with an error when anything differs."""
    from benchmarks import crash_chain

    folder, failed = data_folder(), False
    asset = given.assets[0]
    for name in given.crashes:
        rounds = rounds_of(bars_of(folder, name, asset), given.deviation)
        numbers_ = crash_chain.play(rounds, given.chain, asset.upper(), given.seed)
        print(crash_chain.line(name, numbers_), flush=True)
        failed |= bool(numbers_["failed"])
        if given.docs:
            found = crash_page.results()
            found.setdefault("chain", {})[name] = {**numbers_, "deviation_bps": given.deviation}
            crash_page.write(found)
    raise SystemExit(int(failed))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*OURS, *peers.RULES]
    parser.add_argument("--vaults", type=int, default=200, help="random vaults")
    parser.add_argument("--odd", type=int, default=12, help="vaults of each odd kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--assets", nargs="*", choices=("eth", "btc"), default=["eth", "btc"])
    parser.add_argument("--crashes", nargs="*", choices=list(CRASHES), default=list(CRASHES))
    parser.add_argument(
        "--rules", nargs="*", choices=known, default=known, metavar="RULE", help=", ".join(known).replace("%", "%%")
    )
    parser.add_argument("--latency", nargs="*", choices=list(LATENCIES), default=list(LATENCIES))
    parser.add_argument("--deviation", type=int, default=50, help="a round at this move [basis points]")
    parser.add_argument("--idle", action="store_true", help="calm weeks instead of crashes")
    parser.add_argument("--weeks", type=int, default=20, help="with --idle: weeks of each asset")
    parser.add_argument("--save", type=Path, default=ROOT / "out" / "crash.json", help="where the numbers go")
    parser.add_argument("--from", dest="source", type=Path, nargs="*", help="numbers of earlier runs instead of a run")
    parser.add_argument("--docs", action="store_true", help="write docs/crashes.md, its figure and the results file")
    parser.add_argument("--chain", type=int, metavar="N", help="N vaults of each crash through the contracts instead")
    given = parser.parse_args()
    if min(given.vaults, given.odd, given.weeks, given.deviation) < 1:
        raise SystemExit("crash: --vaults, --odd, --weeks and --deviation must be at least 1.")
    if given.chain:
        on_chain(given)
        return
    if given.source:
        found = read(given.source)
    else:
        found = run_idle(given) if given.idle else run(given)
    if given.docs:
        kept = crash_page.results() if RESULTS.exists() else {}
        crash_page.write({"chain": kept.get("chain", {}), "idle": kept.get("idle", {}), **found})


if __name__ == "__main__":
    main()
