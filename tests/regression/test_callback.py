"""The callback of a take: what it may do, what it may not, and that its gate always runs."""

from __future__ import annotations

import boa
import pytest

from bulkhead.risk.auction import WAD
from tests.contracts import deployer
from tests.worlds.liquidation import EXPIRY, FOREVER, LIMITS, MARKET, address, put, unchanged

OWNER, KEEPER = address("owner"), address("keeper")


@pytest.fixture
def taker(world):
    contract = deployer("HostileTaker").deploy()
    world.token.mint(contract.address, 10_000 * world.unit)
    contract.act(world.token.address, world.token.approve.prepare_calldata(world.at["Clearinghouse"], 2**256 - 1))
    return contract


@pytest.fixture
def flagged(world):
    vault = world.short_put(600, OWNER)
    world.move(1500)
    world.flag(vault, KEEPER)
    world.wait(60)
    return vault


def opened(world, taker, quote=0):
    vault = world.clearinghouse.next_id()
    taker.act(world.clearinghouse.address, world.clearinghouse.open.prepare_calldata(MARKET, 0, taker.address, 0))
    if quote:
        act(taker, world.clearinghouse, "deposit", vault, taker.address, quote * world.unit)
    return vault


def act(taker, contract, name, *arguments):
    taker.act(contract.address, getattr(contract, name).prepare_calldata(*arguments))


def step(contract, name, *arguments, required=False):
    return (contract.address, getattr(contract, name).prepare_calldata(*arguments), required)


def test_callback__deposits_the_margin__passes(world, flagged, taker):
    into = opened(world, taker)
    taker.script([step(world.clearinghouse, "deposit", into, taker.address, 1000 * world.unit, required=True)])
    taker.take(world.liquidator.address, flagged, WAD, into, b"x")
    assert taker.calls() == 1 and world.legs(into) != []
    assert not world.is_flagged(flagged)
    assert not world.liquidator.in_callback()


def test_deferred_gate__callback_adds_no_margin__everything_reverts(world, flagged, taker):
    """The deferred gate always runs: `finish` is in the same frame."""
    into = opened(world, taker)
    with unchanged(world, flagged, into), boa.reverts("margin/taker-below-initial"):
        taker.take(world.liquidator.address, flagged, WAD, into, b"x")


def test_callback__reverts__everything_reverts(world, flagged, taker):
    into = opened(world, taker, 5000)
    taker.script([step(world.clearinghouse, "withdraw", into, 1, taker.address, required=True)])
    with unchanged(world, flagged, into), boa.reverts("hostile/step-failed"):
        taker.take(world.liquidator.address, flagged, WAD, into, b"x")


def test_callback__closed_entries__are_refused_one_by_one(world, flagged, taker):
    """Only fill, deposit and novation between the taker's own vaults are open during the window."""
    world.insure(1000)
    world.move(2000)
    other = world.short_put(600, address("other"))
    world.move(1500)
    into, spare = opened(world, taker, 5000), opened(world, taker, 500)
    idle = opened(world, taker)
    words = world.snapshot().words()
    ch, liq, settlement, fund = world.clearinghouse, world.liquidator, world.settlement, world.fund
    act(taker, world.token, "approve", fund.address, 2**256 - 1)
    closed = [
        step(ch, "withdraw", spare, 1, taker.address),
        step(ch, "close", idle, taker.address),
        step(ch, "open", MARKET, 0, taker.address, 0),
        step(ch, "novate", (flagged, into, EXPIRY, [put(2000, -0.1)], 10**9, [0, 0], OWNER), words),
        step(
            ch, "take", (flagged, into, EXPIRY, [put(2000, -0.1)], 0, [0, 0], OWNER), ([0] * 9, 0, True, False), words
        ),
        step(ch, "finish", into, words),
        step(ch, "flag", other, taker.address, 0, 0, 0),
        step(ch, "transfer_vault", spare, taker.address, OWNER),
        step(ch, "pay_from_cell", MARKET, EXPIRY, taker.address, 1),
        step(ch, "pay_from_vault", spare, taker.address, 1),
        step(liq, "take", flagged, WAD, into, LIMITS, FOREVER, b""),
        step(liq, "flag", other),
        step(liq, "clear", flagged),
        step(liq, "flag_many", [flagged, other]),
        step(settlement, "settle", other),
        step(settlement, "claim", other),
        step(fund, "deposit", MARKET, 10**6),
        step(fund, "request", MARKET, 1),
        step(fund, "draw", MARKET, EXPIRY, 0, taker.address, 1),
    ]
    allowed = [
        step(ch, "deposit", spare, taker.address, world.unit),
        step(ch, "deposit", into, taker.address, world.unit),
        step(ch, "deposit", flagged, OWNER, world.unit),
    ]
    taker.script(closed + allowed)
    taker.take(liq.address, flagged, WAD // 10, into, b"x")
    assert taker.passed() == 0b111 << len(closed)


@pytest.mark.parametrize(
    ("entry", "arguments", "reason"),
    [
        ("deposit", (MARKET, 10**6), b"insurance/in-callback"),
        ("request", (MARKET, 0), b"insurance/in-callback"),
        ("withdraw", (MARKET, OWNER), b"insurance/in-callback"),
        ("reserve", (MARKET, EXPIRY), b"insurance/in-callback"),
    ],
)
def test_callback__shares_of_insurance__are_not_priced(world, flagged, taker, entry, arguments, reason):
    into = opened(world, taker, 5000)
    act(taker, world.token, "approve", world.fund.address, 2**256 - 1)
    taker.script([step(world.fund, entry, *arguments)])
    taker.take(world.liquidator.address, flagged, WAD // 10, into, b"x")
    assert taker.passed() == 0 and reason in taker.refusal()


def test_callback__take_many_inside__takes_nothing(world, flagged, taker):
    world.move(2000)
    second = world.short_put(600, address("other"))
    world.move(1500)
    world.flag(second, KEEPER)
    into, into_2 = opened(world, taker, 5000), opened(world, taker, 3000)
    taker.script([step(world.liquidator, "take_many", [second], [WAD], [into_2], LIMITS, FOREVER)])
    with unchanged(world, second, into_2):
        taker.take(world.liquidator.address, flagged, WAD // 10, into, b"x")


def test_callback__legs_go_on_to_another_own_vault__both_are_gated(world, flagged, taker):
    into, store = opened(world, taker), opened(world, taker, 3000)
    fraction = WAD // 2
    short = world.liquidator.quote(flagged, fraction).fraction
    moved = -(-(10**6 * short) // (WAD * 10_000)) * 10_000
    taker.script(
        [step(world.clearinghouse, "transfer_legs", into, store, [put(2000, -moved / 10**6)], 0, required=True)]
    )
    taker.take(world.liquidator.address, flagged, fraction, into, b"x")
    assert world.legs(into) == [] and world.legs(store) != []


def test_callback__legs_go_to_a_poor_own_vault__is_refused(world, flagged, taker):
    into, store = opened(world, taker), opened(world, taker, 11)
    taker.script([step(world.clearinghouse, "transfer_legs", into, store, [put(2000, -0.1)], 0, required=True)])
    with unchanged(world, flagged, into, store), boa.reverts("hostile/step-failed"):
        taker.take(world.liquidator.address, flagged, WAD // 10, into, b"x")


def test_callback__is_on_the_caller_only(world, flagged, taker):
    """The selector is fixed and the target is msg.sender: nobody can aim it at a contract of the protocol."""
    into = world.open(address("taker"), 3000)
    with unchanged(world, flagged, into), boa.reverts():
        world.take(flagged, into, address("taker"), data=b"x" * 32)
    assert taker.calls() == 0


def test_callback__closed_entry__says_why(world, flagged, taker):
    into = opened(world, taker, 5000)
    taker.script([step(world.clearinghouse, "withdraw", into, 1, taker.address)])
    taker.take(world.liquidator.address, flagged, WAD, into, b"x")
    assert taker.passed() == 0
    assert b"clearinghouse/in-callback" in taker.refusal()


def test_callback__new_risk_in_the_window__is_judged_as_new_risk(world, flagged, taker):
    """The gate of a take is laxer than row 1; risk that is added in the window does not enjoy it."""
    world.move(2000)
    spare, into = opened(world, taker, 3000), opened(world, taker, 11)
    world.trade(spare, world.maker(), [put(2000, 1)], 0)
    world.move(1500)
    taker.script([step(world.clearinghouse, "deposit", into, taker.address, 1)])
    with boa.reverts("margin/taker-below-initial"):
        taker.take(world.liquidator.address, flagged, WAD // 10, into, b"x")
    more = step(world.clearinghouse, "transfer_legs", spare, into, [put(2000, -0.01)], 0, required=True)
    taker.script([more])
    with unchanged(world, flagged, spare, into), boa.reverts("margin/below-initial"):
        taker.take(world.liquidator.address, flagged, WAD // 10, into, b"x")
