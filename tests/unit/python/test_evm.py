"""The tests' own EVM: what it undoes, what it forgets, and that it computes what py-evm computes."""

from __future__ import annotations

import boa
import pytest
from boa.util.abi import Address

from tests.contracts import deployer
from tests.evm import Env
from tests.worlds.system import System, put, weekly

#: Returns the word it keeps in transient storage, then adds one to it.
COUNTER = bytes.fromhex("5f5c805f526001015f5d60205ff3")
#: Returns its caller.
WHO = bytes.fromhex("335f5260205ff3")


def word(output: bytes) -> int:
    return int.from_bytes(output, "big")


@pytest.fixture
def env():
    with boa.swap_env(Env()) as made:
        yield made or boa.env


def test_call__transient_storage__ends_with_the_transaction(env):
    where = env.generate_address()
    env.set_code(where, COUNTER)
    assert [word(env.raw_call(where).output) for _ in range(2)] == [0, 0]


def test_prank__as_a_contract__is_the_caller_and_keeps_its_code(env):
    token = deployer("MockERC20").deploy("Dollar", "USD", 6)
    before, where = env.get_code(token.address), env.generate_address()
    env.set_code(where, WHO)
    assert word(env.raw_call(where, sender=token.address).output) == int(token.address, 16)
    assert env.get_code(token.address) == before
    token.mint(where, 5)
    assert token.balanceOf(where) == 5


def test_anchor__undoes_storage_code_balance_time_and_creation(env):
    token = deployer("MockERC20").deploy("Dollar", "USD", 6)
    holder, code, now = env.generate_address(), env.get_code(token.address), env.timestamp
    with env.anchor():
        token.mint(holder, 7)
        env.set_storage(Address(holder), 3, 4)
        env.set_balance(holder, 9)
        env.set_code(token.address, b"")
        env.timestamp += 50
        second = deployer("MockERC20").deploy("Euro", "EUR", 6).address
        assert env.get_code(second) == code
    assert (token.balanceOf(holder), env.get_balance(holder), env.timestamp) == (0, 0, now)
    assert (env.get_code(token.address), env.get_code(second)) == (code, b"")
    assert env.get_storage(Address(holder), 3) == 0
    assert deployer("MockERC20").deploy("Euro", "EUR", 6).address == second


def test_failure__reason_halt_and_gas__told(env):
    token = deployer("MockERC20").deploy("Dollar", "USD", 6)
    with boa.reverts("token/balance"), env.prank(env.generate_address()):
        token.transfer(env.eoa, 1)
    where = env.generate_address()
    env.set_code(where, b"\xfe")
    halted = env.execute_code(where, gas=50_000)
    assert halted.is_error and halted.get_gas_used() == 50_000 and "InvalidFE" in str(halted.error)


def test_market__same_story_on_both_machines__same_state_and_gas() -> None:
    told = []
    for kind in (Env, boa.Env):
        with boa.swap_env(kind()):
            system = System()
            maker, trader = (boa.env.generate_address(name) for name in ("maker", "trader"))
            vaults = [system.open(trader, 1_000), system.open(maker, 100_000)]
            system.novate(vaults[1], vaults[0], [put(2000, -0.5)], weekly(1), 10.0)
            system.wait(3600, 1700.0)
            system.oracle.poke(1, 10)
            fields = ("balance", "equity", "maintenance_margin", "initial_margin", "v_min", "legs")
            told.append([[getattr(system.state(v), name) for name in fields] for v in vaults])
    assert told[0] == told[1]
