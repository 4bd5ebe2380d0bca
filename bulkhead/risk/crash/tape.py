"""What the oracle says through a crash, round by round."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bulkhead.risk import volatility
from bulkhead.risk.batch import Cells, Floats, Ints
from bulkhead.risk.words import WAD

DAY = 86400
EXPIRY_HOUR = 8 * 3600
WINDOW = 1800
#: Days to the expiries that vaults are opened in.
TENORS = (2, 3, 7, 14, 30, 60)


@dataclass(frozen=True)
class Tape:
    """What the oracle says after every round.

    Attributes:
        at: Stamp of each round [unix seconds].
        price: Its answer [quote].
        sigma: Ramped sigma_m.
        vol_ratio: Fast over slow realised vol.
        week: 7-day vol, ramped: where the fallback surface begins.
        long: 60-day vol, ramped: where it ends.
    """

    at: Ints
    price: Floats
    sigma: Floats
    vol_ratio: Floats
    week: Floats
    long: Floats

    @classmethod
    def record(
        cls,
        rounds: Sequence[tuple[int, int]],
        before: Sequence[tuple[int, int]] = (),
        closes: Sequence[tuple[int, int]] | None = None,
    ) -> Tape:
        """Feeds rounds (stamp, answer [1e-8 quote]) to the adapter's mirror; `before` warms its vols up.

        With `closes` the vols come from those instead: rounds out of a walk through bars turn more often than a market.
        """
        word = volatility.OracleWord()
        everything = [*before, *rounds]
        pending = deque([*before, *closes] if closes is not None else everything)
        first = volatility.Round(1, volatility.read_answer(everything[0][1]), everything[0][0])
        sigma = week = long = word.sigma_floor_bps * 10**14
        state = volatility.Realised.start(sigma, first, first.stamp, word.half_lives)
        recorded_at = first.stamp
        rows: list[tuple[int, float, float, float, float, float]] = []
        seen = 0
        for number, (at, answer) in enumerate(everything):
            # two rounds of one second are looked at one after the other, as on chain
            while pending and pending[0][0] <= at and (closes is not None or seen <= number):
                stamp, close = pending.popleft()
                seen += 1
                state = state.add(volatility.Round(seen, volatility.read_answer(close), stamp)).close(stamp)
            state = state.close(at)
            vols, elapsed = state.seen(at), at - recorded_at
            recorded_at = at
            now = volatility.sigma_now(vols, word)
            sigma = volatility.ramp_sigma(sigma, now, word.ramp_bps, elapsed)
            week = volatility.ramp_anchor(week, vols.week, word.ramp_bps, elapsed)
            long = volatility.ramp_anchor(long, vols.long, word.ramp_bps, elapsed)
            if number >= len(before):
                rows.append((at, answer / 1e8, sigma / WAD, vols.ratio / WAD, week / WAD, long / WAD))
        columns = list(zip(*rows, strict=True))
        return cls(np.array(columns[0], np.int64), *(np.array(column, np.float64) for column in columns[1:]))

    def __len__(self) -> int:
        return len(self.at)

    def average(self, start: int, end: int) -> float:
        """Time-weighted average of the price in force between two moments."""
        first = max(bisect_right(self.at, start) - 1, 0)
        last = max(bisect_right(self.at, end) - 1, first)
        if end <= start:
            return float(self.price[last])
        edges = np.concatenate(([start], self.at[first + 1 : last + 1], [end]))
        return float(np.sum(np.diff(edges) * self.price[first : last + 1]) / (end - start))

    def cells(self, index: int, expiries: Ints, at: int | None = None) -> Cells:
        """Prices of the cells while a round is in force; an expired cell is shown one second before its end."""
        now = int(self.at[index]) if at is None else at
        left = np.maximum(expiries - now, 1)
        share = np.clip((WINDOW - left) / WINDOW, 0.0, 1 - 1 / WINDOW)
        averaged = [
            s * self.average(int(t) - WINDOW, min(now, int(t))) if s > 0 else 0.0
            for s, t in zip(share, expiries, strict=True)
        ]
        factor = volatility.OracleWord().flat_factor_bps / 10_000
        ivs = volatility.fallback_iv_float(self.week[index], self.long[index], left.astype(np.float64), factor)
        return Cells.flat_surface(
            self.price[index], left, self.sigma[index], ivs, self.vol_ratio[index], averaged, share, WINDOW
        )


def expiries_after(at: int) -> Ints:
    """Expiries of the grid that vaults are opened in."""
    day = at // DAY * DAY + EXPIRY_HOUR
    return np.array([day + DAY * tenor for tenor in TENORS], np.int64)
