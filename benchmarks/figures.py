"""How figures of the docs look, and how they are written: SVG whose bytes depend on nothing but the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

#: Ours strong and blue to green, other venues' in warm and grey tones.
COLOURS = {
    "ES": "#1f5fbf",
    "GREEKS": "#1fa3a3",
    "STATIC": "#2a9d4f",
    "Deribit standard": "#d9532c",
    "Deribit PM": "#f08a5d",
    "Derive SRM": "#c99a06",
    "Derive PMRM": "#b0579b",
    "Derive PMRM 2": "#7d3c98",
    "Opyn table": "#8a6d3b",
    "flat 110 %": "#b0b0b0",
    "flat 120 %": "#8c8c8c",
    "flat 150 %": "#666666",
}


def grid(rows: int, columns: int, width: float = 10.0, height: float = 3.6) -> tuple[Any, Any]:
    """A figure and its axes, always two-dimensional."""
    plt.rcParams.update(
        {
            "svg.hashsalt": "bulkhead",
            "svg.fonttype": "none",
            "font.size": 9,
            "font.family": "sans-serif",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e3e1da",
            "axes.axisbelow": True,
        }
    )
    return plt.subplots(rows, columns, figsize=(width, height * rows), squeeze=False)


def save(figure: Any, path: Path) -> None:
    """Writes the figure without a date and without white space at line ends."""
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")
    plt.close(figure)
    path.write_text("\n".join(row.rstrip() for row in path.read_text().splitlines()) + "\n")


#: How far a label may lie from its point [points], and how many directions are tried at each distance.
DISTANCES = (9, 16, 24, 34, 46, 60, 76, 94, 114)
DIRECTIONS = 16
#: Room around points and labels that no label may enter [pixels].
ROOM = 3.0


def spread_labels(axis: Any, points: Sequence[tuple[str, float, float, bool]]) -> list[Any]:
    """Names at points (name, x, y, bold), none over another, over a point or over an edge; far ones get a line.

    Call it when the layout of the figure stands.
    """
    figure = axis.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    frame = axis.get_window_extent(renderer)
    spots = [axis.transData.transform((x, y)) for _, x, y, _ in points]
    taken = [_box(px - 6, py - 6, px + 6, py + 6) for px, py in spots]
    labels = []
    for (name, x, y, bold), spot in sorted(zip(points, spots, strict=True), key=lambda one: -one[1][1]):
        label = axis.annotate(
            name, (x, y), xytext=(0, 0), textcoords="offset points", fontweight="bold" if bold else "normal"
        )
        for dx, dy, ha in _offsets():
            label.set_position((dx, dy))
            label.set(ha=ha, va="center")
            found = label.get_window_extent(renderer)
            box = _box(found.x0, found.y0, found.x1, found.y1)
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            if inside and not any(overlap(box, other) for other in taken):
                break
        taken.append(box)
        labels.append(label)
        if math.hypot(dx, dy) > 12:
            side = box[0] if ha == "left" else box[2] if ha == "right" else (box[0] + box[2]) / 2
            ends = axis.transData.inverted().transform([spot, (side, (box[1] + box[3]) / 2)])
            axis.plot(ends[:, 0], ends[:, 1], color="#9aa1ab", linewidth=0.6, zorder=1)
    return labels


def _offsets() -> list[tuple[float, float, str]]:
    found = []
    for distance in DISTANCES:
        for step in range(DIRECTIONS):
            # to the right first, then ever further round
            turn = (step + 1) // 2 * (1 if step % 2 else -1) * 2 * math.pi / DIRECTIONS
            dx, dy = distance * math.cos(turn), distance * math.sin(turn)
            found.append((dx, dy, "left" if dx > 0.1 * distance else "right" if dx < -0.1 * distance else "center"))
    return found


def _box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
    return x0 - ROOM / 2, y0 - ROOM / 2, x1 + ROOM / 2, y1 + ROOM / 2


def overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes (left, bottom, right, top) share room."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
