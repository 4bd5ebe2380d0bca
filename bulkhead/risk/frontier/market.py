"""Prices of one asset: years of hourly closes, and the crashes inside them in finer steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from bulkhead.risk.batch import Cells, Floats, Ints
from bulkhead.risk.scales import DAY, HOUR
from bulkhead.risk.vol_path import VolPath

WEEK = 7 * DAY
#: Time that only warms vols up before anything is measured: the long one is mature then.
WARM_UP = 60 * DAY
#: What happened before it no longer tells in any vol.
MEMORY = 400 * DAY
#: Fewest hours of a history that a fit may use: a year beyond the warm-up.
FEWEST = WARM_UP // HOUR + 365 * 24
#: Longest hole of a history: over it prices stand still and vols fade.
LONGEST_HOLE = DAY


def longest_hole(at: Ints) -> tuple[int, str]:
    """Seconds of the longest step between two stamps [unix seconds], and when it begins, to be read."""
    hole = int(np.diff(at).argmax())
    return int(at[hole + 1] - at[hole]), f"{datetime.fromtimestamp(at[hole], UTC):%Y-%m-%d %H:%M}"


@dataclass(frozen=True)
class Window:
    """One crash.

    Attributes:
        name: Of its file.
        at: Stamps of its closes, evenly spaced [unix seconds].
        price: The closes [quote].
    """

    name: str
    at: Ints
    price: Floats


@dataclass(frozen=True)
class Market:
    """One asset.

    Attributes:
        name: ETH or BTC.
        path: Vols along its hourly closes.
        windows: Its crashes, each with the path of vols through it.
    """

    name: str
    path: VolPath
    windows: tuple[tuple[Window, VolPath], ...]

    @classmethod
    def of(cls, name: str, at: Ints, close: Floats, windows: list[Window]) -> Market:
        """A market from its hourly closes and the closes of its crashes.

        Raises:
            ValueError: A history too short for a fit or with a long hole, or a crash outside of it.
        """
        if len(at) < FEWEST:
            raise ValueError(f"{name}: {len(at):,} hours are too few; a fit takes at least {FEWEST:,}.")
        hole, since = longest_hole(at)
        if hole > LONGEST_HOLE:
            raise ValueError(
                f"{name}: no prices for {hole // HOUR:,} hours after {since}; a fit bears {LONGEST_HOLE // HOUR}."
            )
        paths = []
        for window in windows:
            before = (at < window.at[0]) & (at >= window.at[0] - MEMORY)
            if before.sum() * HOUR < WARM_UP:
                raise ValueError(f"{name}: no prices before the crash {window.name}.")
            stamps = np.concatenate([at[before], window.at])
            paths.append((window, VolPath.of(stamps, np.concatenate([close[before], window.price]))))
        return cls(name, VolPath.of(at, close), tuple(paths))

    def weeks(self, first: int, last: int) -> Ints:
        """Mondays 08:00 UTC of whole weeks between two moments [unix seconds]."""
        start = max(first, int(self.path.at[0]) + WARM_UP)
        monday = (start // WEEK + 1) * WEEK + 4 * DAY + 8 * HOUR  # 1970 began on a Thursday
        return np.arange(monday, min(last, int(self.path.at[-1])) - WEEK, WEEK, dtype=np.int64)

    def calm(self, weeks: Ints) -> Ints:
        """The half of the weeks that realise the least vol."""
        spans = [self.path.price[self.path.index(week) : self.path.index(week + WEEK) : 6] for week in weeks]
        realised = np.array([float(np.std(np.diff(np.log(span)))) for span in spans])
        return np.asarray(weeks[realised <= np.median(realised)], np.int64)


def cells_at(path: VolPath, sigma: Floats, times: Ints, expiries: Ints) -> Cells:
    """Cells of all expiries at all times, expiries running fastest; what has expired is shown a second before."""
    entries = path.index(times)
    left = np.maximum(expiries[None, :] - times[:, None], 1)
    shape = left.shape
    wide = np.broadcast_to(entries[:, None], shape)
    return Cells.flat_surface(
        path.price[wide].ravel(),
        left.ravel(),
        sigma[wide].ravel(),
        path.iv(wide, left).ravel(),
        path.ratio[wide].ravel(),
        window=path.word.window_seconds,
    )
