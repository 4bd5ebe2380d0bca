"""Several calls of an owner in one transaction: splitting into a new vault, merging and closing the old one."""

from __future__ import annotations

import boa
import pytest

from tests.worlds.system import System, call, weekly

EXPIRY = weekly(2)


def encode(system: System, name: str, *arguments: object) -> bytes:
    return bytes(getattr(system.clearinghouse, name).prepare_calldata(*arguments))


@pytest.fixture
def pair(system: System, trader: str, maker: str) -> int:
    """A vault of the trader with two paid-up calls, bought from a rich maker."""
    desk, vault_id = system.open(maker, 100_000), system.open(trader, 5_000)
    system.novate(desk, vault_id, [call(2000, 2), call(2200, -2)], EXPIRY, 100)
    return vault_id


def quantities(system: System, vault_id: int) -> list[int]:
    return [leg.quantity for leg in system.legs(vault_id)]


def test_multicall__open_and_split__chosen_legs_and_collateral_move(system: System, trader: str, pair: int) -> None:
    new = system.clearinghouse.next_id()
    calls = [
        encode(system, "open", 1, 0, trader, 0),
        encode(system, "transfer_legs", pair, new, [call(2000, 1), call(2200, -1)], system.native(1_000)),
    ]
    system.clearinghouse.multicall(calls, sender=trader)
    assert quantities(system, pair) == [10**6, -(10**6)] == quantities(system, new)
    assert system.balance(new) == system.native(1_000)


def test_multicall__merge_and_close__one_vault_is_left(system: System, trader: str, pair: int) -> None:
    new = system.open(trader, 500)
    legs = [call(2000, 2), call(2200, -2)]
    calls = [
        encode(system, "transfer_legs", pair, new, legs, 0),
        encode(system, "close", pair, trader),
    ]
    system.clearinghouse.multicall(calls, sender=trader)
    assert quantities(system, new) == [2 * 10**6, -2 * 10**6]
    assert system.clearinghouse.vault_word(pair) == 0


def test_multicall__one_refused__nothing_happens_and_the_reason_comes_through(
    system: System, trader: str, pair: int
) -> None:
    calls = [
        encode(system, "withdraw", pair, 1, trader),
        encode(system, "withdraw", pair, system.native(4_899), trader),
    ]
    before = system.balance(pair)
    with boa.reverts("margin/deposit-not-full"):
        # a vault of one token cannot lock a liquidation deposit
        system.clearinghouse.multicall(
            [calls[0], encode(system, "transfer_legs", pair, system.open(trader, 1), [call(2000, 2)], 0)], sender=trader
        )
    with boa.reverts("clearinghouse/deposit-locked"):
        system.clearinghouse.multicall(calls, sender=trader)
    assert system.balance(pair) == before


def test_multicall__by_a_stranger__has_a_strangers_rights(system: System, pair: int, stranger: str, maker: str) -> None:
    for data, reason in (
        (encode(system, "withdraw", pair, 1, stranger), "clearinghouse/not-owner"),
        (encode(system, "open", 1, 0, maker, 0), "clearinghouse/not-authorized"),
        (encode(system, "open", 1, 0, maker, 1), "clearinghouse/not-authorized"),
        (encode(system, "transfer_vault", pair, maker, stranger), "clearinghouse/not-authorized"),
        (encode(system, "configure", 1, 0), "clearinghouse/not-authorized"),
        (encode(system, "multicall", [encode(system, "withdraw", pair, 1, stranger)]), "clearinghouse/not-owner"),
    ):
        with boa.reverts(reason):
            system.clearinghouse.multicall([data], sender=stranger)


def test_multicall__split_into_a_vault_someone_else_opened_first__reverts(
    system: System, trader: str, pair: int, stranger: str
) -> None:
    new = system.clearinghouse.next_id()
    calls = [
        encode(system, "open", 1, 0, trader, 0),
        encode(system, "transfer_legs", pair, new, [call(2000, 1)], 0),
    ]
    assert system.open(stranger) == new
    with boa.reverts("clearinghouse/not-owner"):
        system.clearinghouse.multicall(calls, sender=trader)
