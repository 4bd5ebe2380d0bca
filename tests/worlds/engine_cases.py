"""Vaults and snapshots for the engine's tests: one drawing function from a seed, so that every failure repeats."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable
from typing import Any

import boa
import pytest

from bulkhead.risk import exact
from bulkhead.risk.svi import Mix, SviSlice
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord, Snapshot, Status

DAY = 86400
RISK = RiskWord()
#: Changes of a calm snapshot that every engine refuses, and under which name.
BAD_SNAPSHOTS = [
    ({"spot": 0}, "es/zero-spot"),
    ({"seconds": 0}, "es/expired"),
    ({"window_share": WAD}, "es/window-share"),
    ({"forward": 2**96}, "es/snapshot-range"),
    ({"surface_near": 0}, "es/vol-range"),
]


def words(legs: Iterable[Leg]) -> list[int]:
    """Leg words."""
    return [leg.pack() for leg in legs]


def refuses(engine: Any, model: Model, change: dict[str, int], reason: str) -> None:
    """An engine and its mirror refuse a changed snapshot under one name."""
    legs, snapshot = [option(Kind.PUT, 1800, -1)], dataclasses.replace(calm(), **change)
    with boa.reverts(reason):
        engine.assess(words(legs), snapshot.words(), RISK.pack(), exact.FORCE_FULL)
    with pytest.raises(ValueError, match=reason):
        exact.assess(legs, snapshot, RISK, model=model)


def values_as_es(engine: Any) -> None:
    """The mark and the least payoff are the same in every model."""
    legs = [option(Kind.PUT, 1800, -1), option(Kind.PUT, 1500, 1)]
    assert engine.value(words(legs), calm().words()) == exact.mark(legs, calm())
    assert engine.max_loss(words(legs)) == -300 * WAD
    with boa.reverts("leg/zero-quantity"):
        engine.max_loss([Leg(Kind.PUT, 10**11, 0).pack()])


def option(kind: Kind, strike: float, quantity: float) -> Leg:
    """An option from plain numbers: strike in quote, quantity in contracts."""
    return Leg(kind, round(strike * 10**8), round(quantity * 10**6))


def calm(spot: float = 2000.0, days: float = 30, iv: float = 0.6, sigma: float = 0.7, **words: int) -> Snapshot:
    """A snapshot outside the settlement window with F = S."""
    price = round(spot * 10**8) * 10**10
    return Snapshot(
        **{
            "spot": price,
            "forward": price,
            "seconds": int(days * DAY),
            "sigma": round(sigma * 10**6) * 10**12,
            "surface_near": round(iv * 10**6) * 10**12,
            **words,
        }
    )


def random_snapshot(draw: random.Random) -> Snapshot:
    """Any market, one time in four inside the settlement window."""
    spot = int(10 ** draw.uniform(0, 5) * WAD)
    rate, share, average = 0, 0, 0
    if draw.random() < 0.25:
        seconds = draw.randint(1, 1800)
        share = (1800 - seconds) * WAD // 1800
        average = int(spot * draw.uniform(0.9, 1.1))
        forward = (share * average + (WAD - share) * spot) // WAD
    else:
        seconds = int(10 ** draw.uniform(3.3, 7.5))
        rate = draw.choice([0, 0, draw.randint(-WAD // 10, WAD // 10)])
        forward = int(spot * (1 + rate / WAD * seconds / 31_536_000))
    return Snapshot(
        spot=spot,
        forward=forward,
        seconds=seconds,
        sigma=draw.randint(3 * WAD // 10, 3 * WAD),
        vol_ratio=draw.randint(WAD // 2, 4 * WAD),
        window_share=share,
        window_average=average,
        window_seconds=1800 if share else draw.choice([0, 1800, 7200]),
        rate=rate,
        surface_near=int(10 ** draw.uniform(-1.3, 0.7) * WAD),
        half_width=draw.choice([0, 0, int(spot * draw.uniform(0, 0.05))]),
    )


def with_smile(draw: random.Random, snapshot: Snapshot) -> Snapshot:
    """The snapshot with a published surface: slices scaled to the time left, mixed, and sometimes fading."""
    variance = (snapshot.surface_near / WAD) ** 2 * snapshot.seconds / 31_536_000

    def piece(level: float) -> int:
        width, slope = draw.uniform(0.01, 0.5), draw.uniform(0, 1) * level
        return SviSlice.from_floats(
            min(level - slope * width, 2e4), min(slope, 2e4), draw.uniform(-0.9, 0.9), draw.gauss(0, 0.1), width
        ).pack()

    fading = draw.random() < 0.3
    mix = Mix(draw.choice([0, draw.randint(0, WAD)]), draw.randint(1, WAD) if fading else 0, WAD // 2 if fading else 0)
    return dataclasses.replace(
        snapshot,
        status=snapshot.status | Status.SURFACE_SVI | Status.SURFACE_LIVE,
        surface_near=piece(variance),
        surface_far=piece(variance * draw.uniform(1, 2)),
        surface_weight=mix.pack(),
    )


def random_risk(draw: random.Random) -> RiskWord:
    """Any numbers that the engines read, within the bounds of RiskParameters."""
    return RiskWord(
        horizon_seconds=draw.randint(4, 48) * 3600,
        tail_bps=draw.randint(10, 250),
        short_floor_bps=draw.randint(20, 500),
        iv_floor_bps=draw.randint(0, 8_000),
        static_otm=draw.randint(50, 1_000),
        static_least=draw.randint(30, 1_000),
        static_future=draw.randint(30, 1_000),
        greeks_move=draw.randint(20, 60),
    )


def random_legs(draw: random.Random, count: int, spot: int) -> list[Leg]:
    """Distinct legs of all kinds around a spot price [wad]."""
    legs: dict[int, Leg] = {}
    while len(legs) < count:
        kind = draw.choice([Kind.CALL, Kind.CALL, Kind.PUT, Kind.PUT, Kind.FUTURE, Kind.CASH])
        strike = 0
        if kind <= Kind.PUT:
            width = draw.choice([draw.uniform(0.5, 1.5), draw.uniform(0.9, 1.1), 10 ** draw.uniform(-1, 1)])
            strike = max(int(spot * width) // 10**10, 1)
        scale = 10**12 if kind == Kind.CASH else 10**8
        quantity = draw.choice([-1, 1]) * draw.randint(1, scale)
        leg = Leg(kind, strike, quantity)
        legs[leg.key] = leg
    return list(legs.values())
