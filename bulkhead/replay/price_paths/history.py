"""Hourly closes of a file for calibration; the files are those of `bars`, and only times and closes are needed."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np

from bulkhead.chain.errors import BadInput
from bulkhead.replay.price_paths.bars import read_bars, read_closes
from bulkhead.risk.calibration import HOUR, History
from bulkhead.risk.frontier import Window
from bulkhead.risk.frontier.market import WARM_UP, longest_hole
from bulkhead.risk.frontier.pairs import Bars
from bulkhead.risk.scales import DAY

#: A crash is at least as long as the longest delay of takers, and bears holes of a feed's heartbeat [seconds].
SHORTEST_CRASH, LONGEST_HOLE = DAY, HOUR


def _named_closes(path: Path | str, asset: str | None) -> tuple[str, list[tuple[int, Decimal]]]:
    """Name of a file and its closes, two at least."""
    name = Path(path).name
    rows = read_closes(path, asset)
    if len(rows) < 2:
        raise BadInput(f"{name} has {len(rows)} bars; at least two are needed.")
    return name, rows


def read_history(path: Path | str, asset: str | None = None) -> History:
    """Hourly closes, oldest first.

    Args:
        path: A file of hourly bars.
        asset: Prefix of the price columns, when the file has several.

    Raises:
        BadInput: A sentence that names the file.
    """
    name, rows = _named_closes(path, asset)
    seconds = Counter(b - a for (a, _), (b, _) in zip(rows, rows[1:], strict=False)).most_common(1)[0][0]
    if seconds != HOUR:
        raise BadInput(f"{name} holds bars of {seconds} seconds; calibration takes hourly ones.")
    return History(name, np.array([at for at, _ in rows], np.float64), np.array([float(p) for _, p in rows]))


def read_window(path: Path | str, asset: str, seconds: int = 300) -> Window:
    """Closes of a crash in even steps, the one in force where a bar is missing.

    Args:
        path: A file of bars no longer than the step.
        asset: Prefix of the price columns.
        seconds: The step.

    Raises:
        BadInput: A sentence that names the file, also of one that is too short or has a long hole.
    """
    name, rows = _named_closes(path, asset)
    at = np.array([moment for moment, _ in rows], np.int64)
    length = int(np.diff(at).min())
    if length > seconds:
        raise BadInput(f"{name} holds bars of {length} seconds; a crash takes bars of at most {seconds}.")
    if at[-1] + length - at[0] < SHORTEST_CRASH:
        raise BadInput(f"{name} is shorter than the day that takers may be late; a crash takes at least one.")
    hole, since = longest_hole(at)
    if hole > LONGEST_HOLE:
        raise BadInput(
            f"{name} has no price for {hole // 60:,} minutes after {since}; a crash bears {LONGEST_HOLE // 60}."
        )
    ends = at + length
    even = np.arange(-(-ends[0] // seconds), ends[-1] // seconds + 1) * seconds
    price = np.array([float(close) for _, close in rows])
    return Window(name.split(".")[0], even, price[np.searchsorted(ends, even, "right") - 1])


def read_hours(path: Path | str) -> Bars:
    """Hours with the lowest and highest price of each, from when vols are warm; after a hole none.

    Args:
        path: A file of hourly bars.

    Raises:
        BadInput: A sentence that names the file.
    """
    bars = read_bars(path)
    at = np.array([bar.at for bar in bars], np.float64)
    close, low, high = (np.array([getattr(bar, x) for bar in bars]) / 1e8 for x in ("close", "low", "high"))
    whole = (np.diff(at) == HOUR) & (at[1:] > at[0] + WARM_UP)
    return Bars(at[1:][whole], close[:-1][whole], low[1:][whole], high[1:][whole])
