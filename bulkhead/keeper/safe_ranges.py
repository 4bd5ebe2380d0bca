"""Which vaults may be near their liquidation price, by the numpy mirror; only those are confirmed on chain.

For each vault of a cell it holds the prices, below and above, up to which a grid of revaluations found it
safe. While volatility, time and surface have hardly moved since, a look is two comparisons per vault. When they have
moved, or spot has left the middle of the grid, the whole cell is revalued at the present prices at once, and the
grid is drawn anew in the background. What the mirror cannot value counts as near.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bulkhead.chain.lens import CellView
from bulkhead.chain.vaults_from_logs import Cell, VaultRecord
from bulkhead.chain.words import Model
from bulkhead.risk import batch
from bulkhead.risk.words import WAD, RiskWord, Snapshot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Distances from spot at which every vault is revalued, both ways.
GRID = (0.005, 0.01, 0.02, 0.035, 0.06, 0.10, 0.16, 0.25)
#: Slack around a safe price and around MM, as a share: covers what may drift before a rebuild, and floats.
SLACK = 0.004
#: Drifts since the grid was drawn, as shares, beyond which it no longer counts.
SIGMA_DRIFT, TIME_DRIFT, SPOT_DRIFT = 0.01, 0.01, 0.03
#: Vaults changed since, beyond which the grid is drawn anew.
MOST_FRESH = 500
#: Vaults valued in one go.
BLOCK = 20_000


def collateral(record: VaultRecord, view: CellView) -> float:
    """C of a vault by its logs [token]."""
    held = record.terms.deposit_held if record.terms is not None else 0
    return float(record.balance / 10**view.decimals - view.units.micro(held) / WAD)


def _stamp(record: VaultRecord) -> tuple[float, float, float]:
    """a, b, c of a STATIC vault as shares of spot; NaN where it has none."""
    if record.model is not Model.STATIC or record.terms is None:
        return (np.nan, np.nan, np.nan)
    a, b, c = record.terms.ratios
    return (a / 1000, b / 1000, c / 1000)


@dataclass(frozen=True)
class Shelf:
    """Vaults of one cell as the mirror wants them."""

    ids: Ints
    book: batch.Book
    held: Floats
    records: tuple[VaultRecord, ...]

    @classmethod
    def of(cls, records: Iterable[VaultRecord], view: CellView) -> Shelf:
        """From records of a cell."""
        found = tuple(records)
        return cls(
            ids=np.array([r.vault_id for r in found], np.int64),
            book=batch.Book.of(
                [r.legs for r in found],
                model=np.array([int(r.model) for r in found], np.int64),
                ratios=np.array([_stamp(r) for r in found], np.float64).reshape(-1, 3),
                units=view.units,
            ),
            held=np.array([collateral(r, view) for r in found], np.float64),
            records=found,
        )

    def unsafe(
        self, snapshot: Snapshot, risk: RiskWord, spot: float | None = None, slack: float | Floats = SLACK
    ) -> Any:
        """Which vaults are below MM plus slack, at the snapshot or at another spot; what is no number is unsafe."""
        if not len(self.ids):
            return np.zeros(0, np.bool_)
        cells = batch.Cells.of([snapshot])
        spots = None if spot is None else np.full(len(self.ids), spot)
        found = batch.assess(self.book, cells, risk, spots=spots)
        standing = batch.resolve(found, self.book, cells, risk, self.held, spots=spots)
        covered = self.held * (1 - 1e-9) - 1e-6 >= -found.v_min
        safe = standing.equity >= standing.maintenance_margin * (1 + slack)
        return ~(safe | covered)


@dataclass(frozen=True)
class Grid:
    """A shelf with the prices between which each of its vaults was found safe."""

    shelf: Shelf
    snapshot: Snapshot
    risk: int
    low: Floats
    high: Floats

    @classmethod
    def of(cls, members: tuple[VaultRecord, ...], view: CellView) -> Grid:
        """From the vaults of a cell."""
        return cls.draw(Shelf.of(members, view), view)

    @classmethod
    def draw(cls, shelf: Shelf, view: CellView) -> Grid:
        """Revalues every vault along the grid. Edges start at spot: what is unsafe now stays near at every price."""
        snapshot, risk = view.snapshot, RiskWord.unpack(view.risk)
        spot = snapshot.spot / WAD
        bad = shelf.unsafe(snapshot, risk)
        low, high = np.full(len(bad), spot), np.full(len(bad), spot)
        for side, edge in ((-1.0, low), (1.0, high)):
            live = ~bad
            for step in GRID:
                if not live.any():
                    break
                at = spot * (1 + side * step)
                chosen = np.flatnonzero(live)
                some = Shelf(shelf.ids[chosen], shelf.book.take(chosen), shelf.held[chosen], ())
                fails = some.unsafe(snapshot, risk, at)
                edge[chosen[~fails]] = at
                live[chosen[fails]] = False
        return cls(shelf, snapshot, view.risk, low, high)

    def holds(self, view: CellView) -> bool:
        """Whether the grid still tells what is near."""
        then, now = self.snapshot, view.snapshot
        return (
            view.risk == self.risk
            and abs(now.spot - then.spot) <= SPOT_DRIFT * then.spot
            and self._steady(view)
            and now.window_share == then.window_share == 0
        )

    def _steady(self, view: CellView) -> bool:
        then, now = self.snapshot, view.snapshot
        flat = then.surface_far == now.surface_far == 0
        surface = (
            abs(now.surface_near - then.surface_near) <= SIGMA_DRIFT * then.surface_near
            if flat and then.surface_near < 2**64
            else (then.surface_near, then.surface_far, then.surface_weight)
            == (now.surface_near, now.surface_far, now.surface_weight)
        )
        return (
            surface
            and abs(now.sigma - then.sigma) <= SIGMA_DRIFT * then.sigma
            and 0 <= then.seconds - now.seconds <= TIME_DRIFT * then.seconds
        )

    def near(self, spot: float) -> Ints:
        """Vaults that were not found safe up to this price."""
        mask = (spot <= self.low * (1 + SLACK)) | (spot >= self.high * (1 - SLACK))
        return self.shelf.ids[mask]


@dataclass
class SafeRanges:
    """All cells.

    Attributes:
        problems: What the mirror refused in the last look.
        revalued: Cells revalued at once because their grid did not hold.
        drawn: Grids drawn.
    """

    problems: list[str] = field(default_factory=list)
    revalued: int = 0
    drawn: int = 0

    def __post_init__(self) -> None:
        self._members: dict[Cell, dict[int, VaultRecord]] = {}
        self._where: dict[int, Cell] = {}
        self._grids: dict[Cell, Grid] = {}
        self._shelves: dict[Cell, Shelf] = {}
        self._fresh: dict[Cell, set[int]] = {}
        self._due: dict[Cell, CellView] = {}

    def __len__(self) -> int:
        return len(self._where)

    def change(self, vault_id: int, record: VaultRecord | None) -> None:
        """Takes in what a vault has become; None or no legs removes it."""
        before = self._where.pop(vault_id, None)
        if before is not None:
            self._members[before].pop(vault_id, None)
            self._fresh.setdefault(before, set()).add(vault_id)
        if record is not None and record.legs:
            self._where[vault_id] = record.cell
            self._members.setdefault(record.cell, {})[vault_id] = record
            self._fresh.setdefault(record.cell, set()).add(vault_id)

    def near(self, views: Mapping[Cell, CellView]) -> set[int]:
        """Vaults to confirm on chain at the present prices."""
        self.problems = []
        found: set[int] = set()
        for cell, members in self._members.items():
            view = views.get(cell)
            if not members:
                continue
            if view is None:
                found |= set(members)
            elif view.snapshot.seconds and view.snapshot.spot:
                found |= self._near(cell, members, view)
        return found

    def _near(self, cell: Cell, members: dict[int, VaultRecord], view: CellView) -> set[int]:
        grid = self._grids.get(cell)
        fresh = self._fresh.get(cell, set())
        try:
            if grid is not None and grid.holds(view):
                found = {int(i) for i in grid.near(view.snapshot.spot / WAD)}
                if len(fresh) > MOST_FRESH:
                    self._due[cell] = view
            else:
                self._due[cell] = view
                self.revalued += 1
                shelf = self._shelf(cell, members, view)
                found = {int(i) for i in shelf.ids[shelf.unsafe(view.snapshot, RiskWord.unpack(view.risk))]}
            changed = [members[i] for i in fresh if i in members]
            if changed:
                small = Shelf.of(changed, view)
                bad = small.unsafe(view.snapshot, RiskWord.unpack(view.risk))
                found = (found - fresh) | {int(i) for i in small.ids[bad]}
        except (ValueError, ArithmeticError) as error:
            self.problems.append(f"the mirror cannot value cell {cell}: {error}")
            return set(members)
        return {i for i in found if i in members} if fresh else found

    def _shelf(self, cell: Cell, members: dict[int, VaultRecord], view: CellView) -> Shelf:
        """All vaults of a cell but, when there is a shelf already, those changed since it was filled."""
        shelf = self._shelves.get(cell)
        if shelf is None:
            shelf = Shelf.of(members.values(), view)
            self._shelves[cell] = shelf
            self._fresh[cell] = set()
        return shelf

    def below(self, views: Mapping[Cell, CellView], levels: Mapping[int, float]) -> set[int]:
        """Vaults whose health may be below a level of their own; what the mirror cannot value is."""
        cells: dict[Cell, list[VaultRecord]] = {}
        for vault_id in levels:
            cell = self._where.get(vault_id)
            if cell is not None:
                cells.setdefault(cell, []).append(self._members[cell][vault_id])
        found: set[int] = set()
        for cell, records in cells.items():
            view = views.get(cell)
            try:
                if view is None or not view.snapshot.seconds or not view.snapshot.spot:
                    continue
                shelf = Shelf.of(records, view)
                slack = np.array([levels[r.vault_id] - 1 for r in records])
                mask = shelf.unsafe(view.snapshot, RiskWord.unpack(view.risk), slack=slack)
                found |= {int(i) for i in shelf.ids[mask]}
            except (ValueError, ArithmeticError):
                found |= {r.vault_id for r in records}
        return found

    @property
    def due(self) -> bool:
        """Some grid wants to be drawn."""
        return bool(self._due)

    async def draw(self) -> None:
        """Draws what is due, in a thread: looks go on meanwhile with what there was."""
        due, self._due = self._due, {}
        for cell, view in due.items():
            members = tuple(self._members.get(cell, {}).values())
            if not members or not view.snapshot.seconds:
                self._grids.pop(cell, None)
                self._shelves.pop(cell, None)
                continue
            try:
                grid = await asyncio.to_thread(Grid.of, members, view)
            except (ValueError, ArithmeticError) as error:
                self.problems.append(f"the mirror cannot value cell {cell}: {error}")
                continue
            self._grids[cell], self._shelves[cell] = grid, grid.shelf
            built = {r.vault_id: r for r in grid.shelf.records}
            current = self._members.get(cell, {})
            self._fresh[cell] = {i for i, r in current.items() if built.get(i) is not r} | (set(built) - set(current))
            self.drawn += 1
