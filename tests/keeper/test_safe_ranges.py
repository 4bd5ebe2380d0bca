"""The ranges of vaults near their edge, against the exact mirror."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

from bulkhead.chain.lens import CellView
from bulkhead.chain.vaults_from_logs import VaultRecord
from bulkhead.chain.words import Model, Terms
from bulkhead.keeper.safe_ranges import GRID, SIGMA_DRIFT, TIME_DRIFT, SafeRanges, Shelf
from bulkhead.risk import exact, margin
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord, Snapshot

CELL = (1, 2_000_000)
SNAPSHOT = Snapshot(200 * WAD, 200 * WAD, 10 * 86400, 6 * 10**17, surface_near=7 * 10**17)
RISK = RiskWord()


def view(snapshot: Snapshot = SNAPSHOT) -> CellView:
    return CellView(CELL, snapshot, 0, 1, RISK.pack(), 0, 0, 6, 10**4, 0)


def record(vault_id: int, collateral: int, *legs: Leg) -> VaultRecord:
    terms = Terms(CELL[1], 0, 0, 0, 0, False)
    return VaultRecord(vault_id, "0x", 1, Model.ES, "0x", 0, None, terms, collateral * 10**6, legs)


def vaults() -> dict[int, VaultRecord]:
    """Short puts, short calls and futures, from far to close to their edges."""
    found: dict[int, VaultRecord] = {}
    for i in range(60):
        strike = (120 + 4 * (i % 20)) * 10**8
        kind = (Kind.PUT, Kind.CALL, Kind.FUTURE)[i % 3]
        cash = Leg(Kind.CASH, 0, -200 * 10**6)
        legs = (Leg(kind, strike, -(10**6)),) if kind is not Kind.FUTURE else (Leg(kind, 0, 10**6), cash)
        found[i + 1] = record(i + 1, 10 + 3 * i, *legs)
    return found


def unsafe(records: dict[int, VaultRecord], snapshot: Snapshot) -> set[int]:
    """By the exact mirror."""
    found = set()
    for vault_id, vault in records.items():
        standing = margin.resolve(exact.assess(vault.legs, snapshot, RISK), vault.balance * 10**12, RISK, snapshot)
        worst = exact.max_loss(vault.legs)
        covered = worst != exact.UNBOUNDED and vault.balance * 10**12 >= -worst
        if standing.equity < standing.maintenance_margin and not covered:
            found.add(vault_id)
    return found


def moved(share: float, **other: int) -> Snapshot:
    spot = int(SNAPSHOT.spot * (1 + share))
    return replace(SNAPSHOT, spot=spot, forward=spot, **other)


def test_ranges__any_move__leaves_no_unsafe_vault_out():
    ranges, records = SafeRanges(), vaults()
    for vault_id, vault in records.items():
        ranges.change(vault_id, vault)
    assert unsafe(records, SNAPSHOT) <= ranges.near({CELL: view()})
    asyncio.run(ranges.draw())
    assert ranges.drawn == 1 and not ranges.due
    revalued = ranges.revalued
    for share in (0.0, 0.004, -0.01, 0.025, -0.0299, 0.0299):
        near = ranges.near({CELL: view(moved(share))})
        assert unsafe(records, moved(share)) <= near
        # and it is an ranges: most vaults are left alone
        assert len(near) <= len(unsafe(records, moved(share))) + 12
    assert ranges.revalued == revalued, "small moves must not value the whole cell again"
    for share, more in ((-0.2, {}), (0.3, {}), (-0.001, {"sigma": 7 * 10**17}), (0.0, {"seconds": 8 * 86400})):
        assert unsafe(records, moved(share, **more)) <= ranges.near({CELL: view(moved(share, **more))})
    assert ranges.revalued == revalued + 4


def test_ranges__volatility_and_time_creep__leave_no_unsafe_vault_out():
    ranges, records = SafeRanges(), {}
    for i, (kind, strike, cushion) in enumerate(
        itertools.product((Kind.PUT, Kind.CALL), range(110, 300, 15), (1.0045, 1.01, 1.02, 1.025)), 1
    ):
        legs = (Leg(kind, strike * 10**8, -(10**6)),)
        bare = margin.resolve(exact.assess(legs, SNAPSHOT, RISK), 0, RISK, SNAPSHOT)
        wanted = bare.maintenance_margin * cushion - bare.equity
        records[i] = replace(record(i, 0, *legs), balance=int(wanted / 10**12))
        ranges.change(i, records[i])
    assert not unsafe(records, SNAPSHOT)
    ranges.near({CELL: view()})
    asyncio.run(ranges.draw())
    revalued, tipped = ranges.revalued, 0
    for sigma, seconds, share in itertools.product((-1, 0, 1), (0, 1), (-0.003, 0.0, 0.003)):
        up = 1 + sigma * SIGMA_DRIFT * 0.99
        more = {"sigma": int(SNAPSHOT.sigma * up), "surface_near": int(SNAPSHOT.surface_near * up),
                "seconds": int(SNAPSHOT.seconds * (1 - seconds * TIME_DRIFT * 0.99))}  # fmt: skip
        wrong = unsafe(records, moved(share, **more))
        tipped += len(wrong)
        assert wrong <= ranges.near({CELL: view(moved(share, **more))})
    assert tipped > 50 and ranges.revalued == revalued


def test_ranges__vault_changed_after_the_grid__counts_as_it_is_now():
    ranges, records = SafeRanges(), vaults()
    for vault_id, vault in records.items():
        ranges.change(vault_id, vault)
    ranges.near({CELL: view()})
    asyncio.run(ranges.draw())
    near = ranges.near({CELL: view()})
    rich = next(i for i in records if i not in near and unsafe({i: replace(records[i], balance=1)}, SNAPSHOT))
    ranges.change(rich, replace(records[rich], balance=1))
    assert rich in ranges.near({CELL: view()})
    ranges.change(rich, records[rich])
    assert rich not in ranges.near({CELL: view()})
    ranges.change(rich, None)
    poor = next(iter(near))
    ranges.change(poor, None)
    assert poor not in ranges.near({CELL: view()}) and len(ranges) == len(records) - 2


def test_ranges__what_the_mirror_cannot_value__is_near():
    ranges = SafeRanges()
    ranges.change(1, record(1, 10**6, Leg(Kind.PUT, 150 * 10**8, -(10**6))))
    assert ranges.near({}) == {1}
    assert ranges.near({CELL: view(replace(SNAPSHOT, sigma=1))}) == {1} and ranges.problems
    static = replace(record(2, 10**6, Leg(Kind.CALL, 150 * 10**8, -(10**6))), model=Model.STATIC, terms=None)
    assert Shelf.of([replace(static, terms=None)], view()).unsafe(SNAPSHOT, RISK).all()
    assert max(GRID) < 1
