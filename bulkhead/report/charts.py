"""Line charts as SVG text: axes, grid, series, marks. Nothing but strings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 960, 58, 16, 14, 28

#: Distinct in hue and lightness, readable on dark and light ground.
COLOURS = (
    "#2f7ed8", "#d9532c", "#2a9d6f", "#b0579b", "#c99a06", "#5b6ee1", "#17a2b8", "#8a6d3b",
    "#e0559a", "#6b8e23", "#7f7f7f",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A series of points; None breaks the line."""

    name: str
    points: Sequence[tuple[float, float | None]]
    colour: str
    width: float = 1.6
    dash: str = ""


@dataclass(frozen=True)
class Mark:
    """A symbol at a point: "flag" (triangle), "take" (disc) or "end" (square)."""

    x: float
    y: float
    shape: str
    colour: str
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart over time, or over a number.

    Attributes:
        lines: Series.
        marks: Symbols with a tooltip.
        height: Pixels.
        unit: Text at the y axis.
        rules: (y, text) of horizontal rules.
        verticals: (x, text) of vertical rules.
        low: Least y shown; None takes it from the data.
        high: Greatest y shown; larger values are cut.
        is_time: Whether x is a time [unix seconds].
    """

    lines: Sequence[Line]
    marks: Sequence[Mark] = field(default_factory=tuple)
    height: int = 260
    unit: str = ""
    rules: Sequence[tuple[float, str]] = field(default_factory=tuple)
    verticals: Sequence[tuple[float, str]] = field(default_factory=tuple)
    low: float | None = None
    high: float | None = None
    is_time: bool = True


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two bounds."""
    if high <= low:
        return [low]
    raw = (high - low) / count
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw)
    first = math.ceil(low / step) * step
    return [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]


def time_ticks(low: float, high: float) -> list[int]:
    """Stamps at even hours or days."""
    span = high - low
    hours = next((h for h in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720) if span / (h * 3600) <= 11), 2160)
    step = hours * 3600
    first = math.ceil(low / step) * step
    return list(range(int(first), int(high) + 1, step))


def label_time(at: float, span: float) -> str:
    """A stamp as an axis shows it."""
    moment = datetime.fromtimestamp(at, UTC)
    if span > 12 * 86400 or (moment.hour == 0 and moment.minute == 0):
        return f"{moment:%d %b}"
    return f"{moment:%H:%M}"


def number(value: float) -> str:
    """A number as an axis shows it."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _path(points: Sequence[tuple[float, float | None]]) -> str:
    parts: list[str] = []
    pen = "M"
    for x, y in points:
        if y is None:
            pen = "M"
            continue
        parts.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    return "".join(parts)


def _shape(x: float, y: float, mark: Mark) -> str:
    title = f"<title>{escape(mark.text)}</title>"
    if mark.shape == "flag":
        body = f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z" fill="{mark.colour}"'
    elif mark.shape == "take":
        body = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{mark.colour}"'
    else:
        body = f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{mark.colour}"'
    tag = body[1:].split(" ", 1)[0]
    return f'{body} class="mark">{title}</{tag}>'


def draw(chart: Chart) -> str:
    """The chart as an `<svg>` element."""
    xs = [x for line in chart.lines for x, _ in line.points]
    ys = [y for line in chart.lines for _, y in line.points if y is not None] + [y for y, _ in chart.rules]
    if not xs or not ys:
        return "<p>No data.</p>"
    left, right = min(xs), max(max(xs), *(x for x, _ in chart.verticals), min(xs) + 1)
    low = min(ys) if chart.low is None else chart.low
    high = max(ys) if chart.high is None else chart.high
    if high <= low:
        high = low + 1
    pad = (high - low) * 0.05
    low, high = (low - pad if chart.low is None else low), (high + pad if chart.high is None else high)
    inner_w, inner_h = WIDTH - LEFT - RIGHT, chart.height - TOP - BOTTOM

    def to_x(x: float) -> float:
        return LEFT + (x - left) / (right - left) * inner_w

    def to_y(y: float) -> float:
        return TOP + (high - min(max(y, low), high)) / (high - low) * inner_h

    parts = [f'<svg viewBox="0 0 {WIDTH} {chart.height}" role="img" xmlns="http://www.w3.org/2000/svg">']
    for value in ticks(low, high):
        y = to_y(value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="tick end">{number(value)}</text>')
    for at in time_ticks(left, right) if chart.is_time else ticks(left, right, 10):
        x = to_x(at)
        label = label_time(at, right - left) if chart.is_time else number(at)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + inner_h}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{chart.height - 9}" class="tick mid">{label}</text>')
    for value, text in chart.rules:
        y = to_y(value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>')
        parts.append(f'<text x="{WIDTH - RIGHT - 4}" y="{y - 4:.1f}" class="tick end">{escape(text)}</text>')
    for at, text in chart.verticals:
        x = to_x(at)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + inner_h}" class="rule"/>')
        parts.append(f'<text x="{x - 4:.1f}" y="{TOP + 11}" class="tick end">{escape(text)}</text>')
    for line in chart.lines:
        points = [(to_x(x), None if y is None else to_y(y)) for x, y in line.points]
        dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
        parts.append(
            f'<path d="{_path(points)}" fill="none" stroke="{line.colour}" stroke-width="{line.width}"'
            f' stroke-linejoin="round"{dash}><title>{escape(line.name)}</title></path>'
        )
    parts.extend(_shape(to_x(mark.x), to_y(mark.y), mark) for mark in chart.marks)
    if chart.unit:
        parts.append(f'<text x="{LEFT}" y="{TOP - 3}" class="tick">{escape(chart.unit)}</text>')
    parts.append("</svg>")
    return "".join(parts)


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Names and colours under a chart."""
    items = "".join(f'<span><i style="background:{c}"></i>{escape(n)}</span>' for n, c in entries)
    return f'<div class="legend">{items}</div>'


def thin(points: Sequence[tuple[float, float | None]], most: int = 900) -> list[tuple[float, float | None]]:
    """Fewer points for a chart: per bucket the least and the greatest stay, so no spike is lost."""
    if len(points) <= most:
        return list(points)
    size = math.ceil(len(points) / (most / 2))
    kept: list[tuple[float, float | None]] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        given = [p for p in bucket if p[1] is not None]
        if len(given) < len(bucket):
            kept.append((bucket[0][0], None))
        if given:
            pair = {min(given, key=_value), max(given, key=_value)}
            kept.extend(sorted(pair))
    return kept


def _value(point: tuple[float, float | None]) -> float:
    return point[1] if point[1] is not None else 0.0
