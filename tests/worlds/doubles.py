"""Small stand-ins and the scenes that several rooms play with them."""

from __future__ import annotations

from typing import Any

import boa

from bulkhead.risk.scales import MICRO, WAD
from bulkhead.risk.words import Status
from tests.worlds.liquidation import address, call, put

REFUSING = """
# pragma version 0.4.3
BALANCE: constant(uint256) = {balance}

@external
@view
def balanceOf(holder: address) -> uint256:
    return BALANCE

@external
def transfer(to: address, amount: uint256) -> bool:
    return False

@external
def transferFrom(a: address, b: address, amount: uint256) -> bool:
    return False
"""


def refusing_token(balance: int = 0) -> Any:
    """A token that moves nothing and says so; everybody holds `balance`."""
    return boa.loads(REFUSING.format(balance=balance))


def refusal_in_callback(market: Any, taker: Any, contract: Any, tried: list[tuple[Any, ...]], take: Any) -> bytes:
    """Calls a contract from the callback of a take, and what it refused last with; nothing passes.

    Args:
        market: The scripted market.
        taker: A HostileTaker with a vault.
        contract: What is called.
        tried: (function, its arguments), each.
        take: (vault that is taken, vault that takes).
    """
    taken, into = take
    taker.script([(contract.address, getattr(contract, n).prepare_calldata(*a), False) for n, *a in tried])
    taker.take(market.liquidator.address, taken, WAD, into, b"x")
    assert taker.calls() == 1 and taker.passed() == 0
    return bytes(taker.refusal())


def bad_rounds(feed: Any, now: int, first: int) -> int:
    """Four rounds of a feed: one reads zero, one reverts, one is older than `first`; the id is that of the good one."""
    prices = (2010, 2020, 2030, 2040)
    zero, gone, old, good = (feed.push(price * 100 * MICRO, now - 500 + i) for i, price in enumerate(prices))
    feed.overwrite(zero, 0, now)
    feed.erase(gone)
    feed.overwrite(old, 2030 * 100 * MICRO, first - 1)
    return int(good)


def brought_until_90_minutes_later(pull: Any, at: int) -> None:
    """A sample of a moment is taken 5,400 seconds later and no second more."""
    boa.env.timestamp = at + 5401
    with boa.reverts("pull/too-late"):
        pull.bring(at, pull.sample(2100, at))
    boa.env.timestamp = at + 5400
    pull.bring(at, pull.sample(2100, at))


def beyond_sixteen_legs(world: Any) -> tuple[int, int]:
    """A pool with tokens, and two flagged vaults of 15 and 2 series that no single vault can hold, a minute later."""
    world.backstop(50_000)
    first = world.open(address("trader"), 5_700)
    world.trade(world.maker(), first, [put(1500 + 40 * i, -1) for i in range(15)])
    second = world.open(address("second"), 2_580)
    world.trade(world.open(address("other maker"), 100_000), second, [put(1990, -4), call(2410, -4)])
    world.move(1500, status=Status.FRESH | Status.ACTIVE | Status.SURFACE_LIVE)
    for vault in (first, second):
        world.flag(vault, address("flagger"))
    world.wait(60)
    return first, second
