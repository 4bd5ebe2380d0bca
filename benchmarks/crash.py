"""Random vaults through six crashes under our margin models and other venues' rules, all under our liquidation.

    python -m benchmarks.crash                    # the tables, about half an hour
    python -m benchmarks.crash --docs             # and docs/crashes.md with its figure
    python -m benchmarks.crash --from out/crash.json --docs   # the page again from the last run's numbers
    python -m benchmarks.crash --chain 100        # a sample of each crash through the real contracts on Anvil

Needs the market data (BULKHEAD_DATA, else ../shared/data beside the project).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from bulkhead.replay.price_paths.bars import read_bars
from bulkhead.replay.price_paths.history import read_history
from bulkhead.replay.price_paths.rounds import Round, rounds_of
from bulkhead.risk import crash, peers
from bulkhead.risk.words import Model

ROOT = Path(__file__).resolve().parents[1]
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
RESULTS = ROOT / "benchmarks" / "crash.results.json"


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
    (file,) = (folder / "ohlc").glob(f"{asset.upper()}USD_1h_*.parquet")
    history = read_history(file)
    closed = history.at + 3599
    mine = (closed < at) & (closed > at - WARM_DAYS * 86400)
    return [(int(t), round(float(p) * 1e8)) for t, p in zip(closed[mine], history.close[mine], strict=True)]


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
    found: dict[str, Any] = {"seed": given.seed, "asset": given.asset, "runs": []}
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
                what = {"crash": name, "latency": latency, "rule": rule_name, "opened": given.vaults}
                found["runs"].append({**what, **market, **numbers})
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


# --- the page ------------------------------------------------------------------------------------------------------


def pooled(runs: list[dict[str, Any]], key: str) -> float:
    """A share of notional over several crashes: the mean weighted by notional."""
    return sum(r[key] * r["notional"] for r in runs) / sum(r["notional"] for r in runs)


def chosen(found: dict[str, Any], latency: str, rule: str) -> list[dict[str, Any]]:
    """The runs of one rule at one latency."""
    return [r for r in found["runs"] if r["latency"] == latency and r["rule"] == rule]


def known_rules(found: dict[str, Any]) -> list[str]:
    """Rules that ran through every crash, in the order of the tables."""
    names = [*OURS, *peers.RULES]
    return [n for n in names if len(chosen(found, next(iter(LATENCIES)), n)) == len(CRASHES)]


def figure(found: dict[str, Any], path: Path) -> None:
    """Capital locked against losses not covered, one panel per latency."""
    from benchmarks.figures import COLOURS, grid, save

    names = known_rules(found)
    latencies = [k for k in LATENCIES if all(len(chosen(found, k, n)) == len(CRASHES) for n in names)]
    drawn, axes = grid(1, len(latencies), height=4.4)
    least = 1e-3
    for axis, latency in zip(axes[0], latencies, strict=True):
        for name in names:
            runs = chosen(found, latency, name)
            x, y = pooled(runs, "im_percent"), pooled(runs, "loss_bp")
            mine = name in OURS
            axis.scatter([x], [max(y, least)], s=90 if mine else 60, color=COLOURS[name], zorder=3,
                         marker="o" if mine else "s")  # fmt: skip
            low = y < 3 * least
            axis.annotate(name, (x, max(y, least)), textcoords="offset points", xytext=(2, 8) if low else (8, -3),
                          rotation=50 if low else 0, fontweight="bold" if mine else "normal")  # fmt: skip
        axis.axhline(least, color="#9aa1ab", linewidth=0.8, linestyle="--")
        axis.set_yscale("log")
        axis.set_ylim(least / 2, 100)
        axis.set_xlim(0, 26)
        ticks = [least, 0.01, 0.1, 1, 10, 100]
        axis.set_yticks(ticks, ["0", "0.01", "0.1", "1", "10", "100"])
        axis.set(title=f"keepers act {latency} after a round", xlabel="capital locked at opening, % of notional")
    axes[0][0].set_ylabel("losses beyond the vaults' own money, bp of notional")
    save(drawn, path)


def page(found: dict[str, Any]) -> str:
    """docs/crashes.md."""
    first, *others = list(LATENCIES)
    names = known_rules(found)
    sizes = sorted({r["opened"] for r in found["runs"]}, reverse=True)
    others = [k for k in others if all(len(chosen(found, k, n)) == len(CRASHES) for n in names)]
    out = [HEAD.format(vaults=" or ".join(f"{n:,}" for n in sizes), seed=found["seed"], asset=found["asset"].upper())]
    out += [f"## The ES model, keepers {first} after a round", ""]
    out += table(
        "crash", "rounds", "price: first, lowest", "sigma_m: first, highest", "IM / notional", "flagged", "taken",
        "bonus", "insurance", "haircut", "worst E/MM at a take",
    )  # fmt: skip
    for r in chosen(found, first, "ES"):
        worst = "-" if r["worst_health"] is None else f"{r['worst_health']:.2f}"
        out += cells(
            f"{r['crash']} {CRASHES[r['crash']]}", f"{r['rounds']:,}", f"{r['first']:,.0f}, {r['low']:,.0f}",
            f"{r['sigma_first']:.0%}, {r['sigma_high']:.0%}", f"{r['im_percent']:.2f} %", f"{r['flagged']:,}",
            f"{r['taken']:,}", f"{r['bonus_bp']:.1f} bp", f"{r['insurance_bp']:.3f} bp", f"{r['haircut_bp']:.3f} bp",
            worst,
        )  # fmt: skip
    out += [ALL_RULES]
    waits = [first, *others]
    titles = [t for k in waits for t in (f"loss, {k}", f"below zero, {k}")]
    out += table("rule", "capital locked", *titles, f"bonus, {first}", f"taken, {first}")
    for name in names:
        row_: list[str] = []
        for k in waits:
            runs = chosen(found, k, name)
            row_ += [f"{pooled(runs, 'loss_bp'):.3f} bp", f"{sum(r['insolvent'] for r in runs):,}"]
        runs = chosen(found, first, name)
        out += cells(
            f"**{name}**" if name in OURS else name, f"{pooled(runs, 'im_percent'):.2f} %", *row_,
            f"{pooled(runs, 'bonus_bp'):.1f} bp", f"{sum(r['taken'] for r in runs):,}",
        )  # fmt: skip
    for k in waits:
        count = chosen(found, k, names[0])[0]["opened"]
        title = f"Loss by crash, {count:,} vaults each, keepers {k} after a round, bp of notional:"
        out += ["", title, "", *table("rule", *CRASHES)]
        for name in names:
            by = {r["crash"]: r for r in chosen(found, k, name)}
            out += cells(name, *(f"{by[c]['loss_bp']:.3f}" for c in CRASHES))
    return "\n".join([*out, *chain_section(found.get("chain", {})), NOTES])


def chain_section(chain: dict[str, Any]) -> list[str]:
    """What ran through the contracts so far."""
    if not chain:
        return []
    out = [CHAIN] + table(
        "crash", "vaults", "rounds at", "rounds", "IM / notional", "flags", "flagged", "takes", "bonus", "insurance",
        "recovery", "worst E/MM", "exact mirror", "vectorised mirror within",
    )  # fmt: skip
    for name in sorted(chain):
        r = chain[name]
        verdict = "differs" if r["failed"] else "equal to the wei"
        out += cells(
            f"{name} {CRASHES[name]}", f"{r['vaults']}", f"{r['deviation_bps'] / 100:g} %", f"{r['rounds']:,}",
            f"{r['im_percent']:.2f} %", f"{r['flags']:,}", f"{r['flagged']:,}", f"{r['takes']:,}",
            f"{r['bonus_bp']:.1f} bp", f"{r['insurance']:.2f}", f"{r['recovery']:.4f}", f"{r['worst_health']:.2f}",
            verdict, f"{r['distance']:.0e}",
        )  # fmt: skip
    return out


CHAIN = """
## Through the contracts

`python -m benchmarks.crash --chain 100 --deviation 200 --docs`: 100 random vaults opened by signed orders on Anvil with
8 % more than their initial margin, one feed round for each move of 2 %. A desk flags one to three blocks after a round
and takes in the first block in which a take pays 0.7 % of the notional, as in the play above; insurance has 25,000.
Every flag, take, settlement and claim is compared with the exact mirror, equity and MM at each flag and take with the
vectorised one, and all tokens are summed. All vaults are of one cell, so these are other vaults than the play's. IM is
what the contracts asked at the opening, of 20,000 notional a vault; flags count a vault as often as it was flagged.
"""


def cells(*texts: str) -> list[str]:
    """One row of a table."""
    return ["| " + " | ".join(texts) + " |"]


def table(*titles: str) -> list[str]:
    """The head of a table."""
    return [*cells(*titles), "|" + "---|" * len(titles)]


HEAD = """# Six crashes

Written by `python -m benchmarks.crash --docs` (market data in BULKHEAD_DATA); `python -m benchmarks.crash --from
benchmarks/crash.results.json --docs` writes it again from the last run's numbers.

![Capital locked against losses, for our models and other venues' rules](crashes.svg)

{vaults} random vaults of one to four legs (options, futures, deferred premiums, spreads), opened at exactly their
initial margin at the start of each file; seed {seed}, {asset}. The oracle writes a round when the price has moved
0.5 % or an hour has passed; keepers act some blocks of 12 s after a round; a taker takes in the first block in
which what a take leaves it at the mark pays 0.7 % of the notional it must hedge. Owners do nothing. Insurance
starts with 50 bp of the notional; its caps are those of [parameters.md](parameters.md). Everything runs in the
vectorised mirror (`bulkhead/risk/crash`), takes in the auction's own integers.
`python -m benchmarks.crash --chain 100` plays a sample of each crash through the contracts instead and compares
every flag, take, settlement and claim with the exact mirror to the wei.
"""

ALL_RULES = """
Bonus, insurance and haircut are shares of the notional at the opening. The haircut is what winners of a cell
lost.

## All rules

The same vaults, prices, keepers and auctions; only the margin rule differs (`bulkhead/risk/peers.py`, checked
against the venues' own test cases). Means over the six crashes, weighted by notional. *Loss* is what the vaults'
own money did not cover: insurance used plus haircuts. *Below zero* counts vaults whose equity was negative when
they were taken, settled or the tape ended.
"""

NOTES = """
## How to read this

- A rule that asks little at the opening is not cheap if others pay for its losses, and one that asks much may
  still lose: what counts is whether margin grows with the market. ES and GREEKS margins rise with the realised
  vol on chain, the vol by 5 % an hour at most.
- That has a price, which the tables show: more vaults are taken, more often, and their owners pay the bonus. A
  live owner would add collateral instead; these owners do nothing.
- What the ES model loses are hedged vaults whose MM is below the taker's cost, which counts the gross notional: nobody
  takes them until insurance adds to the bonus.
- Rounds come from bars walked open, low, high, close. Such a walk turns more often than a market does, so
  realised vols (and with them our margins, and the marks of every rule) come out higher than a real feed's would;
  the same tape serves every rule.
- Marks are Black-76 at the flat surface the adapter falls back to (realised vol times 1.25): no publisher, no
  smile. Other venues' rules see the same marks, not their own.
- A venue's rule is played under our auction. Where its requirement is less than twice the taker's cost, the
  auction's A is that, since otherwise nobody could be paid at all; this helps the flat ratios. Dated futures at
  Deribit, Opyn and the flat ratios follow Derive's perpetuals. Opyn's table beyond 14 days grows with the root of
  time, as its two published rows do.
- What is below zero when the tape ends is counted as a loss at the mark then.
"""


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
    parser.add_argument("--from", dest="source", type=Path, nargs="*", help="numbers of earlier runs instead of a run")
    parser.add_argument("--docs", action="store_true", help="write docs/crashes.md, its figure and the results file")
    parser.add_argument("--chain", type=int, metavar="N", help="N vaults of each crash through the contracts instead")
    parser.add_argument("--deviation", type=int, default=50, help="with --chain: rounds at this move [basis points]")
    given = parser.parse_args()
    if given.chain:
        on_chain(given)
        return
    found = merged([json.loads(p.read_text()) for p in given.source]) if given.source else run(given)
    if given.docs:
        if RESULTS.exists():
            found = {"chain": json.loads(RESULTS.read_text()).get("chain", {}), **found}
        figure(found, ROOT / "docs" / "crashes.svg")
        (ROOT / "docs" / "crashes.md").write_text(page(found))
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def on_chain(given: argparse.Namespace) -> None:
    """A sample of each crash on Anvil; ends with an error when anything differs."""
    from benchmarks import crash_chain

    folder, failed = data_folder(), False
    for name in given.crashes:
        (file,) = (folder / "crash").glob(f"{name}_*")
        rounds = rounds_of(read_bars(file, given.asset), given.deviation)
        numbers = crash_chain.play(rounds, given.chain, given.asset.upper(), given.seed)
        print(crash_chain.line(name, numbers), flush=True)
        failed |= bool(numbers["failed"])
        if given.docs:
            found = json.loads(RESULTS.read_text())
            found.setdefault("chain", {})[name] = {**numbers, "deviation_bps": given.deviation}
            RESULTS.write_text(json.dumps(found, indent=1) + "\n")
            (ROOT / "docs" / "crashes.md").write_text(page(found))
    raise SystemExit(int(failed))


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Runs of several files as one; a later run of the same thing replaces an earlier one."""
    runs = {(r["latency"], r["rule"], r["crash"]): r for part in parts for r in part["runs"]}
    if len({(p["seed"], p["asset"]) for p in parts}) != 1:
        raise SystemExit("crash: the files are of different seeds or assets.")
    return {**parts[0], "runs": list(runs.values())}


if __name__ == "__main__":
    main()
