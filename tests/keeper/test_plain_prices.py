"""Chains that know one price per gas only: keeper and client send plain transactions, and nothing twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from eth_account import Account
from hexbytes import HexBytes

from bulkhead.chain import anvil
from bulkhead.chain.sender import account_from_key
from bulkhead.client import Bulkhead
from bulkhead.keeper.fees import GWEI, FeePolicy
from bulkhead.keeper.signing import Signer
from tests.keeper.limited import TYPED_REFUSALS, PlainProxy, served
from tests.keeper.world import automine, lines


def mined_types(place: Any, account: str) -> set[tuple[str, int]]:
    """(type, price) of what an account has had mined since the test began."""
    found = set()
    for number in range(place.first + 1, place.node.block_number() + 1):
        for entry in place.node.call("eth_getBlockByNumber", hex(number), True)["transactions"]:
            if entry["from"].lower() == account.lower():
                found.add((entry["type"], int(entry["gasPrice"], 16)))
    return found


@pytest.mark.parametrize("headers", [False, True])
@pytest.mark.parametrize("refusal", TYPED_REFUSALS)
def test_keeper__chain_of_plain_prices__flags_in_time_at_the_node_s_price(place, refusal, headers):
    async def play() -> None:
        node = PlainProxy(place.scene.local.anvil.url, headers, refusal)
        async with node, place.keeper(node.url, fees=FeePolicy(duty_cap=50 * GWEI)):
            place.crash()
            assert await place.rescued(3 if headers else 2)
            # blocks without a base fee say it at once; else the first refusal does, and none is asked for twice
            said = lines(place.keepers[0][1])
            assert node.refused_types == len([line for line in said if line["event"] == "rejected"])
            assert node.refused_types <= (len(place.unsafe) if headers else 0)
        place.check_sends()
        assert mined_types(place, place.address) == {("0x0", 3 * GWEI)}

    asyncio.run(play())


def test_keeper__plain_price_below_what_blocks_take__is_raised_up_to_the_cap(place):
    """What waits goes up by an eighth or to the newest suggestion, and pays that price once."""

    async def play() -> None:
        node = PlainProxy(place.scene.local.anvil.url, False, TYPED_REFUSALS[0], price=2 * GWEI)
        async with node, place.keeper(node.url, fees=FeePolicy(duty_cap=50 * GWEI, bump_blocks=1)):
            place.crash()
            place.node.call("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
            await place.step()
            node.price = 25 * GWEI
            assert await place.rescued(4)
        place.check_sends()
        assert mined_types(place, place.address) == {("0x0", 25 * GWEI)}

    asyncio.run(play())


def test_keeper__plain_price_above_the_cap__sends_nothing_and_says_why(place):
    async def play() -> None:
        node = PlainProxy(place.scene.local.anvil.url, False, TYPED_REFUSALS[0], price=60 * GWEI)
        async with node, place.keeper(node.url, fees=FeePolicy(duty_cap=50 * GWEI)):
            place.crash()
            assert not await place.rescued()
            assert any("gas is dearer" in str(line) for line in lines(place.keepers[0][1]))
            assert not place.transactions()

    asyncio.run(play())


@pytest.mark.parametrize("headers", [False, True])
@pytest.mark.parametrize("refusal", TYPED_REFUSALS)
def test_client__chain_of_plain_prices__sends_what_it_takes(place, refusal, headers):
    node = PlainProxy(place.scene.local.anvil.url, headers, refusal)
    automine(place.node, True)
    place.node.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    with served(node) as url:
        client = Bulkhead(url, place.scene.local.chain.deployment, key=anvil.key(17))
        client.signer.transact(client.address, b"")
        client.signer.transact(client.address, b"")
    # asked once: it is remembered
    assert node.refused_types == int(headers)
    assert mined_types(place, client.address) == {("0x0", 3 * GWEI)}


@pytest.mark.parametrize("chain_id", [1, 56, 31337, 2**40])
@pytest.mark.parametrize("value", [0, 10**18])
def test_signer__plain__signs_what_eth_account_signs(chain_id, value):
    account = account_from_key(anvil.key(3))
    signer = Signer(account, chain_id)
    signer.plain = True
    for nonce in range(40):
        to, data = "0x" + "11" * 20, bytes(nonce)
        raw, name = signer.sign(to, data, nonce, 21_000 + nonce, 3 * GWEI, 3 * GWEI, value)
        parts = {"chainId": chain_id, "nonce": nonce, "gas": 21_000 + nonce, "gasPrice": 3 * GWEI, "to": to}
        wanted = account.sign_transaction({**parts, "data": data, "value": value})
        assert HexBytes(raw) == wanted.raw_transaction and HexBytes(name) == wanted.hash
        assert Account.recover_transaction(raw) == account.address


def test_outbidding__plain_price__is_a_multiple_and_not_the_whole_cap():
    fees = FeePolicy(price=2 * GWEI)
    assert [fees.outbidding(bid, 50 * GWEI) for bid in (1, 2, 3)] == [
        (8 * GWEI,) * 2,
        (32 * GWEI,) * 2,
        (50 * GWEI,) * 2,
    ]
    assert FeePolicy(tip=GWEI).outbidding(1, 50 * GWEI) == (50 * GWEI, 4 * GWEI)


def test_refused__plain_price__is_raised_beyond_the_cap_of_tips():
    fees = FeePolicy(price=150 * GWEI, tip_cap=100 * GWEI)
    assert fees.refused(150 * GWEI, 0).first(0, 400 * GWEI) == (300 * GWEI, 300 * GWEI)
