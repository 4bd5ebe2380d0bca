"""What the tests of expiry prices share: the moments, one call of `fix`, and rounds around the window."""

from __future__ import annotations

from typing import Any

import boa

from tests.worlds.oracle import START, UNIT, OracleWorld

EXPIRY = START + 86400
WINDOW = 1800
PRIMARY, FALLBACK, IN_FORCE, UNDISPUTED = 1, 2, 3, 4


def go(world: OracleWorld, after: int) -> None:
    """To so many seconds after the expiry."""
    boa.env.timestamp = EXPIRY + after


def fix(world: OracleWorld, *hints: int) -> int:
    return world.fix(EXPIRY, list(hints))


def source(world: OracleWorld) -> int:
    (event,) = world.fixed()
    assert event.market == 1
    assert event.expiry == EXPIRY
    assert event.price == world.price(EXPIRY)
    return event.source


def trade(world: OracleWorld) -> list[int]:
    """A day's end with four rounds around the window; the average is 2,100."""
    ids = []
    for after, price in ((-2400, 2000), (-900, 2100), (-450, 2300), (600, 3000)):
        go(world, after)
        ids.append(world.primary.push(price * UNIT, world.now))
        if world.fallback is not None:
            world.fallback.push((price + 10) * UNIT, world.now)
    return ids


def climb(world: OracleWorld, feed: Any = None) -> int:
    """2,000 from before the window and 2,200 for its second half, 2,100 on average; the hint for it."""
    go(world, -2400)
    if feed is None:
        world.push(2000)
        hint = world.primary.latest_id()
        go(world, -900)
        world.push(2200)
        return int(hint)
    hint = feed.push(2000 * UNIT, world.now)
    go(world, -900)
    feed.push(2200 * UNIT, world.now)
    return int(hint)
