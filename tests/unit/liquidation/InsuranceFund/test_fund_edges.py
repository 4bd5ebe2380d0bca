"""What the fund tells, and reserves."""

from __future__ import annotations

import boa
import pytest

from tests.evm import Env
from tests.worlds.liquidation import EXPIRY, MARKET, World, address

PAYER, WEEK = address("insurer"), 7 * 86_400


def told(world, name: str):
    """The last event of a name."""
    return next(e for e in reversed(world.fund.get_logs()) if type(e).__name__ == name)


def test_withdraw__event__tells_what_is_left_in_the_pot(world):
    world.insure(1_000)
    shares = world.fund.shares(MARKET, PAYER)
    with boa.env.prank(PAYER):
        world.fund.request(MARKET, shares // 4)
    world.wait(WEEK)
    with boa.env.prank(PAYER):
        paid = world.fund.withdraw(MARKET, PAYER)
    event = told(world, "InsuranceWithdrawn")
    assert paid and (event.amount, event.shares) == (paid, shares // 4)
    assert event.balance == world.balance(world.pot) == 1_000 * world.unit - paid


@pytest.mark.parametrize("decimals", [6, 8, 18])
def test_reserve__deficit_that_in_any_token__is_reserved_to_the_unit(decimals):
    """Deficits are counted in 1e-6 quote, of which every token's unit is a part."""
    with boa.swap_env(Env()):
        world = World(decimals=decimals)
        world.insure(10_000)
        vault = world.short_put(600)
        world.move(1_300)
        world.flag(vault, address("keeper"))
        deficit = world.clearinghouse.cell(MARKET, EXPIRY) >> 112
        assert deficit
        assert world.fund.reserve(MARKET, EXPIRY) == deficit * 10 ** (decimals - 6)


def test_deposit_request_and_withdraw__round_for_the_pot_and_tell_everything(world):
    """Shares in and tokens out are rounded down, whatever a gift has made of the price."""
    world.insure(1_000)
    world.token.mint(world.pot, 333_333_333)
    second, amount, virtual = address("second"), 7 * world.unit, 10**6
    before, total = world.balance(world.pot), world.fund.total_shares(MARKET)
    world.token.mint(second, amount)
    world.token.approve(world.fund.address, amount, sender=second)
    minted = world.fund.deposit(MARKET, amount, sender=second)
    added = told(world, "InsuranceAdded")
    assert amount * (total + virtual) % (before + 1)
    assert minted == amount * (total + virtual) // (before + 1) == world.fund.shares(MARKET, second)
    assert (added.market, added.payer, added.amount, added.shares, added.balance) == (
        MARKET, second, amount, minted, before + amount,
    )  # fmt: skip
    asked = minted - 1
    world.fund.request(MARKET, asked, sender=second)
    wanted = told(world, "WithdrawalRequested")
    assert (wanted.market, wanted.payer, wanted.shares, wanted.open_at) == (MARKET, second, asked, world.now + WEEK)
    world.wait(WEEK)
    held = world.balance(world.pot)
    paid = world.fund.withdraw(MARKET, PAYER, sender=second)
    assert asked * (held + 1) % (total + minted + virtual)
    assert paid == asked * (held + 1) // (total + minted + virtual)
    left = told(world, "InsuranceWithdrawn")
    # who asked and who is paid are two
    assert (left.market, left.payer, left.receiver, left.amount, left.shares) == (MARKET, second, PAYER, paid, asked)
    assert world.fund.total_shares(MARKET) == total + minted - asked
    assert world.fund.request_of(MARKET, second).shares == 0


@pytest.mark.parametrize("vault", [0, 7])
def test_draw__event_and_books__name_the_vault_or_none(world, vault):
    world.insure(1_000)
    to, amount = address("cell"), 100 * world.unit
    got = world.fund.draw(MARKET, EXPIRY, vault, to, amount, sender=world.at["Settlement"])
    event = told(world, "InsuranceDrawn")
    assert (event.market, event.expiry, event.vault_id, event.receiver, event.amount, event.balance) == (
        MARKET, EXPIRY, vault, to, amount, 900 * world.unit,
    )  # fmt: skip
    assert got == amount
    assert world.fund.vault_drawn(vault, EXPIRY) == (amount if vault else 0)
    assert world.fund.vault_drawn(7, EXPIRY + 3600) == 0


@pytest.mark.parametrize(("early", "grows"), [(1, True), (0, False)])
def test_draw__first_at_the_second_of_the_expiry__fixes_what_a_share_of_is_taken(world, early, grows):
    """From the expiry on a refilled pot opens nothing; a second before it still does."""
    world.insure(1_000)
    world.wait(EXPIRY - early - world.now)
    world.fund.draw(MARKET, EXPIRY, 0, address("cell"), 10 * world.unit, sender=world.at["Settlement"])
    room = world.fund.cell_room(MARKET, EXPIRY)
    world.insure(1_000, address("second"))
    assert (world.fund.cell_room(MARKET, EXPIRY) > room) == grows


@pytest.mark.parametrize(("early", "shut"), [(1, True), (0, False)])
def test_draw__cap_of_a_day__ends_at_midnight(world, early, shut):
    world.insure(1_000)
    for i in range(4):
        world.fund.draw(MARKET, EXPIRY + i, 0, address("cell"), 10**30, sender=world.at["Settlement"])
    assert world.fund.available(MARKET, EXPIRY + 9) == 0
    world.wait(-world.now % 86_400 - early)
    assert (world.fund.available(MARKET, EXPIRY + 9) == 0) == shut


@pytest.mark.parametrize("second", [0, 1])
def test_request__at_any_second__tells_shares_and_times_apart(world, second):
    """Both lie in one word: an odd second is no share, and the last share is no second."""
    world.insure(1_000)
    world.wait(world.now % 2 + second)
    asked = world.fund.shares(MARKET, PAYER) // 2 * 2 - 1
    world.fund.request(MARKET, asked, sender=PAYER)
    assert world.fund.request_of(MARKET, PAYER) == (asked, world.now + WEEK)
    world.wait(WEEK)
    world.fund.withdraw(MARKET, PAYER, sender=PAYER)
    assert told(world, "InsuranceWithdrawn").shares == asked


@pytest.mark.parametrize(("amount", "used_up"), [(0, False), (1, False), (1, True)])
def test_draw__of_nothing_or_of_one_unit__is_told_when_something_moves(world, amount, used_up):
    """A draw that the caps leave nothing for is no draw: it fixes no base and is no event."""
    world.insure(1_000)
    to, settlement = address("cell"), world.at["Settlement"]
    world.expire(1_000)
    if used_up:
        world.fund.draw(MARKET, EXPIRY, 0, to, 10**30, sender=settlement)
    before, paid = world.balance(to), amount if not used_up else 0
    assert world.fund.draw(MARKET, EXPIRY, 7, to, amount, sender=settlement) == paid
    names = [type(log).__name__ for log in world.fund.get_logs()]
    assert names.count("InsuranceDrawn") == paid
    assert world.balance(to) == before + paid and world.fund.vault_drawn(7, EXPIRY) == paid
    room = world.fund.cell_room(MARKET, EXPIRY)
    world.insure(1_000, address("second"))
    # the base is the fund at the first draw that moved something
    assert (world.fund.cell_room(MARKET, EXPIRY) > room) == (not paid and not used_up)


def reserves(world) -> list[tuple[int, int]]:
    """(reserve, total) of each record that the last call of Settlement made."""
    logs = [log for log in world.settlement.get_logs() if type(log).__name__ == "ReserveRecorded"]
    return [(log.reserve, log.total) for log in logs]


def test_draw__of_settlement__is_recorded_once_after_its_own_books(world):
    """In the middle of a settlement the shortfall still counts as not drawn: nothing is recorded then."""
    world.insure(800)
    vault = world.short_put(600)
    world.move(1_300)
    world.flag(vault, address("keeper"))
    assert world.fund.reserve(MARKET, EXPIRY) < 200 * world.unit
    world.expire(600)
    world.settlement.settle(vault)
    recorded = reserves(world)
    short = world.settlement.insurable(MARKET, EXPIRY)
    # so much that what the cap leaves after the draw is less
    assert recorded == [(short, short)] and 100 * world.unit < short < 200 * world.unit
    world.settlement.settle(world.maker_id)
    assert reserves(world) == [(0, 0)]


@pytest.mark.parametrize("recorded", [False, True])
def test_draw__of_a_top_up__records_anew_what_was_recorded_and_nothing_else(world, recorded):
    """A cell that nobody recorded stays unrecorded: whoever tops up one vault does not reserve for the others."""
    world.insure(1_000)
    vault = world.short_put(600)
    world.move(1_000)
    world.flag(vault, address("keeper"))
    if recorded:
        world.fund.reserve(MARKET, EXPIRY)
    world.fund.draw(MARKET, EXPIRY, 7, address("taker"), 100 * world.unit, sender=world.at["Liquidator"])
    left = 150 * world.unit * recorded
    assert world.fund.reserves(MARKET << 40 | EXPIRY) == left == world.fund.reserved(MARKET)
