"""An expiry with more bits than any has reads, in a packed key, as a cell of another market."""

from __future__ import annotations

import boa
import pytest

from tests.worlds.liquidation import EXPIRY, MARKET, address, put

OTHER = 3
#: With the bits of MARKET it makes the key of OTHER's cell; the second one that of MARKET's own.
ALIASES = ((MARKET ^ OTHER) << 40 | EXPIRY, 1 << 40 | EXPIRY)
LOSER, WINNER, STRANGER = address("loser"), address("winner"), address("stranger")


@pytest.fixture
def short(world) -> int:
    """A vault of a second market with the same token, at 1,200 under water by 210 beside its deposit."""
    token_word = world.clearinghouse.market(MARKET).token_word
    risk, _, word, _ = world.parameters.words
    with boa.env.prank(world.at["RiskParameters"]):
        world.clearinghouse.list_market(OTHER, token_word, risk)
        world.liquidator.configure(OTHER, word)
        world.settlement.configure(OTHER, word)
    ids = []
    for owner, quote in ((LOSER, 600), (WINNER, 5_000)):
        with boa.env.prank(owner):
            ids.append(world.clearinghouse.open(OTHER, 0, owner, 0))
        world.deposit(ids[-1], quote, owner)
    world.trade(ids[0], ids[1], [put(2000, 1)])
    world.insure(100_000)
    return ids[0]


@pytest.mark.parametrize("expiry", ALIASES)
@pytest.mark.parametrize(
    ("contract", "name"),
    [
        ("fund", "reserve"),
        ("fund", "available"),
        ("fund", "cell_room"),
        ("settlement", "insure"),
        ("settlement", "insurable"),
        ("settlement", "cell_state"),
    ],
)
def test_cell__expiry_that_reaches_into_the_market__is_refused(world, contract, name, expiry):
    with boa.env.prank(STRANGER), boa.reverts("cell/expiry-range"):
        getattr(getattr(world, contract), name)(MARKET, expiry)


def test_settle__reserve_asked_for_under_another_market__is_not_in_the_way(world, short):
    """It was kept under the cell's key and counted in the other market: taking it back underflowed in every settle."""
    world.move(1200)
    world.flag(short, STRANGER)
    with boa.env.prank(STRANGER), boa.reverts():
        world.fund.reserve(MARKET, ALIASES[0])
    assert world.fund.reserved(MARKET) == 0
    world.expire(1200)
    assert world.settlement.settle_many([short, short + 1]) == 2
    assert world.settlement.claim(short + 1) > 0


def test_insure__under_another_market__draws_nothing_of_its_pot(world, short):
    """The cell's own market had used up its day: another one's insurance paid."""
    own = world.short_put(600)
    payer = address("insurer")
    world.token.mint(payer, 1_000 * world.unit)
    with boa.env.prank(payer):
        world.fund.deposit(OTHER, 1_000 * world.unit)
    world.move(1200)
    world.flag(own, STRANGER)
    assert world.fund.reserve(MARKET, EXPIRY) > 0
    world.expire(1200)
    with boa.env.prank(world.at["Settlement"]):
        for days in (1, 2):
            world.fund.draw(OTHER, EXPIRY - days * 86_400, 0, STRANGER, 1_000 * world.unit)
    assert world.settlement.settle_many([short, short + 1]) == 2
    left, pot = world.settlement.insurable(OTHER, EXPIRY), world.balance(world.pot)
    assert left > 0
    with boa.env.prank(WINNER), boa.reverts():
        world.settlement.insure(MARKET, ALIASES[0])
    assert world.balance(world.pot) == pot and world.settlement.insurable(OTHER, EXPIRY) == left
