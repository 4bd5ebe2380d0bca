"""Random vaults through six crashes under our margin models and other venues' rules, all under our liquidation.

    python benchmarks/crash.py                    # the tables, about half an hour
    python benchmarks/crash.py --docs             # and docs/crashes.md with its figure
    python benchmarks/crash.py --from out/crash.json --docs   # the page again from the last run's numbers
    python benchmarks/crash.py --chain 100        # a sample of each crash through the real contracts on Anvil

Needs the market data (BULKHEAD_DATA, else ../shared/data beside the project).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from bulkhead.replay.bars import read_bars  # noqa: E402
from bulkhead.replay.rounds import Round, rounds_of  # noqa: E402
from bulkhead.risk import crash, peers  # noqa: E402
from bulkhead.risk.batch import Model  # noqa: E402

CRASHES = {
    "2020-03": "Black Thursday",
    "2021-05": "China's ban",
    "2022-06": "Celsius, 3AC",
    "2022-11": "FTX",
    "2023-03": "SVB, USDC",
    "2024-08": "yen unwind",
}
#: Blocks from a round to the keeper's act on it: healthy, and a chain as full as on Black Thursday.
LATENCIES = {"1-3 blocks": (1, 3), "30 minutes": (150, 150)}
OURS = {"ES": Model.ES, "GREEKS": Model.GREEKS, "STATIC": Model.STATIC}
WARM_DAYS = 60


def data_folder() -> Path:
    """The market data; ends with a sentence when it is not there."""
    folder = Path(os.environ.get("BULKHEAD_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "crash").is_dir():
        raise SystemExit(f"crash: no folder crash in {folder}; set BULKHEAD_DATA to the market data.")
    return folder


def rounds_through(folder: Path, name: str, asset: str) -> list[Round]:
    """Oracle rounds of one crash."""
    (file,) = (folder / "crash").glob(f"{name}_*")
    return rounds_of(read_bars(file, asset))


def hours_before(folder: Path, at: int, asset: str) -> list[tuple[int, int]]:
    """Hourly closes of the two months before a moment, to warm the realised vols up."""
    import pandas as pd

    (file,) = (folder / "ohlc").glob(f"{asset.upper()}USD_1h_*.parquet")
    bars = pd.read_parquet(file, columns=["ts", "close"])
    stamps = bars["ts"].dt.as_unit("s").astype("int64").to_numpy() + 3599
    mine = (stamps < at) & (stamps > at - WARM_DAYS * 86400)
    return [
        (int(t), round(float(close) * 1e8))
        for t, close in zip(stamps[mine], bars["close"].to_numpy()[mine], strict=True)
    ]


def tape_of(folder: Path, name: str, asset: str) -> crash.Tape:
    """What the oracle said through one crash."""
    rounds = rounds_through(folder, name, asset)
    return crash.Tape.record([(r.at, r.answer) for r in rounds], hours_before(folder, rounds[0].at, asset))


def rules(cost: float) -> dict[str, crash.Rule]:
    """Every rule by name, ours first."""
    mine: dict[str, crash.Rule] = {name: crash.Ours(model) for name, model in OURS.items()}
    return mine | {name: crash.Theirs(rule, cost) for name, rule in peers.RULES.items()}


def row(out: crash.Outcome, spent: float) -> dict[str, Any]:
    """One run as numbers; shares of the notional in basis points."""
    part = 1e4 / out.notional
    return {
        "vaults": out.vaults,
        "notional": round(out.notional),
        "im_percent": 100 * out.initial / out.notional,
        "flagged": out.flagged,
        "takes": out.takes,
        "taken": out.taken,
        "whole": out.whole,
        "bonus_bp": out.bonus * part,
        "cut_bp": out.cut * part,
        "insurance_bp": (out.top_up + out.insured) * part,
        "haircut_bp": out.haircut * part,
        "loss_bp": out.loss * part,
        "insolvent": out.insolvent,
        "worst_health": out.worst_health if np.isfinite(out.worst_health) else None,
        "median_wait": float(np.median(out.seconds)) if out.seconds else None,
        "seconds": round(spent, 1),
    }


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Plays everything that was asked for."""
    folder = data_folder()
    settings = {
        k: crash.Settings(latency_blocks=v, seed=given.seed) for k, v in LATENCIES.items() if k in given.latency
    }
    chosen = {k: v for k, v in rules(crash.Settings().cost).items() if k in given.rules}
    found: dict[str, Any] = {"vaults": given.vaults, "seed": given.seed, "asset": given.asset, "runs": []}
    stages: dict[str, tuple[crash.Tape, Any, dict[str, float]]] = {}
    for name in given.crashes:
        tape = tape_of(folder, name, given.asset)
        book = crash.population(given.vaults, float(tape.price[0]), given.seed)
        market = {
            "rounds": len(tape), "first": float(tape.price[0]), "low": float(tape.price.min()),
            "sigma_first": float(tape.sigma[0]), "sigma_high": float(tape.sigma.max()),
        }  # fmt: skip
        print(f"{name} {CRASHES[name]}: {market}", flush=True)
        stages[name] = tape, book, market
    for latency, how in settings.items():
        for rule_name, rule in chosen.items():
            for name, (tape, book, market) in stages.items():
                begun = time.perf_counter()
                numbers = row(crash.Play(book, tape, rule, how).run(), time.perf_counter() - begun)
                found["runs"].append({"crash": name, "latency": latency, "rule": rule_name, **market, **numbers})
                print(line(found["runs"][-1]), flush=True)
                if given.save:
                    given.save.parent.mkdir(parents=True, exist_ok=True)
                    given.save.write_text(json.dumps(found, indent=1))
    return found


def line(r: dict[str, Any]) -> str:
    """One run as a line of text."""
    worst = "-" if r["worst_health"] is None else f"{r['worst_health']:.2f}"
    return (
        f"{r['crash']:8}{r['latency']:11}{r['rule']:17}IM {r['im_percent']:5.2f} %  "
        f"flagged {r['flagged']:5}  taken {r['taken']:5}  "
        f"bonus {r['bonus_bp']:6.2f} bp  insurance {r['insurance_bp']:6.3f} bp  haircut {r['haircut_bp']:6.3f} bp  "
        f"worst E/MM {worst:>6}  {r['seconds']:6.1f} s"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vaults", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--asset", choices=("eth", "btc"), default="eth")
    parser.add_argument("--crashes", nargs="*", choices=list(CRASHES), default=list(CRASHES))
    parser.add_argument("--rules", nargs="*", default=[*OURS, *peers.RULES])
    parser.add_argument("--latency", nargs="*", choices=list(LATENCIES), default=list(LATENCIES))
    parser.add_argument("--save", type=Path, default=ROOT / "out" / "crash.json", help="where the numbers go")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
