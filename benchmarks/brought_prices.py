"""The most that a bringer of prices can move, alone and with one honest bringer beside him.

    python -m benchmarks.brought_prices [--days 40] [--windows 400]

Prices follow a random walk of 60 % a year; what each signer (or each update) says is off by an error of its own, the
dispersion. The bringer knows the whole path beforehand and picks the best of all that the adapters' rules let him
bring, by dynamic programming: no real one does as well. Honest means: brings the sample of each minute, with all
signers, before it counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bulkhead.risk.volatility import WAD, OracleWord, Variances

Floats = NDArray[np.float64]

YEAR = 365 * 86400
VOL = 0.60
DISPERSION = 3e-4
SIGNERS, THRESHOLD = 5, 3
#: Minutes: between instants, a settlement window, how far back a sample is in force, how old spot may be.
INSTANT, WINDOW, REACH, SPOT_AGE = 10, 30, 48, 1
#: A snapshot sees, unstored, the return to spot over at least this long: an instant is folded 10 minutes late.
UNFOLDED = 2 * INSTANT


@dataclass(frozen=True)
class Market:
    """What the signers say at each minute.

    Attributes:
        said: Log-prices by minute and signer.
    """

    said: Floats

    @classmethod
    def draw(cls, minutes: int, seed: int, dispersion: float = DISPERSION) -> Market:
        """A walk of 60 % a year, observed with errors."""
        rng = np.random.default_rng(seed)
        true = np.cumsum(rng.normal(0, VOL * np.sqrt(60 / YEAR), minutes))
        return cls(true[:, None] + rng.normal(0, dispersion, (minutes, SIGNERS)))

    def honest(self, signers: int) -> Floats:
        """The samples with all signers: the median (one signer: Pyth's unique price)."""
        return np.asarray(np.median(self.said[:, :signers], axis=1))

    def offered(self, signers: int) -> Floats:
        """All samples that can be brought for each minute: the median of each quorum (one signer: one price)."""
        if signers == 1:
            return self.said[:, :1]
        sets = [list(s) for k in range(THRESHOLD, signers + 1) for s in combinations(range(signers), k)]
        return np.stack([np.median(self.said[:, s], axis=1) for s in sets], axis=1)


def settle(standing: Floats, offered: Floats, can_skip: Floats) -> float:
    """The highest window average in log-price: which sample of each minute, and which minutes to leave out.

    Args:
        standing: What may be the sample of a minute that somebody honest brings; the walk back from the window's start
            ends at one.
        offered: What may be brought for each minute, `REACH` of them before the window.
        can_skip: Whether nobody honest brings the minute.
    """
    best = np.where(can_skip, offered.max(axis=1), standing.max(axis=1))
    total = len(best)
    # value[m]: the most from minute m on when its sample is brought
    value = np.zeros(total + 1)
    for m in range(total - 1, -1, -1):
        options = []
        for after in range(m + 1, total + 1):
            counted = max(0, after - max(m, REACH))
            options.append(best[m] * counted + value[after])
            if after < total and not can_skip[after]:
                break
        value[m] = max(options)
    # the start: a sample at the window's start or before, with all between left out
    starts = []
    for m in range(REACH, -1, -1):
        starts.append(value[m])
        if not can_skip[m]:
            break
    return float(max(starts)) / WINDOW


def realised(prices: Floats, standing: Floats, offered: Floats, can_skip: Floats, sign: int) -> float:
    """Vol of ten-minute returns, the largest (sign 1) or smallest (-1) that choosing can make, over the honest one."""
    held = prices[INSTANT - 1 :: INSTANT]
    honest = float(np.sum(np.diff(held) ** 2))
    states, worth = np.array([held[0]]), np.zeros(1)
    for i in range(1, len(held)):
        minutes = np.arange((i) * INSTANT, (i + 1) * INSTANT)
        # the newest sample that stands decides from where on one can choose
        fixed = [m for m in minutes if not can_skip[m]]
        if fixed:
            after = [m for m in minutes if m > fixed[-1]]
            choices = np.concatenate([standing[fixed[-1]], *(offered[m] for m in after)])
            stay = False
        else:
            choices, stay = offered[minutes].ravel(), True
        choices = np.unique([choices.min(), choices.max(), *choices[:: max(1, len(choices) // 24)]])
        moved = worth[:, None] + sign * (choices[None, :] - states[:, None]) ** 2
        new_worth, new_states = moved.max(axis=0), choices
        if stay:
            new_worth, new_states = np.concatenate([new_worth, worth]), np.concatenate([new_states, states])
        keep = np.argsort(new_worth)[-64:]
        states, worth = new_states[keep], new_worth[keep]
    return float(np.sqrt(abs(worth.max()) / honest))


def snapshot_effect(market: Market, signers: int) -> float:
    """Mean rise of the day vol that a snapshot shows, when spot is the worst that may be brought."""
    lives = OracleWord().half_lives
    prices, offered = market.honest(signers), market.offered(signers)
    at_rest = Variances.first(round(VOL * WAD))
    rises = []
    for m in range(2 * UNFOLDED, len(prices), 7):
        base = prices[m - UNFOLDED]
        near = offered[m - SPOT_AGE : m + 1].ravel()
        worst = near[np.argmax(np.abs(near - base))]
        days = [
            at_rest.fold(WAD, round(WAD * float(np.exp(p - base))), UNFOLDED * 60, lives, 10**8).day
            for p in (worst, prices[m])
        ]
        rises.append(np.sqrt(days[0] / days[1]) - 1)
    return float(np.mean(rises))


@dataclass(frozen=True)
class Row:
    """What one bringer can move.

    Attributes:
        settlement_bp: Mean rise of a settlement price [bp].
        vol_most: Largest realised vol over the honest one.
        vol_least: Smallest.
        snapshot: Mean rise of the vol that a snapshot shows on top, by the choice of spot.
    """

    settlement_bp: float
    vol_most: float
    vol_least: float
    snapshot: float


def measure(
    signers: int, brought: float, by_all: bool = True, days: float = 40, windows: int = 400, seed: int = 1
) -> Row:
    """What a bringer can move beside somebody who brings a share `brought` of all samples honestly (0: alone).

    Args:
        signers: Of the feed; 1 is Pyth.
        brought: Share of the minutes.
        by_all: Whether with all signers; with a bare quorum, whoever comes first has chosen which.
        days: Of realised vol.
        windows: Settlement windows.
        seed: Of the walk.
    """
    rng = np.random.default_rng(seed)
    biases = []
    for n in range(windows):
        market = Market.draw(REACH + WINDOW, seed + 1000 + n)
        prices, offered = market.honest(signers), market.offered(signers)
        empty = rng.random(len(prices)) >= brought
        biases.append(settle(prices[:, None] if by_all else offered, offered, empty) - float(np.mean(prices[REACH:])))
    market = Market.draw(round(days * 1440), seed)
    prices, offered = market.honest(signers), market.offered(signers)
    empty = rng.random(len(prices)) >= brought
    standing = prices[:, None] if by_all else offered
    most, least = (realised(prices, standing, offered, empty, sign) for sign in (1, -1))
    return Row(float(np.mean(biases)) * 1e4, most, least, snapshot_effect(market, signers))


def noise(days: float, seed: int = 1) -> float:
    """How much vol the dispersion alone adds to honest samples of one signer."""
    with_noise, without = (
        np.diff(Market.draw(round(days * 1440), seed, d).honest(1)[::INSTANT]) for d in (DISPERSION, 0.0)
    )
    return float(np.sqrt(np.mean(with_noise**2) / np.mean(without**2)))


CASES: dict[str, Callable[..., Row]] = {
    "Pyth, alone": lambda **o: measure(1, 0.0, **o),
    "Pyth, beside one who brings 95 %": lambda **o: measure(1, 0.95, **o),
    "Pyth, beside one who brings all": lambda **o: measure(1, 1.0, **o),
    "RedStone 3 of 5, alone": lambda **o: measure(SIGNERS, 0.0, **o),
    "RedStone 3 of 5, beside one who brings 95 %": lambda **o: measure(SIGNERS, 0.95, **o),
    "RedStone 3 of 5, beside one who brings all, by three signers": lambda **o: measure(SIGNERS, 1.0, False, **o),
    "RedStone 3 of 5, beside one who brings all": lambda **o: measure(SIGNERS, 1.0, **o),
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=40)
    parser.add_argument("--windows", type=int, default=400)
    options = parser.parse_args()
    print("| bringer | settlement price | realised vol | on top, in a snapshot, by the choice of spot |")
    print("|---|---|---|---|")
    for name, case in CASES.items():
        row = case(days=options.days, windows=options.windows)
        print(
            f"| {name} | {abs(row.settlement_bp):.1f} bp | x{row.vol_least:.2f} to x{row.vol_most:.2f} | "
            f"+{row.snapshot:.2%} |"
        )
    print(f"\n3 bp of dispersion add {noise(options.days) - 1:.1%} to the vol of honest samples.")


if __name__ == "__main__":
    main()
