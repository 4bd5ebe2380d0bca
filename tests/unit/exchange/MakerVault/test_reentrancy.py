"""A maker vault is called back in the middle of something: a fill, a deposit, a redemption, a take-over."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.contracts import deployer
from tests.evm import Env
from tests.worlds.doubles import refusal_in_callback
from tests.worlds.exchange import MAX, PARAMETERS, WAD, World
from tests.worlds.liquidation import MARKET
from tests.worlds.liquidation import World as Scripted
from tests.worlds.liquidation import address as named
from tests.worlds.maker import EDGE, QUOTER, Desk, funded_desk, new_vault
from tests.worlds.system import System

STAKE = 10_000 * 10**6


@pytest.fixture(scope="module")
def hooked() -> Iterator[Desk]:
    """A market whose token calls somebody before it moves anything, and holds shares of the maker itself."""
    with boa.swap_env(Env()):
        desk = funded_desk(World(System(token=deployer("HostileERC20").deploy(6), **PARAMETERS)))
        token, vault = desk.world.token, desk.vault
        token.mint(token.address, 2 * STAKE)
        for spender in (vault.address, desk.world.clearinghouse.address):
            token.act(token.address, token.approve.prepare_calldata(spender, MAX))
        token.act(vault.address, vault.deposit.prepare_calldata(STAKE, token.address))
        desk.world.system.wait(7200, 2000)
        yield desk


def attempts(desk: Desk, thief: str) -> list[tuple[str, tuple[object, ...]]]:
    return [
        ("deposit", (10**6, thief)),
        ("mint", (10**6, thief)),
        ("withdraw", (10**6, thief, desk.world.token.address)),
        ("redeem", (10**12, thief, desk.world.token.address)),
        ("totalAssets", ()),
        ("previewRedeem", (10**12,)),
    ]


@pytest.mark.parametrize("during", ["fill", "deposit", "redeem", "desk"])
def test_hook_of_the_token__every_entry_that_prices_shares__refuses(hooked: Desk, during: str) -> None:
    world, vault, token = hooked.world, hooked.vault, hooked.world.token
    thief = str(boa.env.generate_address("thief"))
    for name, arguments in attempts(hooked, thief):
        # inside its own calls the maker's views answer nothing that anyone could trade on: they are not tried
        if during in ("deposit", "redeem") and name in ("totalAssets", "previewRedeem"):
            continue
        with boa.env.anchor():
            order = hooked.order(is_bid=True, price=hooked.mark() - 2000 * WAD * EDGE // 10**4)
            signature = hooked.sign(order)
            shares = vault.balanceOf(token.address)
            token.arm(vault.address, getattr(vault, name).prepare_calldata(*arguments))
            if during == "fill":
                # the desk has the legs and not yet paid for them
                world.fill(order, 10**6, signature=signature)
            elif during == "deposit":
                vault.deposit(10**6, hooked.lender, sender=hooked.lender)
            elif during == "redeem":
                vault.redeem(10**12, hooked.lender, hooked.lender, sender=hooked.lender)
            else:
                vault.fund(hooked.desk, 10**6, sender=QUOTER.address)
            assert token.hook_calls() == 1 and not token.hook_passed(), name
            assert vault.balanceOf(token.address) == shares and token.balanceOf(thief) == 0


def test_callback_of_a_take__shares_are_not_priced() -> None:
    """While a taker's callback runs a margin is not yet checked: shares are neither sold nor redeemed."""
    with boa.swap_env(Env()):
        market = Scripted()
        owner, keeper = named("owner"), named("keeper")
        vault = new_vault(market.at, owner)
        victim = market.short_put(600, owner)
        market.move(1500)
        market.flag(victim, keeper)
        market.wait(60)
        taker = deployer("HostileTaker").deploy()
        market.token.mint(taker.address, 10_000 * market.unit)
        into = market.clearinghouse.next_id()
        for contract, name, arguments in (
            (market.token, "approve", (market.clearinghouse.address, MAX)),
            (market.token, "approve", (vault.address, MAX)),
            (market.clearinghouse, "open", (MARKET, 0, taker.address, 0)),
            (market.clearinghouse, "deposit", (into, taker.address, 5_000 * market.unit)),
            (vault, "deposit", (market.unit, taker.address)),
        ):
            taker.act(contract.address, getattr(contract, name).prepare_calldata(*arguments))
        tried = [
            ("deposit", market.unit, taker.address),
            ("mint", 10**6, taker.address),
            ("withdraw", 1, taker.address, taker.address),
            ("redeem", 10**6, taker.address, taker.address),
            ("totalAssets",),
            ("previewDeposit", 1),
            ("previewRedeem", 1),
        ]
        assert b"maker/not-priceable" in refusal_in_callback(market, taker, vault, tried, (victim, into))
