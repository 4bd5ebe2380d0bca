"""Vaults and snapshots for the engine's tests: one drawing function from a seed, so that every failure repeats."""

from __future__ import annotations

import random

from bulkhead.risk.words import WAD, Kind, Leg, Snapshot

DAY = 86400


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
        rate=rate,
        surface_near=int(10 ** draw.uniform(-1.3, 0.7) * WAD),
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
