"""How well SVI fits real chains: `bulkhead vol report` writes docs/vol-fit.md and docs/vol-fit.svg."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from bulkhead.chain.errors import BadInput
from bulkhead.risk.svi import total_variance_float
from bulkhead.vol import options
from bulkhead.vol.arbitrage import REACH, worst
from bulkhead.vol.fit import Fit, fit_chain, surface
from bulkhead.vol.options import Chain
from bulkhead.vol.surface import SurfaceError, check

#: Strikes of the dense grid.
DENSE = 2001
BUCKETS = ((0, 2), (2, 7), (7, 30), (30, 90), (90, 400))
#: Goals [vol points].
MEDIAN, TAIL = 0.5, 1.5

STYLE = (
    "<style>text{fill:#4b5563;font:11px system-ui,sans-serif}.h{font-weight:600;fill:#1d2430;font-size:13px}"
    ".g{stroke:#e3e1da}.f{fill:none;stroke:#2f7ed8;stroke-width:1.6}.q{fill:#d9532c}.b{fill:#2a9d6f}</style>"
)


@dataclass(frozen=True)
class Row:
    """One expiry of one chain: error at strikes with a delta of 5 to 95 % [vol points]."""

    asset: str
    days: float
    strikes: int
    median: float
    tail: float
    most: float


def rows(chain: Chain, fits: Sequence[Fit]) -> list[Row]:
    """One row for each expiry with at least three strikes inside."""
    found = []
    for fit in fits:
        error = np.abs(fit.inner) * 100
        if len(error) >= 3:
            found.append(
                Row(
                    chain.asset,
                    fit.tau * 365,
                    len(error),
                    float(np.median(error)),
                    float(np.percentile(error, 95)),
                    float(error.max()),
                )
            )
    return found


def refusal(chain: Chain, fits: Sequence[Fit]) -> str:
    """Why the contract would refuse the surface of a chain, empty when it takes it."""
    try:
        check(surface(chain, 0, fits))
    except SurfaceError as error:
        return str(error)
    return ""


def chains_of(folder: Path, assets: Sequence[str] = ("BTC", "ETH")) -> list[Chain]:
    """Every chain below a folder, but those of 2020, which have another form."""
    paths = [path for path in _files(folder) if "2020" not in path.name]
    return [chain for path in paths for asset in assets for chain in options.read(path, asset)]


def write(folder: Path, out: Path, assets: Sequence[str] = ("BTC", "ETH")) -> list[Row]:
    """Fits every chain below `folder`, writes vol-fit.md and vol-fit.svg into `out`."""
    found: list[Row] = []
    shown: tuple[Chain, list[Fit]] | None = None
    refused: list[str] = []
    free = fitted = 0
    chains = chains_of(folder, assets)
    if not chains:
        raise BadInput(f"There are no option chains in {folder}.")
    with ProcessPoolExecutor() as pool:
        for chain, fits in zip(chains, pool.map(fit_chain, chains), strict=True):
            found += rows(chain, fits)
            if reason := refusal(chain, fits):
                refused.append(f"{chain.asset} at {chain.made_at}: {reason}")
            fitted += len(fits)
            free += sum(
                worst(fit.slice, None if last is None else last.slice, DENSE).is_free
                for last, fit in zip([None, *fits[:-1]], fits, strict=True)
            )
            if chain.asset == "ETH" and shown is None:
                shown = (chain, fits)
    out.mkdir(parents=True, exist_ok=True)
    (out / "vol-fit.md").write_text(table(found, len(chains), refused, (free, fitted)))
    if shown is not None:
        (out / "vol-fit.svg").write_text(picture(*shown))
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("deribit_chain*_202*"))
    except (OSError, ValueError):  # no name of a folder
        raise BadInput(f"There is no folder {str(folder)!r}.") from None


def bucket_name(low: int, high: int) -> str:
    """A range of days in words."""
    return "all" if (low, high) == (0, 400) else f"{low} to {high}"


def table(found: Sequence[Row], chains: int, refused: Sequence[str], free: tuple[int, int]) -> str:
    """The page; `free` are the expiries without arbitrage on the dense grid, and all that were fitted."""
    lines = [
        "# How well SVI fits real chains",
        "",
        f"Written by `bulkhead vol report`: {chains} Deribit chains (BTC and ETH, weekly, December 2025 to August",
        f"2026), {len(found)} expiries, fitted to mark vols with the arbitrage checks of VolSurface as constraints;",
        f"{chains - len(refused)} of {chains} surfaces pass the contract's own checks"
        + (f" (refused: {'; '.join(refused)})." if refused else "."),
        f"{free[0]} of {free[1]} fitted expiries hold no arbitrage, neither in density nor against the expiry",
        f"before, at {DENSE:,} strikes within {REACH:g} standard deviations",
        "(`python -m benchmarks.vol_arbitrage` prints the counts by tenor).",
        "Error is fitted less quoted vol at strikes with a forward delta of 5 to 95 %, in vol points.",
        f"Goal for each expiry: median at most {MEDIAN}, 95th percentile at most {TAIL}.",
        "",
        "![Quotes and fits of one chain](vol-fit.svg)",
        "",
        "| asset | days to expiry | expiries | median of medians | worst median | median of p95 | worst p95 |"
        " largest error | within both goals |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for asset in sorted({row.asset for row in found}):
        for low, high in (*BUCKETS, (0, 400)):
            part = [row for row in found if row.asset == asset and low <= row.days < high]
            if not part:
                continue
            medians, tails = [row.median for row in part], [row.tail for row in part]
            good = sum(row.median <= MEDIAN and row.tail <= TAIL for row in part)
            lines.append(
                f"| {asset} | {bucket_name(low, high)} | {len(part)} | {np.median(medians):.2f} | {max(medians):.2f} |"
                f" {np.median(tails):.2f} | {max(tails):.2f} | {max(row.most for row in part):.2f} |"
                f" {good / len(part):.1%} |"
            )
    lines += [
        "",
        "What misses the goal is listed here, worst first (at most 15):",
        "",
        "| asset | days to expiry | strikes | median | p95 | largest |",
        "|---|---|---|---|---|---|",
    ]
    missed = [row for row in found if row.median > MEDIAN or row.tail > TAIL]
    for row in sorted(missed, key=lambda r: -r.tail)[:15]:
        lines.append(
            f"| {row.asset} | {row.days:.2f} | {row.strikes} | {row.median:.2f} | {row.tail:.2f} | {row.most:.2f} |"
        )
    return "\n".join(lines) + "\n"


def picture(chain: Chain, fits: Sequence[Fit]) -> str:
    """Small multiples: quotes as dots, fits as lines, over log-moneyness in standard deviations."""
    width, height, across = 300, 170, 3
    chosen = list(fits)[: 4 * across]
    down = -(-len(chosen) // across)
    parts = []
    for number, fit in enumerate(chosen):
        x0, y0 = 20 + (number % across) * (width + 10), 50 + (number // across) * (height + 30)
        deviation = float(np.sqrt(total_variance_float(fit.slice.floats(), 0.0)))
        line = np.linspace(-3, 3, 61)
        fitted = np.sqrt(np.maximum(total_variance_float(fit.slice.floats(), line * deviation), 0) / fit.tau)
        z = fit.expiry.k / deviation
        inside = np.abs(z) <= 3
        vols = np.concatenate([fitted, fit.expiry.iv[inside]])
        low, high = float(vols.min()), float(vols.max())
        span = max(high - low, 0.02)

        def at(zs: float, v: float, x0: float = x0, y0: float = y0, low: float = low, span: float = span) -> str:
            return f"{x0 + 34 + (zs + 3) / 6 * (width - 40):.1f},{y0 + 14 + (1 - (v - low) / span) * (height - 34):.1f}"

        error = np.abs(fit.inner) * 100
        parts.append(
            f'<text x="{x0}" y="{y0}">{fit.tau * 365:.1f} days: median {np.median(error):.2f}, '
            f"p95 {np.percentile(error, 95):.2f} vol points</text>"
        )
        for v in (low, (low + high) / 2, high):
            a, b = at(-3, v).split(","), at(3, v).split(",")
            parts.append(f'<line class="g" x1="{a[0]}" y1="{a[1]}" x2="{b[0]}" y2="{b[1]}"/>')
            parts.append(f'<text x="{x0}" y="{float(a[1]) + 4:.1f}">{v:.0%}</text>')
        parts.append(f'<polyline class="f" points="{" ".join(at(*p) for p in zip(line, fitted, strict=True))}"/>')
        for zs, v in zip(z[inside], fit.expiry.iv[inside], strict=True):
            cx, cy = at(float(zs), float(v)).split(",")
            parts.append(f'<circle class="q" cx="{cx}" cy="{cy}" r="2"/>')
    title = (
        f"{chain.asset}, {len(chosen)} expiries: quoted mark vols (dots) and SVI (lines), -3 to 3 standard deviations"
    )
    box = f"0 0 {across * (width + 10) + 30} {60 + down * (height + 30)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">'
        f'{STYLE}<text class="h" x="20" y="24">{escape(title)}</text>{"".join(parts)}</svg>\n'
    )
