"""Random vaults that go through a crash."""

from __future__ import annotations

import random

import numpy as np

from bulkhead.risk.batch import Book
from bulkhead.risk.crash.tape import TENORS
from bulkhead.risk.words import LINEAR, Kind, Units

#: Step of sizes [contracts].
LOT = 0.01


def population(count: int, spot: float, seed: int, units: Units = LINEAR) -> Book:
    """Random vaults of one to four legs, of all kinds, in all expiries; in coins with the same legs.

    A third are spreads, straddles and futures as people trade them, the rest are any legs at all. Sizes lie around
    10,000 quote units of notional; strikes around spot, multiples of a hundredth of its power of ten.
    """
    draw = random.Random(seed)
    tick = 10.0 ** (len(str(int(spot))) - 3)
    kinds: list[int] = []
    strikes: list[float] = []
    sizes: list[float] = []
    offsets, cell = [0], []

    def strike(width: float) -> float:
        return max(round(spot * float(np.exp(draw.gauss(0, width))) / tick) * tick, tick)

    def add(kind: int, at: float, quantity: float) -> None:
        key = [(k, s) for k, s in zip(kinds[offsets[-1] :], strikes[offsets[-1] :], strict=True)]
        if (kind, at) not in key and quantity:
            kinds.append(kind)
            strikes.append(at)
            sizes.append(quantity)

    for _ in range(count):
        size = max(round(10_000 * float(np.exp(draw.gauss(0, 1))) / spot / LOT), 1) * LOT
        side = draw.choice([-1, -1, 1])
        shape = draw.choice(["legs"] * 4 + ["spread", "straddle", "future", "deferred"])
        if shape == "spread":
            kind = draw.choice([Kind.CALL, Kind.PUT])
            low = strike(0.1)
            add(kind, low, side * size)
            add(kind, low + tick * draw.randint(1, 20), -side * size)
        elif shape == "straddle":
            at = strike(0.05)
            add(Kind.CALL, at, side * size)
            add(Kind.PUT, at, side * size)
        elif shape == "future":
            add(Kind.FUTURE, 0.0, side * size)
            add(Kind.CASH, 0.0, round(-side * size * spot, 6))
        elif shape == "deferred":
            add(draw.choice([Kind.CALL, Kind.PUT]), strike(0.1), size)
            premium = size * spot * draw.uniform(0.01, 0.08)
            add(Kind.FUTURE if units.inverse else Kind.CASH, 0.0, -round(premium / (spot if units.inverse else 1), 6))
        else:
            for _ in range(draw.randint(1, 4)):
                room = 4 - (len(kinds) - offsets[-1])
                futures = [Kind.FUTURE] if room >= 2 else []
                kind = draw.choice([Kind.CALL, Kind.CALL, Kind.PUT, Kind.PUT, Kind.PUT, *futures])
                part = max(round(size * draw.uniform(0.3, 1.0) / LOT), 1) * LOT
                sign = draw.choice([-1, -1, 1])
                add(kind, 0.0 if kind == Kind.FUTURE else strike(0.15), round(sign * part, 2))
                if kind == Kind.FUTURE:
                    add(Kind.CASH, 0.0, round(-sign * part * spot, 6))
                if len(kinds) - offsets[-1] >= 4:
                    break
        offsets.append(len(kinds))
        cell.append(draw.randrange(len(TENORS)))
    return Book.flat(kinds, strikes, np.round(sizes, 6), offsets, cell, units=units)


#: Kinds of portfolios that a random draw seldom makes, and that rules are said to misjudge.
ODD = (
    "5-delta weeklies",
    "1x3 ratio spreads",
    "condor ladders",
    "deep in the money",
    "futures",
    "long gamma on credit",
)
#: Their cells, as places in `TENORS`.
_ODD_CELLS = {"5-delta weeklies": (2,), "long gamma on credit": (0,), "futures": (2, 3)}


def odd_population(each: int, spot: float, vol: float, seed: int) -> tuple[Book, list[str]]:
    """Vaults of each odd kind, `each` of them, and the kind of every vault.

    Strikes lie at standard deviations of the vault's tenor at `vol`; sizes as in `population`.
    """
    draw = random.Random(seed)
    tick = 10.0 ** (len(str(int(spot))) - 3)
    kinds: list[int] = []
    strikes: list[float] = []
    sizes: list[float] = []
    offsets, cell, names = [0], [], []
    for name in ODD:
        for _ in range(each):
            where = draw.choice(_ODD_CELLS.get(name, (1, 2, 3)))
            deviation = vol * (TENORS[where] / 365) ** 0.5
            size = max(round(10_000 * float(np.exp(draw.gauss(0, 0.5))) / spot / LOT), 1) * LOT
            for kind, at, ratio in _odd_legs(name, deviation, draw):
                strike = 0.0 if kind >= Kind.FUTURE else max(round(spot * float(np.exp(at)) / tick) * tick, tick)
                kinds.append(kind)
                strikes.append(strike)
                sizes.append(ratio * size * (spot if kind == Kind.CASH else 1.0))
            offsets.append(len(kinds))
            cell.append(where)
            names.append(name)
    return Book.flat(kinds, strikes, np.round(sizes, 6), offsets, cell), names


def _odd_legs(name: str, deviation: float, draw: random.Random) -> list[tuple[Kind, float, float]]:
    """(kind, ln of strike over spot, contracts; of CASH in units of spot) of one odd vault."""
    side = draw.choice((Kind.CALL, Kind.PUT))
    out = deviation if side == Kind.CALL else -deviation
    if name == "5-delta weeklies":
        return [(side, 1.645 * out, -1.0)]
    if name == "1x3 ratio spreads":
        return [(side, 0.5 * out, 1.0), (side, 1.5 * out, -3.0)]
    if name == "condor ladders":
        return [(side, out, -1.0), (side, 2 * out, 1.0), (side, 3 * out, -1.0)]
    if name == "deep in the money":
        return [(side, -4 * out, -1.0)]
    sign = draw.choice((-1.0, 1.0))
    if name == "futures":
        return [(Kind.FUTURE, 0.0, sign), (Kind.CASH, 0.0, -sign)]
    # a straddle for its premium at the money, 0.8 standard deviations, owed until the expiry
    return [(Kind.CALL, 0.0, 1.0), (Kind.PUT, 0.0, 1.0), (Kind.CASH, 0.0, -0.8 * deviation)]


def together(*books: Book) -> Book:
    """Vaults of several books in one."""
    # each book's offsets begin anew
    edges = np.cumsum([0, *(len(book.kind) for book in books)])
    joined = np.concatenate([[0], *(book.offsets[1:] + edge for book, edge in zip(books, edges, strict=False))])
    return Book.flat(
        np.concatenate([book.kind for book in books]),
        np.concatenate([book.strike for book in books]),
        np.concatenate([book.quantity for book in books]),
        joined,
        np.concatenate([book.cell for book in books]),
    )
