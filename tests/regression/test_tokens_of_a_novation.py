"""Who pays whom when legs move: nobody needs more tokens than it owes on balance, no protocol account is in the way."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.contracts import deployer
from tests.evm import Env
from tests.worlds.exchange import EXPIRY, MAX, PARAMETERS, WAD, World
from tests.worlds.liquidation import World as Market
from tests.worlds.liquidation import address, call, cash
from tests.worlds.system import System

OWNER, KEEPER, TAKER = address("owner"), address("keeper"), address("taker")


@pytest.fixture(scope="module")
def usual() -> Iterator[World]:
    """Fees as deployed: the maker's is 0."""
    with boa.swap_env(Env()):
        yield World(System())


@pytest.fixture
def hostile() -> Iterator[World]:
    with boa.swap_env(Env()):
        yield World(System(token=deployer("HostileERC20").deploy(6), **PARAMETERS))


@pytest.mark.parametrize("maker_fee", [0, 1, 30])
@pytest.mark.parametrize("contracts", [1, 50])
def test_close__seller_without_a_token_to_spare__pays_its_fee_out_of_the_premium(usual, maker_fee, contracts):
    world, size = usual, contracts * 10**6
    with boa.env.anchor():
        world.set_parameter("maker_fee_bps", maker_fee)
        fee = contracts * 2000 * 3 * 100  # 3 bp of 2,000 a contract [native]
        vault = world.system.open(world.taker, 0)
        world.system.deposit(vault, 60 * contracts + fee / 10**6 + 10, world.taker)
        world.fill(world.order(is_bid=False, price=60 * WAD, size=size, max_fee=2**128), size, vault=vault)
        assert world.system.balance(vault) == 10 * 10**6
        bid = world.order(is_bid=True, price=60 * WAD, size=size, salt=7, max_fee=2**128)
        assert world.states([bid], [world.sign(bid)], world.taker, vault)[0].status == 1
        world.fill(bid, size, vault=vault)
        assert world.system.balance(vault) == 10 * 10**6 + 60 * size - fee


def test_fill__exchange_that_is_frozen__closes_and_opens_without_a_fee(hostile):
    world = hostile
    world.fill(world.order(), 5 * 10**6)
    assert world.system.legs(world.taker_vault)
    world.token.misbehave(False, 0)
    world.token.freeze(world.exchange.address, True)
    before = [world.system.balance(v) for v in (world.maker_vault, world.taker_vault)]
    world.fill(world.order(is_bid=True, price=90 * WAD), 5 * 10**6)
    filled = [log for log in world.exchange.get_logs() if type(log).__name__ == "OrderFilled"][-1]
    assert (filled.maker_fee, filled.taker_fee) == (0, 0)
    assert not world.system.legs(world.taker_vault)
    after = [world.system.balance(v) for v in (world.maker_vault, world.taker_vault)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [-450 * 10**6, 450 * 10**6]


def test_fill__side_that_lacks_the_tokens_of_its_fee__is_refused(usual):
    world = usual
    with boa.env.anchor():
        vault = world.system.open(world.taker, 0)
        world.system.deposit(vault, 60, world.taker)
        order = world.order(is_bid=False, price=60 * WAD, size=10**6, max_fee=2**128)
        with boa.reverts("clearinghouse/transfer-refused"):
            world.fill(order, 10**6, vault=vault)


def test_take__taker_who_pays__leaves_insurance_its_cut():
    with boa.swap_env(Env()):
        world = Market()
        vault = world.open(OWNER, 20)
        world.trade(world.maker(), vault, [call(1000, 10), cash(-6000)])
        into = world.open(TAKER, 50_000)
        world.insure(1000)
        world.move(1700)
        world.flag(vault, KEEPER)
        world.wait(30)
        planned = world.liquidator.quote(vault, WAD)
        assert planned.cash < 0 < planned.cut
        pot = world.balance(world.pot)
        world.take(vault, into, TAKER)
        logs = world.liquidator.get_logs()
        taken = next(log for log in logs if type(log).__name__ == "VaultTaken")
        moved = next(log for log in logs if type(log).__name__ == "Novated")
        assert world.balance(world.pot) - pot == planned.cut == taken.cut == moved.fees[0]


def test_novate__full_vault_rolls_a_leg__fits(usual):
    system = usual.system
    with boa.env.anchor():
        vault = system.open(usual.taker, 1_000_000)
        strikes = [1500 + 50 * i for i in range(16)]
        for strike in strikes:
            system.novate(usual.maker_vault, vault, [call(strike, 1)], EXPIRY, 0)
        system.novate(vault, usual.maker_vault, [call(1500, 1), call(2400, -1)], EXPIRY, 0)
        assert {leg.strike // 10**8 for leg in system.legs(vault)} == {*strikes[1:], 2400}
        with boa.reverts("clearinghouse/too-many-legs"):
            system.novate(usual.maker_vault, vault, [call(2500, 1)], EXPIRY, 0)


def least_gas(attempt) -> int:
    """What a node's estimate comes to: the least gas of a transaction that passes."""
    low, high = 21_000, 30_000_000
    while high - low > 1:
        middle = (low + high) // 2
        with boa.env.anchor():
            try:
                attempt(middle)
                high = middle
            except boa.BoaError:
                low = middle
    return high


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("batch", ["take_many", "flag_many", "settle_many"])
def test_batch__least_gas_that_passes__does_every_item(batch, count):
    with boa.swap_env(Env()):
        world = Market()
        ids = [world.short_put(350, address(f"owner {i}")) for i in range(count)]
        world.insure(100_000)
        into = [world.open(TAKER, 20_000) for _ in ids]
        if batch == "settle_many":
            world.expire(1900)
        else:
            world.move(1880)
        if batch == "take_many":
            for vault in ids:
                world.flag(vault, KEEPER)
            world.wait(60)
        limits = (-(2**255), 0, 0, 0, 0)

        def attempt(gas: int) -> int:
            with boa.env.prank(TAKER):
                if batch == "flag_many":
                    return world.liquidator.flag_many(ids, gas=gas)
                if batch == "settle_many":
                    return world.settlement.settle_many(ids, gas=gas)
                return world.liquidator.take_many(ids, [WAD] * count, into, limits, MAX, gas=gas)

        done = attempt(least_gas(attempt))
        assert done == (count if batch == "settle_many" else 2**count - 1)


def test_take_many__little_less_gas__is_refused_for_want_of_it():
    """What a caller with too little gas meets is a refusal of the whole batch, never a batch that did nothing."""
    with boa.swap_env(Env()):
        world = Market()
        vault = world.short_put(350, OWNER)
        world.move(1880)
        world.flag(vault, KEEPER)
        world.wait(60)
        into = world.open(TAKER, 20_000)
        limits, met = (-(2**255), 0, 0, 0, 0), set()

        def attempt(gas: int) -> int:
            with boa.env.prank(TAKER):
                return world.liquidator.take_many([vault], [WAD], [into], limits, MAX, gas=gas)

        least = least_gas(attempt)
        for gas in range(least * 6 // 10, least, least // 100):
            with boa.env.anchor():
                try:
                    assert attempt(gas) == 1
                except boa.BoaError as error:
                    met.add("liquidator/out-of-gas" in str(error))
        assert True in met


def test_flag_many__what_is_flagged_or_healthy__is_passed_over():
    with boa.swap_env(Env()):
        world = Market()
        weak, safe, other = (world.short_put(money, address(str(money))) for money in (350, 5_000, 351))
        world.move(1880)
        world.flag(weak, KEEPER)
        with boa.env.prank(KEEPER):
            assert world.liquidator.flag_many([weak, safe, 10**6, other]) == 0b1000
            with boa.reverts("liquidator/already-flagged"):
                world.liquidator.flag(weak)
            assert world.liquidator.refresh([weak, safe, other]) == 0
        assert world.is_flagged(other) and not world.is_flagged(safe)


def test_transfer_with__contents_that_changed__refused(usual):
    system, token = usual.system, usual.system.VaultToken
    with boa.env.anchor():
        seller, buyer = usual.taker, usual.maker.address
        vault = system.open(seller, 1_000)
        system.novate(usual.maker_vault, vault, [call(2000, 1)], EXPIRY, 60)
        agreed, tokens = token.contents(vault), system.balance(vault)
        system.market.token.mint(system.clearinghouse.custody(vault), 1)  # a gift cannot block the sale
        with boa.env.anchor():
            token.transfer_with(vault, buyer, agreed, tokens, sender=seller)
            assert system.owner_of(vault) == buyer
        with boa.reverts("vault-token/too-few-tokens"):
            token.transfer_with(vault, buyer, agreed, tokens + 2, sender=seller)
        system.novate(vault, usual.maker_vault, [call(2000, 1)], EXPIRY, -60)
        with boa.reverts("vault-token/other-contents"):
            token.transfer_with(vault, buyer, agreed, 0, sender=seller)
        with boa.reverts("vault-token/not-approved"):
            token.transfer_with(vault, buyer, token.contents(vault), 0, sender=address("thief"))


def test_take__events__name_the_taker_and_the_last_state():
    with boa.swap_env(Env()):
        world = Market()
        taker = deployer("HostileTaker").deploy()
        world.token.mint(taker.address, 10_000 * world.unit)
        house = world.clearinghouse
        taker.act(world.token.address, world.token.approve.prepare_calldata(house.address, MAX))
        vault = world.short_put(600, OWNER)
        world.move(1500)
        world.flag(vault, KEEPER)
        world.wait(60)
        into = house.next_id()
        # a STATIC vault, whose stamp the deferred gate writes
        taker.act(house.address, house.open.prepare_calldata(1, 2, taker.address, 300 * world.unit))
        taker.script([])
        taker.take(world.liquidator.address, vault, WAD, into, b"x")
        logs = taker.get_logs()
        last = [log for log in logs if type(log).__name__ == "VaultUpdated" and log.vault_id == into][-1]
        now = house.load(into)[0]
        assert (last.word, last.terms, last.balance) == (now.word, now.terms, now.balance)
        assert [log.actor for log in logs if type(log).__name__ == "FlagEnded"] == [taker.address]
