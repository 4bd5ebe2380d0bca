"""Access lists on a chain: what receipts say they save, and nodes that give none."""

from __future__ import annotations

import httpx

from bulkhead.chain import anvil
from bulkhead.chain.access_lists import CREATE, SAVED_GAS, Named, accounts_of
from bulkhead.chain.connection import Connection
from bulkhead.chain.rpc import Rpc
from bulkhead.client import Bulkhead
from tests.worlds.served_market import TRADER, ServedMarket


class Renaming(httpx.BaseTransport):
    """The way to a node that has never heard of access lists."""

    def __init__(self) -> None:
        self.through = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        content = request.read().replace(CREATE.encode(), b"eth_createNothing")
        headers = {"content-type": "application/json", "host": request.headers["host"]}
        return self.through.handle_request(httpx.Request("POST", request.url, headers=headers, content=content))


def deposited(client: Bulkhead, vault_id: int) -> tuple[int, list[Named]]:
    """Gas of a deposit, and what its transaction named, on a state that is put back."""
    rpc = client.chain.rpc
    snapshot = rpc.call("evm_snapshot")
    try:
        clearinghouse = client.chain["Clearinghouse"]
        receipt = client.signer.execute(clearinghouse, "deposit", vault_id, client.address, 10**6)
        return receipt.gas_used, accounts_of(rpc.call("eth_getTransactionByHash", receipt.hash))
    finally:
        rpc.call("evm_revert", snapshot)
        client.signer.forget_nonce()


def test_deposit__with_a_list__costs_less_by_what_was_named(market: ServedMarket) -> None:
    trader = market.client(TRADER)
    vault_id = trader.vaults.open("ETH", deposit=100)
    plain, nothing = deposited(trader, vault_id)
    lister = Bulkhead(trader.chain, key=anvil.key(TRADER), lists_access=True)
    listed, named = deposited(lister, vault_id)
    assert nothing == [] and named
    # the receiver has a few slots only
    assert trader.chain["Clearinghouse"].address.lower() not in {one.address.lower() for one in named}
    least = SAVED_GAS * sum(1 + len(one.slots) for one in named)
    assert 0 < least <= plain - listed <= 2 * least


def test_deposit__at_a_node_without_lists__goes_out_all_the_same(market: ServedMarket) -> None:
    trader = market.client(TRADER)
    vault_id = trader.vaults.open("ETH", deposit=100)
    plain, _ = deposited(trader, vault_id)
    with Rpc(market.anvil.url, transport=Renaming()) as rpc:
        chain = Connection(rpc, trader.chain.deployment)
        lister = Bulkhead(chain, key=anvil.key(TRADER), lists_access=True)
        assert deposited(lister, vault_id) == (plain, [])
        assert lister.signer.access_lists is not None and "not found" in lister.signer.access_lists.refused


def test_client__of_the_environment_and_beside__keep_the_setting(market: ServedMarket, monkeypatch) -> None:
    chain = market.client(TRADER).chain
    assert Bulkhead(chain, key=anvil.key(TRADER)).signer.access_lists is None
    monkeypatch.setenv("BULKHEAD_ACCESS_LISTS", "1")
    client = Bulkhead(chain, key=anvil.key(TRADER))
    assert client.signer.access_lists is not None and client.beside().signer.access_lists is not None
    assert Bulkhead(chain, key=anvil.key(TRADER), lists_access=False).beside().signer.access_lists is None
