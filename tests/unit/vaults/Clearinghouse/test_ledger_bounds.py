"""The ledger at its ends: last hours and epochs, how many vaults have a deficit, and what a flag leaves behind."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts import write
from tests.worlds.liquidation import EXPIRY, MARKET, WAD, World, address
from tests.worlds.liquidation_fixtures import listed as listed
from tests.worlds.liquidation_fixtures import world as world

KEEPER, TAKER = address("keeper"), address("taker")
EMPTY = "0x" + "00" * 20
HOUR = 3600
DEFICITS_AT, TIP = 211, 1 << 224


def told(contract: Any, name: str) -> list[Any]:
    """Events of a name that the last call left."""
    return [log for log in contract.get_logs() if type(log).__name__ == name]


def pay_over(world: World, expiry: int) -> None:
    """One unit between two vaults without legs, in a cell of this expiry."""
    giver, receiver = world.open(address("giver"), 5), world.open(address("receiver"), 5)
    order = (giver, receiver, expiry, [], 1, [0, 0], EMPTY)
    world.clearinghouse.novate(order, world.snapshot().words(), sender=world.at["Exchange"])
    assert (world.balance(giver), world.balance(receiver)) == (5 * world.unit - 1, 5 * world.unit + 1)


@pytest.mark.parametrize("hours", [1, 2**20 - 1 - 1_800_000_000 // HOUR])
def test_novate__first_and_last_hour_that_a_vault_word_holds__pass(world, hours):
    world.wait(-world.now % HOUR)
    pay_over(world, world.now + hours * HOUR)


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [
        (0, "clearinghouse/expired"),
        (1, "clearinghouse/expiry-range"),
        (HOUR + 1, "clearinghouse/expiry-range"),
        (2**20 * HOUR - 1_800_000_000, "clearinghouse/expiry-range"),
    ],
)
def test_novate__hours_before_and_behind__are_refused(world, ahead, reason):
    assert world.now == 1_800_000_000 and world.now % HOUR == 0
    with boa.reverts(reason):
        pay_over(world, world.now + ahead)


def test_transfer_vault__to_the_last_epoch__passes_and_no_further(world):
    owner, buyer = address("owner"), address("buyer")
    vault = world.open(owner, 5)
    word = world.clearinghouse.vault_word(vault)
    write("Clearinghouse", world.clearinghouse.address, "words", word | 65_534 << 192, vault)
    world.clearinghouse.transfer_vault(vault, owner, buyer, sender=world.at["VaultToken"])
    (event,) = told(world.clearinghouse, "VaultTransferred")
    assert event.epoch == 65_535 == world.clearinghouse.vault_word(vault) >> 192 & 65_535
    with boa.reverts("clearinghouse/epochs-exhausted"):
        world.clearinghouse.transfer_vault(vault, buyer, owner, sender=world.at["VaultToken"])


def deficits(world: World) -> int:
    """How many vaults of the market have a recorded deficit."""
    return world.clearinghouse.market(MARKET).token_word >> DEFICITS_AT


def recorded(world: World) -> int:
    """Recorded deficits of the cell [1e-6 quote]."""
    return world.clearinghouse.cell(MARKET, EXPIRY) >> 112


def test_deficits__of_two_vaults__are_counted_each_once_and_for_as_long_as_they_last(world):
    first, second = world.short_put(600, address("first")), world.short_put(560, address("second"))
    world.move(1_480)
    for vault in (first, second):
        world.flag(vault, KEEPER)
    assert deficits(world) == 0 == recorded(world)
    sums = []
    for spot, count in ((1_440, 1), (1_350, 2), (1_340, 2), (1_300, 2), (1_440, 1), (1_480, 0), (1_400, 2)):
        world.move(spot)
        world.liquidator.refresh([first, second])
        assert deficits(world) == count, spot
        sums.append(recorded(world))
    assert sums[5] == 0 < sums[0] == sums[4] < sums[1] < sums[2] < sums[3]
    world.expire(1_400)
    # each takes its part of the count with it when it is settled
    for vault, left in ((second, 1), (first, 0)):
        world.settlement.settle(vault)
        assert deficits(world) == left
    assert recorded(world) == 0


def terms(world: World, vault: int) -> tuple[int, int, int, bool]:
    """(market clock and time of the flag, A at it [1e-6 quote], whether its tip is missing)."""
    word = world.words(vault)[1]
    return word >> 40 & (2**40 - 1), word >> 80 & (2**40 - 1), word >> 120 & (2**64 - 1), bool(word & TIP)


def test_flag__that_ends__leaves_the_margin_it_had_and_nothing_else(world):
    """A at the flag caps what insurance pays for the vault; clocks and the missing tip end with the flag."""
    vault = world.short_put(600)
    world.move(1_500)
    margin = world.standing(vault)[1] // 10**12
    world.flag(vault, KEEPER)
    assert terms(world, vault) == (world.clock, world.now, margin, True)
    world.wait(50)
    world.move(2_000)
    assert world.liquidator.clear(vault) == 2
    assert terms(world, vault) == (0, 0, margin, False)
    # a later, smaller flag forgets it
    world.move(1_480)
    smaller = world.standing(vault)[1] // 10**12
    assert smaller < margin
    world.flag(vault, KEEPER)
    assert terms(world, vault) == (world.clock, world.now, smaller, True)


@pytest.mark.parametrize(("spot", "grows"), [(1_520, True), (1_480, False)])
@pytest.mark.parametrize("by", ["take", "refresh"])
def test_flag__margin_later_on__is_the_largest_seen(world, spot, grows, by):
    vault = world.short_put(600)
    world.move(1_500)
    world.flag(vault, KEEPER)
    before = terms(world, vault)
    world.wait(30)
    world.move(spot)
    equity, now, _ = world.standing(vault)
    assert equity < now and (now // 10**12 > before[2]) == grows
    if by == "take":
        world.take(vault, world.open(TAKER, 5_000), TAKER, fraction=WAD // 10)
    else:
        world.liquidator.refresh([vault])
    assert terms(world, vault) == (before[0], before[1], max(before[2], now // 10**12), True)


@pytest.mark.parametrize("frozen", ["", "tipped", "cell", "both"])
def test_settle__tip_or_pay_in_refused__goes_on_without(world, frozen):
    """A frozen caller is not tipped and a frozen cell is owed; neither holds up the other."""
    vault = world.short_put(600)
    world.expire(1_700)
    addresses = {"": [], "tipped": [KEEPER], "cell": [world.cell], "both": [KEEPER, world.cell]}[frozen]
    for holder in addresses:
        write("MockERC20", world.token.address, "balanceOf", 2**256 - 1, holder)
    before = {holder: world.balance(holder) for holder in (KEEPER, world.cell)}
    world.settlement.settle(vault, sender=KEEPER)
    logs = [(type(log).__name__, log) for log in world.settlement.get_logs()]
    (settled,) = [log for name, log in logs if name == "VaultSettled"]
    owed, tip = 300 * world.unit, 2 * world.unit
    received = owed if frozen in ("", "tipped") else 0
    tipped = tip if frozen == "" else 0
    assert (settled.received, settled.debt, settled.shortfall) == (received, owed - received, 0)
    assert [log.amount for name, log in logs if name == "TipPaid"] == [tipped] * bool(tipped)
    gained = {holder: world.balance(holder) - amount for holder, amount in before.items()}
    assert gained == {KEEPER: tipped, world.cell: received}
    assert world.balance(vault) == 600 * world.unit - received - tipped
    assert bool(world.clearinghouse.vault_word(vault) >> 188 & 4) == (received == 0)


def test_settle__deposit_of_nothing_left__pays_no_tip_and_tells_of_none(world):
    """The token took everything: there is nothing to pay in and nothing to tip with."""
    vault = world.short_put(600)
    world.expire(1_700)
    write("MockERC20", world.token.address, "balanceOf", 0, world.custody(vault))
    world.settlement.settle(vault, sender=KEEPER)
    names = [type(log).__name__ for log in world.settlement.get_logs()]
    assert "TipPaid" not in names and world.balance(KEEPER) == 0
    assert world.settlement.debt_of(vault) == 0 and not world.legs(vault)


@pytest.mark.parametrize("amount", [0, 1])
def test_open__with_one_unit_or_none__deposits_that(world, amount):
    owner = address("owner")
    world.token.mint(owner, 5)
    world.token.approve(world.clearinghouse.address, 5, sender=owner)
    vault = world.clearinghouse.open(MARKET, 0, owner, amount, sender=owner)
    assert [log.amount for log in told(world.clearinghouse, "Deposited")] == [amount] * amount
    assert world.balance(vault) == amount


@pytest.mark.parametrize(
    ("cash", "fees"), [(1, (0, 0)), (-1, (0, 0)), (0, (1, 0)), (0, (0, 1)), (1, (1, 1)), (-1, (1, 1))]
)
def test_novate__single_units_either_way__arrive(world, cash, fees):
    """Cash and each side's fee of one unit: the fee of who receives is kept back from it."""
    giver, receiver, venue = world.open(address("giver"), 5), world.open(address("receiver"), 5), address("venue")
    order = (giver, receiver, EXPIRY, [], cash, list(fees), venue)
    outcome = world.clearinghouse.novate(order, world.snapshot().words(), sender=world.at["Exchange"])
    assert tuple(outcome.fees) == fees and world.balance(venue) == sum(fees)
    held = (world.balance(giver) - 5 * world.unit, world.balance(receiver) - 5 * world.unit)
    assert held == (-cash - fees[0], cash - fees[1])
