"""Two legs of which one has the property, locks, closing events, and the deposit to the unit."""

from __future__ import annotations

import boa
import pytest

from bulkhead.risk.words import Model
from tests.contracts import deployer
from tests.evm import Env
from tests.worlds.system import System, call, put, weekly

EXPIRY = weekly(2)
DEBT, CLAIM = 4 << 188, 8 << 188


@pytest.mark.parametrize("opens", [0, 1, 2])
@pytest.mark.parametrize("turned", [False, True])
def test_novate__two_legs_one_of_which_opens__raises_open_interest(system, trader, maker, opens, turned):
    """A package that closes one series and opens another is an opening one, whichever comes first."""
    seller, buyer = system.open(trader, 20_000), system.open(maker, 50_000)
    old = [put(1800, 1), put(2200, 1)]
    system.novate(seller, buyer, old, EXPIRY)
    new = [call(1900, 1), call(2100, 1)][:opens]
    closed = old[: 2 - opens]
    # the seller buys back what is closed, and sells what opens
    legs = [*[put(1800, -1), put(2200, -1)][: len(closed)], *new]
    outcome = system.novate(seller, buyer, legs[::-1] if turned else legs, EXPIRY)
    assert outcome.raised is (opens > 0)


def test_deposit__token_that_calls_back__finds_the_door_locked():
    """Inside of the pull a second deposit would be counted twice by the first one's balances."""
    with boa.swap_env(Env()):
        token = deployer("HostileERC20").deploy(6)
        system = System(token=token)
        owner = boa.env.generate_address("owner of vaults")
        vault = system.open(owner, 100)
        token.mint(owner, 10**9)
        house = system.clearinghouse
        # the token itself has tokens and an allowance, and deposits while it moves somebody else's
        token.mint(token.address, 10**9)
        token.act(token.address, token.approve.prepare_calldata(house.address, 2**256 - 1))
        token.arm(house.address, house.deposit.prepare_calldata(vault, owner, 1))
        with boa.env.prank(owner):
            house.deposit(vault, owner, 10**6)
        assert token.hook_calls() == 1 and not token.hook_passed()
        assert system.balance(vault) == 101 * 10**6


@pytest.mark.parametrize(("short_by", "passes"), [(0, True), (1, False)])
def test_set_model__long_options_back_a_margin_but_no_deposit(system, trader, maker, short_by, passes):
    """C below 0 is refused whatever equity says: tips are paid in tokens."""
    vault, other = system.open(trader, 200), system.open(maker, 10_000)
    system.novate(other, vault, [put(2000, 1)], EXPIRY, 80)
    custody = system.clearinghouse.custody(vault)
    with boa.env.prank(system.clearinghouse.address):
        spare = system.balance(vault) - 10 * 10**6 + short_by
        deployer("Vault").at(custody).pay(system.market.token.address, [maker, "0x" + "00" * 20], [spare, 0])
    with boa.env.prank(trader):
        if passes:
            system.clearinghouse.set_model(vault, int(Model.GREEKS))
        else:
            with boa.reverts("margin/deposit-not-full"):
                system.clearinghouse.set_model(vault, int(Model.GREEKS))
