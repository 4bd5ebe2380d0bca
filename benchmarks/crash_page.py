"""docs/crashes.md and its figure out of the numbers of `benchmarks.crash`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bulkhead.risk import crash, peers
from bulkhead.risk.words import Model

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "crash.results.json"
CRASHES = {
    "2020-03": "Black Thursday",
    "2021-05": "China's ban",
    "2022-06": "Celsius, 3AC",
    "2022-11": "FTX",
    "2023-03": "SVB, USDC",
    "2024-08": "yen unwind",
}
#: Blocks from a round to the keeper's act on it: healthy, a chain as full as on Black Thursday, keepers a day late.
PROMPT = "1-3 blocks"
LATENCIES = {PROMPT: (1, 3), "30 minutes": (150, 150), "24 hours": (7200, 7200)}
OURS = {"ES": Model.ES, "GREEKS": Model.GREEKS, "STATIC": Model.STATIC}
RANDOM = "random"
Run = dict[str, Any]


def write(found: dict[str, Any]) -> None:
    """The page, its figure and the numbers they come from."""
    kept = rounded(found)
    names = list(kept["runs"][0])
    kept["runs"] = {"names": names, "rows": [[run[name] for name in names] for run in kept["runs"]]}
    RESULTS.write_text(json.dumps(kept, separators=(",", ":")) + "\n")
    # out of what is kept: a digit more would be another page
    figure(results(), ROOT / "docs" / "crashes.svg")
    (ROOT / "docs" / "crashes.md").write_text(page(results()))


def results() -> dict[str, Any]:
    """The numbers of the last page, as `write` was given them."""
    return unpacked(json.loads(RESULTS.read_text()))


def unpacked(saved: dict[str, Any]) -> dict[str, Any]:
    """Saved numbers with a record for each run, which `write` keeps as rows under their names."""
    runs = saved["runs"]
    if isinstance(runs, dict):
        runs = [dict(zip(runs["names"], row, strict=True)) for row in runs["rows"]]
    return {**saved, "runs": runs}


def rounded(value: Any) -> Any:
    """Numbers to six digits: what a table or a figure shows of them is fewer."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


def pooled(runs: Sequence[Run], key: str) -> float:
    """A share of notional over several runs: the mean weighted by notional."""
    return float(sum(r[key] * r["notional"] for r in runs) / sum(r["notional"] for r in runs))


def of(found: dict[str, Any], latency: str, rule: str) -> list[Run]:
    """The runs of one rule at one latency."""
    return [r for r in found["runs"] if r["latency"] == latency and r["rule"] == rule]


def windows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """(asset, crash) that were played, in the order of the tables."""
    there = {(r["asset"], r["crash"]) for r in found["runs"]}
    return [(asset, name) for asset in ("eth", "btc") for name in CRASHES if (asset, name) in there]


def known_rules(found: dict[str, Any]) -> list[str]:
    """Rules that ran through every window at every latency, in the order of the tables."""
    full = len(windows(found))
    return [n for n in (*OURS, *peers.RULES) if all(len(of(found, k, n)) == full for k in known_latencies(found))]


def known_latencies(found: dict[str, Any]) -> list[str]:
    """Latencies that were played."""
    return [k for k in LATENCIES if any(r["latency"] == k for r in found["runs"])]


def idle_share(found: dict[str, Any], rule: str) -> float | None:
    """Share of idle vaults that were liquidated in calm weeks, both assets."""
    parts = found.get("idle", {}).get(rule, {}).values()
    total = sum(part["vaults"] for part in parts)
    return sum(part["fell"] for part in parts) / total if total else None


# --- the figure -----------------------------------------------------------------------------------------------------


def figure(found: dict[str, Any], path: Path) -> None:
    """Capital locked against losses not covered, one panel per latency."""
    from benchmarks.figures import save

    drawn, _ = draw(found)
    save(drawn, path)


def draw(found: dict[str, Any]) -> tuple[Any, list[list[Any]]]:
    """The figure, and the labels of each panel."""
    from benchmarks.figures import COLOURS, grid, spread_labels

    names, latencies = known_rules(found), known_latencies(found)
    drawn, axes = grid(1, len(latencies), width=5.2 * len(latencies), height=4.8)
    least = 1e-3
    labels = []
    for axis, latency in zip(axes[0], latencies, strict=True):
        points = []
        for name in names:
            runs = of(found, latency, name)
            x, y = pooled(runs, "im_percent"), max(pooled(runs, "loss_bp"), least)
            mine = name in OURS
            size, marker = (90, "o") if mine else (60, "s")
            axis.scatter([x], [y], s=size, color=COLOURS[name], zorder=3, marker=marker, edgecolors="white")
            points.append((name, x, y, mine))
        axis.axhline(least, color="#9aa1ab", linewidth=0.8, linestyle="--")
        axis.set_yscale("log")
        axis.set_ylim(least / 20, 1000)
        axis.set_xlim(0, 30)
        ticks = [least, 0.01, 0.1, 1, 10, 100, 1000]
        axis.set_yticks(ticks, ["0", "0.01", "0.1", "1", "10", "100", "1000"])
        axis.set(title=f"keepers act {latency} after a round", xlabel="capital locked at opening, % of notional")
        labels.append(points)
    axes[0][0].set_ylabel("losses beyond the vaults' own money, bp of notional")
    drawn.tight_layout()
    return drawn, [spread_labels(axis, points) for axis, points in zip(axes[0], labels, strict=True)]


# --- the page -------------------------------------------------------------------------------------------------------


def page(found: dict[str, Any]) -> str:
    """docs/crashes.md."""
    names, waits, first = known_rules(found), known_latencies(found), known_latencies(found)[0]
    one = found["runs"][0]
    out = [
        HEAD.format(
            vaults=one["opened"], odd=one["odd_each"], seed=one["seed"], deviation=f"{one['deviation_bps'] / 100:g}",
            cases=len(windows(found)),
        )
    ]  # fmt: skip
    out += [f"## The ES model, keepers {first} after a round", ""]
    out += table(
        "crash", "rounds", "price: first, lowest", "sigma_m: first, highest", "IM / notional", "flagged", "taken",
        "owners pay", "loss", "worst E/MM at a take",
    )  # fmt: skip
    for r in of(found, first, "ES"):
        worst = "-" if r["worst_health"] is None else f"{r['worst_health']:.2f}"
        out += cells(
            f"{r['asset'].upper()} {r['crash']} {CRASHES[r['crash']]}", f"{r['rounds']:,}",
            f"{r['first']:,.0f}, {r['low']:,.0f}", f"{r['sigma_first']:.0%}, {r['sigma_high']:.0%}",
            f"{r['im_percent']:.2f} %", f"{r['flagged']:,}", f"{r['taken']:,}", f"{r['paid_bp']:.1f} bp",
            f"{r['loss_bp']:.3f} bp", worst,
        )  # fmt: skip
    out += [ALL_RULES]
    titles = [t for k in waits for t in (f"loss, {k}", f"below zero, {k}")]
    out += table(
        "rule",
        "capital locked",
        *titles,
        f"owners pay, {first}",
        f"taken, {first}",
        "idle vaults liquidated in calm weeks",
    )
    for name in names:
        row: list[str] = []
        for k in waits:
            runs = of(found, k, name)
            row += [f"{pooled(runs, 'loss_bp'):.3f} bp", f"{sum(r['insolvent'] for r in runs):,}"]
        runs, idle = of(found, first, name), idle_share(found, name)
        taken = sum(r["taken"] for r in runs) / sum(r["vaults"] for r in runs)
        out += cells(
            f"**{name}**" if name in OURS else name, f"{pooled(runs, 'im_percent'):.2f} %", *row,
            f"{pooled(runs, 'paid_bp'):.1f} bp", f"{taken:.0%}", "-" if idle is None else f"{idle:.1%}",
        )  # fmt: skip
    out += _by_window(found, names, waits) + _odd(found, names, waits) + _mandates(found, names)
    return "\n".join([*out, *chain_section(found.get("chain", {})), NOTES])


def _by_window(found: dict[str, Any], names: list[str], waits: list[str]) -> list[str]:
    out = []
    for k in waits:
        titles = [f"{asset.upper()} {name}" for asset, name in windows(found)]
        out += ["", f"Loss by crash, keepers {k} after a round, bp of notional:", "", *table("rule", *titles)]
        for name in names:
            by = {(r["asset"], r["crash"]): r for r in of(found, k, name)}
            out += cells(name, *(f"{by[w]['loss_bp']:.2f}" for w in windows(found)))
    return out


def _odd(found: dict[str, Any], names: list[str], waits: list[str]) -> list[str]:
    out = [ODD.rstrip("\n")]
    for k in waits:
        out += ["", f"Loss of odd portfolios, keepers {k} after a round, bp of their notional:", ""]
        out += table("rule", *crash.ODD)
        for name in names:
            runs = of(found, k, name)
            out += cells(name, *(f"{pooled([r['odd'][kind] for r in runs], 'loss_bp'):.2f}" for kind in crash.ODD))
    out += ["", "Capital they lock at the opening, % of notional:", "", *table("rule", *crash.ODD)]
    for name in names:
        runs = of(found, waits[0], name)
        out += cells(name, *(f"{pooled([r['odd'][kind] for r in runs], 'im_percent'):.2f}" for kind in crash.ODD))
    return out


def _mandates(found: dict[str, Any], names: list[str]) -> list[str]:
    there = {name: rows for name, rows in found.get("mandates", {}).items() if name in names}
    if not there:
        return []
    mandate = crash.Mandate()
    out = [MANDATES.format(share=f"{mandate.share:.0%}", trigger=mandate.trigger, target=mandate.target, wait=PROMPT)]
    keys = [f"{asset} {name}" for asset, name in windows(found)]
    out += table("rule", *(f"{asset.upper()} {name}" for asset, name in windows(found)), "all")
    for name, rows in there.items():
        counts = [(rows[key]["saved"], rows[key]["taken"]) for key in keys]
        counts.append((sum(s for s, _ in counts), sum(t for _, t in counts)))
        out += cells(name, *(f"{s / t:.0%}" if t else "-" for s, t in counts))
    out += ["", *MANDATE_COSTS.split("\n"), ""]
    titles = (
        "IM at the opening",
        "added",
        "owners pay, without",
        "with",
        "owners end with, without",
        "with",
        "loss, with",
    )
    out += table("rule", *titles)
    for name, rows in there.items():
        shares = (
            f"{pooled([rows[key] for key in keys], f'{what}_bp') / 100:.2f} %"
            for what in ("initial", "added", "paid", "paid_helped", "kept", "kept_helped")
        )
        out += cells(name, *shares, f"{pooled([rows[key] for key in keys], 'lost_helped_bp'):.3f} bp")
    return out


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


def cells(*texts: str) -> list[str]:
    """One row of a table."""
    return ["| " + " | ".join(texts) + " |"]


def table(*titles: str) -> list[str]:
    """The head of a table."""
    return [*cells(*titles), "|" + "---|" * len(titles)]


CHAIN = """
## Through the contracts

`python -m benchmarks.crash --chain 100 --deviation 200 --docs`: 100 random vaults opened by signed orders on Anvil with
8 % more than their initial margin, one feed round for each move of 2 %. A desk flags one to three blocks after a round
and takes in the first block in which a take pays 0.7 % of the notional, as in the play above; insurance has 25,000.
Every flag, take, settlement and claim is compared with the exact mirror, equity and MM at each flag and take with the
vectorised one, and all tokens are summed. All vaults are of one cell, so these are other vaults than the play's. IM is
what the contracts asked at the opening, of 20,000 notional a vault; flags count a vault as often as it was flagged.
"""

HEAD = """# Six crashes, ETH and BTC

Written by `python -m benchmarks.crash --docs` ([market data](development.md#market-data));
`python -m benchmarks.crash --from benchmarks/crash.results.json --docs` writes it again from the last run's numbers.

![Capital locked against losses, for our models and other venues' rules](crashes.svg)

In each of {cases} windows {vaults} random vaults of one to four legs (options, futures, deferred premiums, spreads)
and {odd} of each of six odd kinds (below), opened at exactly their initial margin at the start of the file; seed
{seed}. The oracle writes a round when the price has moved {deviation} % or an hour has passed; keepers act some
blocks of 12 s after a round, or a day after it; a taker takes in the first block in which what a take leaves it at
the mark pays 0.7 % of the notional it must hedge. Owners do nothing. Insurance starts with 50 bp of the notional;
its caps are those of [parameters.md](parameters.md). Everything runs in the vectorised mirror
(`bulkhead/risk/crash`), takes in the auction's own integers. `python -m benchmarks.crash --chain 100` plays a
sample of each crash through the contracts instead and compares every flag, take, settlement and claim with the
exact mirror to the wei.

Prices come from bars walked open, low, high, close; vols come from hourly closes, since such a walk turns more
often than a market does.
"""

ALL_RULES = """
Shares are of the notional at the opening. *Owners pay* is what takes cost them at the mark: the takers' bonus and
insurance's cut.

## All rules

The same vaults, prices, keepers and auctions; only the margin rule differs (`bulkhead/risk/peers`). Derive's three
rules and Opyn's table are checked against the venues' own test cases (`tests/unit/risk/test_peers.py`); Deribit's
follow its documents, for which there are none. Means over all windows, weighted by notional, random vaults only.
*Loss* is what the vaults' own money did not cover: insurance used plus haircuts. *Below zero* counts vaults whose
equity was negative when they were taken, settled or the tape ended. *Idle* vaults are opened at IM in calm weeks of
2022 to 2024 (no hour moved by more than 2 %, no range above 5 %) and left alone for a week (`python -m
benchmarks.crash --idle`).
"""

ODD = """
## Odd portfolios

Short 5-delta weeklies; one option bought and three sold further out; a condor sold with a third wing sold again;
options sold four standard deviations in the money; futures at IM; straddles whose premium is owed until the expiry.
They run in the same plays as the random vaults.
"""

MANDATES = """
## Standing top-ups

The same plays, keepers {wait} after a round, with a mandate ([top-ups.md](top-ups.md)) of every owner that gives
{share} of the vault's initial margin in all, from a health of {trigger} to {target}; the keeper that would flag
calls it, tips left out. Of the random vaults that are taken without it, the share that it saves from every take:
"""

MANDATE_COSTS = """What it costs and what it leaves, of notional; *owners end with* is what all of them have of their
vaults at the end, at the mark where one is still open, less what mandates added:"""

NOTES = """
## How to read this

- A rule that asks little at the opening is not cheap if others pay for its losses, and one that asks much may
  still lose: what counts is whether margin grows with the market. ES and GREEKS margins rise with the realised
  vol on chain, the vol by 5 % an hour at most.
- That has a price, which the tables show: more vaults are taken, more often, in calm weeks too, and their owners pay
  the bonus. A live owner would add collateral instead; these owners do nothing.
- Where takers come a day late, what ES loses are mostly hedged vaults whose MM is below the taker's cost, which counts
  the gross notional: nobody takes them until insurance adds to the bonus.
- A mandate is a share of IM: the less a rule asks at the opening and the more its margin grows in the crash, the sooner
  it is spent, so it saves fewest under ES and most under a table that asks three times as much. It spares owners a
  quarter to seven tenths of the bonus. What it saves stays exposed: through these crashes that cost owners more than
  the bonus they were spared, as the two columns of what they end with say.
- Marks are Black-76 at the surface the adapter falls back to (from the week's vol to that of 60 days, times 1.25): no
  publisher, no smile. Other venues' rules see the same marks, not their own.
- A venue's rule is played under our auction. Where its requirement is less than twice the taker's cost, the
  auction's A is that, since otherwise nobody could be paid at all; this helps the flat ratios. Dated futures at
  Deribit's standard margin, Opyn and the flat ratios follow Derive's perpetuals. Opyn's table beyond 14 days grows with
  the root of time, as its two published rows do. In Deribit's portfolio margin the far moves count by the main table's
  span over their own, and a single position is too small for its add-on for size.
- What is below zero when the tape ends is counted as a loss at the mark then.
"""
