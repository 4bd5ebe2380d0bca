"""What calibration leaves behind: the constants that deployments and mirrors read, and a picture of the frontier."""

from __future__ import annotations

from collections.abc import Sequence
from colorsys import hls_to_rgb
from html import escape
from pathlib import Path

from bulkhead.risk.calibrated import P_MILLI
from bulkhead.risk.frontier.choose import PEER, Choice, Row
from bulkhead.risk.frontier.setting import STRESSED_MORE, Setting
from bulkhead.risk.nodes import NODES

HOME = Path(__file__).resolve().parents[1] / "calibrated.py"
WIDTH, HEIGHT, EDGE = 760, 420, 56

_TEXT = '''"""What calibration chose, and all that deployments and mirrors take from it.

Written by `bulkhead calibrate FILES --crashes FOLDER --write`. {source}
"""

from __future__ import annotations

#: Scenario nodes z [standard deviations * 1000], ascending, and their probabilities [1e-3].
Z_MILLI = {nodes}
P_MILLI = {weights}

#: h: horizon of the shocks [seconds].
HORIZON_SECONDS = {horizon:_}
#: IM/MM in calm, and once the fast vol is three times the slow one [1e-4].
KAPPA_CALM_BPS = {kappa:_}
KAPPA_STRESS_BPS = {stressed:_}
#: Share of the stress vol in sigma_m, and that vol [1e-4].
STRESS_SHARE_BPS = {share:_}
STRESS_VOL_BPS = {vol:_}
'''


def constants(setting: Setting, source: str) -> str:
    """The text of `bulkhead.risk.calibrated`.

    Args:
        setting: What was taken.
        source: One sentence that says from what.
    """
    return _TEXT.format(
        source=source,
        nodes=tuple(round(z / 10**15) for z in setting.nodes),
        weights=P_MILLI,
        horizon=setting.horizon_seconds,
        kappa=setting.kappa_bps,
        stressed=setting.kappa_bps + STRESSED_MORE,
        share=setting.stress_share_bps,
        vol=setting.stress_vol_bps,
    )


def plot(choice: Choice) -> str:
    """SVG: liquidations of idle vaults over mean IM in the years of the judgement, a line a horizon and blend."""
    rows, peer = choice.judged, choice.peer[1]
    everything = [*rows, peer]
    most_x, most_y = max(r.mean_im for r in everything) * 1.05, max(r.liquidated for r in everything) * 1.05 or 1.0

    def at(row: Row) -> tuple[float, float]:
        x = EDGE + row.mean_im / most_x * (WIDTH - 2 * EDGE)
        return round(x, 1), round(HEIGHT - EDGE - row.liquidated / most_y * (HEIGHT - 2 * EDGE), 1)

    lines: dict[tuple[int, int, bool], list[Row]] = {}
    for row in rows:
        if s := row.setting:
            lines.setdefault((s.horizon_seconds, s.stress_share_bps, s.nodes != NODES), []).append(row)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<path d="M{EDGE} {EDGE}V{HEIGHT - EDGE}H{WIDTH - EDGE}" fill="none" stroke="#888"/>',
    ]
    for i in range(6):
        x, y = EDGE + i / 5 * (WIDTH - 2 * EDGE), HEIGHT - EDGE - i / 5 * (HEIGHT - 2 * EDGE)
        out.append(f'<text x="{x:.0f}" y="{HEIGHT - EDGE + 16}" text-anchor="middle">{most_x * i / 5:.1%}</text>')
        out.append(f'<text x="{EDGE - 6}" y="{y + 4:.0f}" text-anchor="end">{most_y * i / 5:.0%}</text>')
    out.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">mean IM of notional</text>')
    out.append(f'<text x="{EDGE}" y="{EDGE - 14}">idle vaults opened at IM that a calm week liquidates</text>')
    for number, ((horizon, share, fitted), some) in enumerate(sorted(lines.items())):
        red, green, blue = (round(255 * part) for part in hls_to_rgb(number / (len(lines) + 1), 0.42, 0.65))
        colour = f"#{red:02x}{green:02x}{blue:02x}"
        points = [at(row) for row in sorted(some, key=lambda r: r.mean_im)]
        path = " ".join(f"{x},{y}" for x, y in points)
        name = (
            f"h {horizon / 3600:g} h"
            + (f", stress {share / 1e4:.0%}" if share else "")
            + (", fitted nodes" if fitted else "")
        )
        dashes = ' stroke-dasharray="4 3"' if fitted else ""
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4"{dashes}/>')
        x, y = WIDTH - EDGE + 2, EDGE + 14 * number
        out.append(f'<text x="{x}" y="{y}" text-anchor="end" fill="{colour}">{name}</text>')
    out += [_dot(at(rows[choice.today]), "#000", "today"), _dot(at(peer), "#d9532c", PEER)]
    if choice.taken is not None:
        out.append(_dot(at(rows[choice.taken]), "#1f5fbf", "the criterion's"))
    return "\n".join([*out, "</svg>"]) + "\n"


def _dot(place: tuple[float, float], colour: str, name: str) -> str:
    x, y = place
    return f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/><text x="{x + 7}" y="{y - 5}">{escape(name)}</text>'


def best(rows: Sequence[Row]) -> list[int]:
    """Settings that no other beats in both mean IM and liquidations, cheapest first."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i].mean_im, rows[i].liquidated))
    found: list[int] = []
    for i in order:
        if not found or rows[i].liquidated < rows[found[-1]].liquidated:
            found.append(i)
    return found
