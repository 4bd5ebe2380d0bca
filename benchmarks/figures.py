"""How figures of the docs look, and how they are written: SVG whose bytes depend on nothing but the numbers."""

from __future__ import annotations

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
    "Derive SRM": "#c99a06",
    "Derive PMRM": "#b0579b",
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
