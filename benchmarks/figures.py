"""How figures of the docs look, and how they are written: SVG whose bytes depend on nothing but the numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
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
DISTANCES = (9, 14, 20, 28, 36, 46, 60, 76, 94, 114)
DIRECTIONS = 24
#: Room around points and labels that no label may enter [pixels], and the length from which a label gets a line.
ROOM, NEAR = 3.0, 12
#: Orders in which labels are placed, of which the best counts, and how often each label is placed.
ORDERS, ROUNDS = 8, 2

Spot = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Place:
    """Where a label may lie: its box, its line (points two pixels apart), both together, its anchor, how far away."""

    box: Box
    line: list[Spot]
    whole: Box
    anchor: tuple[float, float, str]
    away: float


def spread_labels(axis: Any, points: Sequence[tuple[str, float, float, bool]]) -> list[Any]:
    """Names at points (name, x, y, bold), none over another, over a point, a line or an edge; far ones get a line.

    Call it when the layout of the figure stands.
    """
    figure = axis.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    window = axis.get_window_extent(renderer)
    frame = window.x0, window.y0, window.x1, window.y1
    spots: list[Spot] = [tuple(axis.transData.transform((x, y))) for _, x, y, _ in points]
    labels, places = [], []
    for (name, x, y, bold), spot in zip(points, spots, strict=True):
        weight = "bold" if bold else "normal"
        label = axis.annotate(name, (x, y), xytext=(0, 0), textcoords="offset points", fontweight=weight, va="center")
        size = label.get_window_extent(renderer)
        places.append(_places(spot, size.width, size.height, figure.dpi / 72, frame, spots))
        labels.append(label)
    for label, (name, *_), spot, place in zip(labels, points, spots, _best(places), strict=True):
        dx, dy, ha = place.anchor
        label.set_position((dx, dy))
        label.set(ha=ha)
        if place.line:
            ends = axis.transData.inverted().transform([spot, place.line[-1]])
            axis.plot(ends[:, 0], ends[:, 1], color=COLOURS.get(name, "#9aa1ab"), linewidth=0.8, zorder=1)
    return labels


def _places(spot: Spot, width: float, height: float, scale: float, frame: Box, spots: Sequence[Spot]) -> list[Place]:
    """Places for one label that touch no point, nearest first."""
    points = [_box(x - 6, y - 6, x + 6, y + 6) for x, y in spots]
    found = []
    for dx, dy, ha in _offsets():
        left = spot[0] + dx * scale - {"left": 0.0, "center": width / 2, "right": width}[ha]
        low = spot[1] + dy * scale - height / 2
        box = _box(left, low, left + width, low + height)
        inside = frame[0] <= box[0] and box[2] <= frame[2] and frame[1] <= box[1] and box[3] <= frame[3]
        if not inside or any(overlap(box, other) for other in points):
            continue
        away = math.hypot(dx, dy)
        line = _steps(spot, (_clip(spot[0], box[0], box[2]), _clip(spot[1], box[1], box[3]))) if away > NEAR else []
        # a line that runs over another point is the worse for it
        over = sum(any(_within(at, other) for at in line) for other in points if not _within(spot, other))
        xs, ys = [box[0], box[2], spot[0]], [box[1], box[3], spot[1]]
        whole = _box(min(xs), min(ys), max(xs), max(ys)) if line else box
        found.append(Place(box, line, whole, (dx, dy, ha), away + 30 * over))
    if not found:
        raise ValueError("There is no room for a label.")
    return sorted(found, key=lambda place: place.away)


def _best(places: Sequence[Sequence[Place]]) -> list[Place]:
    """One place for each label: the best that several orders come to, each label moving in turn until none gains."""
    draw, order, best = random.Random(1), list(range(len(places))), (math.inf, [])
    for _ in range(ORDERS):
        taken: dict[int, Place] = {}
        for i in order * ROUNDS:
            others = [place for j, place in taken.items() if j != i]
            free = (place for place in places[i] if not any(_clash(place, other) for other in others))
            found = next(free, None) or min(places[i], key=lambda p: sum(_clash(p, other) for other in others))
            taken[i] = found
        placed = [taken[i] for i in range(len(places))]
        clashes = sum(_clash(one, other) for one, other in combinations(placed, 2))
        best = min(best, (1e4 * clashes + sum(p.away for p in placed), placed), key=lambda one: one[0])
        draw.shuffle(order)
    return best[1]


def _clash(one: Place, other: Place) -> int:
    """How much two labels and their lines are in each other's way: 0 not, 1 by a line, more by their boxes."""
    if not overlap(one.whole, other.whole):
        return 0
    if overlap(one.box, other.box):
        return 100
    if any(_within(at, other.box) for at in one.line) or any(_within(at, one.box) for at in other.line):
        return 1
    return int(any(math.dist(a, b) < ROOM for a in one.line[5:] for b in other.line[5:]))


def _offsets() -> list[tuple[float, float, str]]:
    found = []
    for distance in DISTANCES:
        for step in range(DIRECTIONS):
            # to the right first, then ever further round
            turn = (step + 1) // 2 * (1 if step % 2 else -1) * 2 * math.pi / DIRECTIONS
            dx, dy = distance * math.cos(turn), distance * math.sin(turn)
            found.append((dx, dy, "left" if dx > 0.1 * distance else "right" if dx < -0.1 * distance else "center"))
    return found


def _steps(start: Spot, end: Spot) -> list[Spot]:
    """Points along a line, two pixels apart."""
    count = max(2, round(math.dist(start, end) / 2))
    return [
        (start[0] + (end[0] - start[0]) * i / count, start[1] + (end[1] - start[1]) * i / count)
        for i in range(count + 1)
    ]


def _clip(x: float, least: float, most: float) -> float:
    return min(max(x, least), most)


def _within(at: Spot, box: Box) -> bool:
    return box[0] < at[0] < box[2] and box[1] < at[1] < box[3]


def _box(x0: float, y0: float, x1: float, y1: float) -> Box:
    return x0 - ROOM / 2, y0 - ROOM / 2, x1 + ROOM / 2, y1 + ROOM / 2


def overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes (left, bottom, right, top) share room."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
