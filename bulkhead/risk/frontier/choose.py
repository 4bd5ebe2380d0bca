"""The frontier: every setting of a grid measured, and the one that the criterion takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from bulkhead.risk.frontier import measure
from bulkhead.risk.frontier.market import Market
from bulkhead.risk.frontier.setting import STRESSED_MORE, Setting
from bulkhead.risk.nodes import NODES

#: Seed of the vaults.
SEED = 1
#: Losses below this share of notional are rounding.
NOTHING = 1e-7
#: The rule whose loss in an outage bounds ours.
PEER = "Deribit standard"


@dataclass(frozen=True)
class Grid:
    """What is tried: every combination."""

    horizons: tuple[int, ...] = tuple(h * 3600 for h in (4, 6, 8, 10, 12, 14))
    kappas: tuple[int, ...] = tuple(range(11_000, 22_001, 500))
    shares: tuple[int, ...] = (0, 2_500)
    stress_vol: int = 7_500
    nodes: tuple[tuple[int, ...], ...] = (NODES,)

    def check(self) -> None:
        """Refuses a grid with a number outside of its bounds.

        Raises:
            ValueError: A sentence that names it.
        """
        for margin in self.margins():
            for kappa in self.kappas:
                replace(margin, kappa_bps=kappa)

    def margins(self) -> list[Setting]:
        """Settings by which MM differs."""
        return [
            Setting(horizon, stress_share_bps=share, stress_vol_bps=self.stress_vol, nodes=nodes)
            for nodes in self.nodes
            for share in self.shares
            for horizon in self.horizons
        ]


@dataclass(frozen=True)
class Row:
    """One setting and what it does in one span of years.

    Attributes:
        setting: None for another venue's rule.
        mean_im: Mean IM over notional of vaults opened in any week.
        liquidated: Share of vaults opened at IM that a calm week liquidates.
        losses: By delay of the takers, mean over the crashes, of notional.
        worst: The same in the worst crash.
        jumps: Share of hours in which MM of a short straddle rises by more than a quarter.
        swing: Highest over lowest week's mean of that MM.
    """

    setting: Setting | None
    mean_im: float
    liquidated: float
    losses: dict[str, float]
    worst: dict[str, float]
    jumps: float
    swing: float

    @property
    def prompt_loss(self) -> float:
        """The most that is lost in any crash when takers come within half an hour."""
        return max(loss for name, loss in self.worst.items() if name != "24 h")


@dataclass(frozen=True)
class Span:
    """Years that a row is measured on: from the first moment to before the last [unix seconds]."""

    first: int
    last: int


@dataclass(frozen=True)
class Effort:
    """How many random vaults are opened."""

    idle: int = 30
    crash: int = 40
    every: int = 2  # one week in so many
    seed: int = SEED


@dataclass(frozen=True)
class Choice:
    """What the criterion takes.

    Attributes:
        rows: Of the years of the fit, all settings.
        judged: Of the years after, the same settings in the same order.
        peer: The peer's row in the years of the fit, and in those after.
        today: Index of the setting nearest to what is in force.
        taken: Index of the setting taken, None when no setting meets the criterion.
        why: One sentence.
    """

    rows: list[Row]
    judged: list[Row]
    peer: tuple[Row, Row]
    today: int
    taken: int | None
    why: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def frontier(
    markets: Sequence[Market], span: Span, grid: Grid, effort: Effort, told: Callable[[str], None] = lambda _: None
) -> list[Row]:
    """Every setting of the grid, measured; kappas share what does not depend on them."""
    rows: list[Row] = []
    for margin in grid.margins():
        told(f"h {margin.horizon_seconds / 3600:g} h, stress {margin.stress_share_bps / 1e4:.0%}")
        rule = measure.ours(margin)

        def sigma(path: Any, margin: Setting = margin) -> Any:
            return path.sigma(margin.stress_share_bps / 1e4, margin.stress_vol_bps / 1e4)

        rows += _rows(rule, markets, sigma, span, effort, margin, grid.kappas)
    return rows


def peer(markets: Sequence[Market], span: Span, effort: Effort) -> Row:
    """The peer's rule under the same prices."""
    return _rows(measure.theirs(PEER), markets, lambda path: path.sigma(), span, effort, None, (0,))[0]


def _rows(
    rule: measure.Rule,
    markets: Sequence[Market],
    sigma: Callable[[Any], Any],
    span: Span,
    effort: Effort,
    margin: Setting | None,
    kappas: Sequence[int],
) -> list[Row]:
    """Rows of one margin, one for each kappa."""
    asked, needed, opened, through, cycles = [], [], [], [], []
    scale = [kappa / 1e4 for kappa in kappas]
    for market in markets:
        weeks = market.weeks(span.first, span.last)
        level = sigma(market.path)
        for held in measure.idle(rule, market, level, weeks, effort.idle, effort.seed, look=False):
            opened.append(held.im(scale, STRESSED_MORE / 1e4).sum(axis=1) / held.notional.sum())
        for held in measure.idle(rule, market, level, market.calm(weeks)[:: effort.every], effort.idle, effort.seed):
            asked.append(held.im(scale, STRESSED_MORE / 1e4))
            needed.append(held.need())
        windows = [w for w in market.windows if span.first <= w[0].at[0] < span.last]
        some = Market(market.name, market.path, tuple(windows))
        through += measure.crashes(rule, some, sigma, effort.crash, effort.seed)
        cycles.append(measure.cycle(rule, market, level, span.first, span.last))
    below = np.concatenate(
        [(need > im * (1 + 1e-12)) & (need > 0) for im, need in zip(asked, needed, strict=True)], axis=1
    )
    rows = []
    for i, kappa in enumerate(kappas):
        lost = [one.losses(one.held.im([scale[i]], STRESSED_MORE / 1e4)[0]) for one in through]
        rows.append(
            Row(
                None if margin is None else replace(margin, kappa_bps=kappa),
                float(np.mean([each[i] for each in opened])),
                float(below[i].mean()),
                {name: float(np.mean([one[name] for one in lost])) if lost else 0.0 for name in measure.DELAYS},
                {name: float(np.max([one[name] for one in lost])) if lost else 0.0 for name in measure.DELAYS},
                float(np.mean([one.jumps for one in cycles])),
                float(np.max([one.swing for one in cycles])),
            )
        )
    return rows


def choose(
    markets: Sequence[Market],
    fit: Span,
    judge: Span,
    grid: Grid | None = None,
    effort: Effort | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Choice:
    """The frontier in both spans, and the setting that the criterion takes by the first."""
    tried, work = grid or Grid(), effort or Effort()
    peers = peer(markets, fit, work), peer(markets, judge, work)
    rows = frontier(markets, fit, tried, work, told)
    judged = frontier(markets, judge, tried, work, told)
    today = nearest(rows, Setting())
    taken, why = criterion(rows, peers[0], rows[today].mean_im)
    return Choice(rows, judged, peers, today, taken, why)


def nearest(rows: Sequence[Row], setting: Setting) -> int:
    """The row of a setting, or of the one nearest to it."""

    def distance(row: Row) -> tuple[int, int, int, int]:
        one = row.setting or setting
        return (
            int(one.nodes != setting.nodes),
            abs(one.stress_share_bps - setting.stress_share_bps),
            abs(one.horizon_seconds - setting.horizon_seconds),
            abs(one.kappa_bps - setting.kappa_bps),
        )

    return min(range(len(rows)), key=lambda i: distance(rows[i]))


def criterion(rows: Sequence[Row], bound: Row, mean_im: float) -> tuple[int | None, str]:
    """The setting that was to be taken by what was fixed beforehand, or why there is none."""
    prompt = [i for i, row in enumerate(rows) if row.prompt_loss <= NOTHING]
    if not prompt:
        return None, "Every setting loses something when takers come within half an hour."
    patient = [i for i in prompt if rows[i].losses["24 h"] <= max(bound.losses["24 h"], NOTHING)]
    if not patient:
        return None, f"Every setting loses more than {PEER} margin in a day without keepers."
    cheap = [i for i in patient if rows[i].mean_im <= mean_im * (1 + 1e-9)]
    if not cheap:
        return None, "Every setting that loses nothing asks more than today's mean IM."
    best = min(cheap, key=lambda i: (rows[i].liquidated, rows[i].mean_im))
    return best, f"Of {len(rows):,} settings {len(cheap):,} meet the bounds; this one liquidates fewest idle vaults."
