"""Exact-integer reference of expiry prices (OracleAdapter.fix_price) and the hints that prove them."""

from __future__ import annotations

from collections.abc import Sequence

from bulkhead.risk.volatility import Round


def in_force(rounds: Sequence[Round], at: int) -> Round | None:
    """The round whose price is in force at a moment: the last good one with a stamp at or before it."""
    found = None
    for reading in rounds:
        if reading.price == 0 or (found is not None and reading.stamp < found.stamp):
            continue
        if reading.stamp > at:
            break
        found = reading
    return found


def window_integral(rounds: Sequence[Round], start: int, end: int) -> int:
    """Sum of price * seconds from `start` to `end` [wad * seconds]; rounds ascending by id, unreadable ones 0.

    Raises:
        ValueError: No round is in force at the start.
    """
    first = in_force(rounds, start)
    if first is None:
        raise ValueError("no round at or before the window's start")
    total, price, at, last = 0, first.price, start, first.stamp
    for reading in rounds:
        if reading.id <= first.id or reading.price == 0 or reading.stamp < last:
            continue
        if reading.stamp > end:
            break
        total += price * (reading.stamp - at)
        price, at, last = reading.price, reading.stamp, reading.stamp
    return total + price * (end - at)


def expiry_price(rounds: Sequence[Round], expiry: int, window: int) -> int:
    """Time-weighted average price over the window before the expiry [wad]."""
    if window == 0:
        last = in_force(rounds, expiry)
        if last is None:
            raise ValueError("no round at or before the expiry")
        return last.price
    return window_integral(rounds, expiry - window, expiry) // window


def best_hint(rounds: Sequence[Round], expiry: int, window: int) -> int:
    """The one round id that `fix_price` needs: that of the round in force at the window's start.

    Raises:
        ValueError: There is none; the fallback feed or the last resort decides.
    """
    first = in_force(rounds, expiry - window)
    if first is None:
        raise ValueError("no round at or before the window's start")
    return first.id
