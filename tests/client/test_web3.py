"""web3.py as the front door: the same client over our own connection and over every provider, with any signer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from web3 import AsyncHTTPProvider, AsyncIPCProvider, AsyncWeb3, HTTPProvider, IPCProvider, Web3, WebSocketProvider
from web3.middleware import SignAndSendRawMiddlewareBuilder, Web3Middleware
from web3.providers.persistent import PersistentConnectionProvider
from web3.types import RPCEndpoint, RPCResponse

import bulkhead
from bulkhead.chain import anvil
from bulkhead.chain.errors import BadInput, NodeUnavailable, Reverted, RpcError
from bulkhead.chain.lens import read_cells
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.web3_contracts import OUTPUTS, named_abi
from bulkhead.chain.web3_transport import Web3Rpc, rpc_of
from bulkhead.client import Bulkhead, keystore_account
from tests.architecture.sources import ROOT
from tests.keeper.limited import WORDS, LimitedProxy
from tests.worlds.served_market import EXPIRY, MAKER, TRADER, ServedMarket

HEADERS = {"headers": {"authorization": "Bearer nobody", "content-type": "application/json"}}

#: Ways to name the node of a market.
FORMS: dict[str, Callable[[ServedMarket], Any]] = {
    "url": lambda market: market.anvil.url,
    "rpc": lambda market: Rpc(market.anvil.url),
    "Web3": lambda market: Web3(HTTPProvider(market.anvil.url, request_kwargs=HEADERS)),
    "HTTPProvider": lambda market: HTTPProvider(market.anvil.url),
    "IPCProvider": lambda market: IPCProvider(str(market.place / "anvil.ipc")),
    "AsyncWeb3": lambda market: AsyncWeb3(AsyncHTTPProvider(market.anvil.url)),
    "AsyncHTTPProvider": lambda market: AsyncHTTPProvider(market.anvil.url),
    "AsyncIPCProvider": lambda market: AsyncWeb3(AsyncIPCProvider(str(market.place / "anvil.ipc"))),
    "WebSocketProvider": lambda market: AsyncWeb3(WebSocketProvider(market.anvil.url.replace("http", "ws"))),
}


@pytest.fixture(params=FORMS)
def node(request: pytest.FixtureRequest, market: ServedMarket) -> Iterator[Any]:
    found = rpc_of(FORMS[request.param](market))
    yield found
    found.close()


# --- one client over all of them ---------------------------------------------------------------------------------


def test_client__over_any_node__trades_and_reads(market: ServedMarket, node: Rpc) -> None:
    maker, trader = (Bulkhead(node, market.place, key=anvil.key(role)) for role in (MAKER, TRADER))
    desk = maker.vaults.open("ETH", deposit=5_000)
    offer = maker.orders.sign(desk, EXPIRY, ["call:200"], "sell", 12, 5)
    seen = trader.orders.preview(offer, deposit=100)
    vault = trader.orders.fill(offer, deposit=100)
    card = trader.vaults.card(vault)
    assert seen.passes and card.vault.state == "covered" and [entry.price for entry in card.entries] == [12]
    assert {one.vault_id for one in trader.vaults.list()} == {desk, vault}


def test_node__answers_as_our_own_connection_does(market: ServedMarket, node: Rpc) -> None:
    mine = market.chain.rpc
    calls = [("eth_blockNumber", ()), ("eth_chainId", ()), ("eth_getBalance", ("0x" + "11" * 20, "latest"))] * 40
    assert node.batch(calls) == mine.batch(calls)
    assert node.block()["hash"] == mine.block()["hash"] and node.chain_id == 31337
    addresses = [contract.address for contract in market.chain.speakers.values()]
    assert node.logs(addresses, 1, "latest") == mine.logs(addresses, 1, "latest")


def test_node__errors__are_ours(market: ServedMarket, node: Rpc) -> None:
    provider = getattr(getattr(node, "w3", None), "provider", None)
    if not isinstance(provider, PersistentConnectionProvider):
        # Anvil answers an unknown method without the call's id, which on a lasting connection goes to whoever asks next
        with pytest.raises(RpcError):
            node.call("eth_nonsense")
        results = node.batch([("eth_nonsense", ()), ("eth_chainId", ())])
        assert isinstance(results[0], RpcError) and results[1] == "0x7a69"
    trader = Bulkhead(node, market.place, key=anvil.key(TRADER))
    vault = trader.vaults.open("ETH", deposit=10)
    with pytest.raises(Reverted) as refused:
        trader.vaults.withdraw(vault, 11)
    assert refused.value.reason.startswith("clearinghouse/")


@pytest.mark.parametrize(
    "node",
    [
        HTTPProvider("http://127.0.0.1:1", exception_retry_configuration=None),
        AsyncHTTPProvider("http://127.0.0.1:1", exception_retry_configuration=None),
        IPCProvider("/nowhere/anvil.ipc"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_node__out_of_reach__is_a_sentence(node: Any) -> None:
    rpc = rpc_of(node)
    with pytest.raises(NodeUnavailable, match="No node answers at"):
        rpc.block_number()
    rpc.close()


def test_node__that_is_none__is_a_type_error() -> None:
    with pytest.raises(TypeError, match="int is no node"):
        rpc_of(7)


@pytest.mark.parametrize("form", [Web3, AsyncWeb3])
@pytest.mark.parametrize("most_calls", [1, 20])
@pytest.mark.parametrize("style", WORDS)
def test_node__that_limits_batches_and_ranges__is_learned(
    market: ServedMarket, form: Any, style: str, most_calls: int
) -> None:
    async def play() -> list[Any]:
        async with LimitedProxy(market.anvil.url, style, most_calls, 10) as limited:
            provider = HTTPProvider if form is Web3 else AsyncHTTPProvider
            rpc = rpc_of(form(provider(limited.url)))
            addresses = [contract.address for contract in market.chain.speakers.values()]
            try:
                return await asyncio.to_thread(
                    lambda: [rpc.batch_strict([("eth_chainId", ())] * 90), rpc.logs(addresses, 1, "latest")]
                )
            finally:
                rpc.close()

    ids, logs = asyncio.run(play())
    assert ids == ["0x7a69"] * 90
    assert len(logs) == len(market.chain.rpc.logs([c.address for c in market.chain.speakers.values()], 1, "latest"))


def test_posts__are_batches_where_the_provider_has_them(market: ServedMarket) -> None:
    counted: list[int] = []

    class Counting(HTTPProvider):
        def make_batch_request(self, batch_requests: Any) -> Any:
            counted.append(len(batch_requests))
            return super().make_batch_request(batch_requests)

    rpc = rpc_of(Counting(market.anvil.url))
    read_cells(Bulkhead(rpc, market.place).chain, [(1, 0), (2, 0)])
    assert 2 in counted and max(counted) > 20


def test_middleware__of_the_user__sees_every_call(market: ServedMarket) -> None:
    seen: list[str] = []

    class Notes(Web3Middleware):
        def request_processor(self, method: RPCEndpoint, params: Any) -> Any:
            seen.append(method)
            return method, params

        def response_processor(self, method: RPCEndpoint, response: RPCResponse) -> RPCResponse:
            return response

    w3 = Web3(HTTPProvider(market.anvil.url))
    w3.middleware_onion.add(Notes)
    assert Bulkhead(w3, market.place).vaults.list() == []
    assert "eth_getLogs" in seen and "eth_getCode" in seen


# --- signers -----------------------------------------------------------------------------------------------------


def trades(market: ServedMarket, client: Bulkhead) -> None:
    """A client that opens, signs and cancels."""
    desk = client.vaults.open("ETH", deposit=1_000)
    assert client.vaults.get(desk).owner == client.address
    offer = client.orders.sign(desk, EXPIRY, ["call:200"], "sell", 12, 1)
    assert client.orders.states([offer])[0][0] == "open"
    client.orders.cancel([offer])
    market.client(MAKER).signer.forget_nonce()


def test_signer__local_account(market: ServedMarket) -> None:
    trades(market, Bulkhead(market.anvil.url, market.place, signer=Account.from_key(anvil.key(MAKER))))


def test_signer__keystore(market: ServedMarket, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(Account.encrypt(anvil.key(MAKER), "correct horse", kdf="pbkdf2", iterations=10)))
    trades(market, Bulkhead(market.anvil.url, market.place, signer=keystore_account(file, "correct horse")))
    with pytest.raises(BadInput, match="another one"):
        keystore_account(file, "wrong horse")
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(BadInput, match="no key file"):
        keystore_account(tmp_path / "none.json", "x")


@pytest.mark.parametrize("form", ["url", "Web3", "AsyncWeb3"])
def test_signer__unlocked_at_the_node(market: ServedMarket, form: str) -> None:
    address = market.client(MAKER).address
    trades(market, Bulkhead(FORMS[form](market), market.place, signer=address))


def test_signer__middleware_of_the_user(market: ServedMarket) -> None:
    stranger = Account.from_key("0x" + "17" * 32)
    market.anvil.set_balance(stranger.address, 10**20)
    w3 = Web3(HTTPProvider(market.anvil.url))
    w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(stranger), layer=0)
    w3.eth.default_account = stranger.address
    client = Bulkhead(w3, market.place)
    assert client.address == stranger.address
    vault = client.vaults.open("BTC")
    assert client.vaults.get(vault).owner == stranger.address
    with pytest.raises(BadInput, match="signs no orders"):
        client.orders.sign(vault, EXPIRY, ["call:8000"], "sell", 12, 1)


def test_signer__beside_a_key__is_refused(market: ServedMarket) -> None:
    with pytest.raises(BadInput, match="not both"):
        Bulkhead(market.anvil.url, market.place, key=anvil.key(1), signer=market.client(MAKER).address)


def test_reader__signs_nothing(market: ServedMarket) -> None:
    with pytest.raises(BadInput, match="key is needed"):
        Bulkhead(market.anvil.url, market.place).vaults.open("ETH")


# --- contracts and events ----------------------------------------------------------------------------------------


def test_contracts__give_named_results(market: ServedMarket) -> None:
    w3 = Web3(HTTPProvider(market.anvil.url))
    contracts = bulkhead.contracts(w3, market.place)
    vault = market.client(TRADER).vaults.open("ETH", deposit=77)
    (state,) = contracts.Lens.functions.vaults([vault]).call()
    assert state.owner == market.client(TRADER).address and state.balance == 77 * 10**6
    word = contracts["Clearinghouse"].functions.market(1).call()
    assert word.open_interest == 0 and word.token_word and word.risk
    claim = contracts.Settlement.functions.claim_of(vault).call()
    assert (claim.expiry, claim.amount, claim.paid) == (0, 0, 0)
    loaded = contracts.Clearinghouse.functions.load(vault).call()
    assert loaded.legs == [] and loaded.vault.balance == 77 * 10**6
    assert set(contracts) == set(market.chain.deployment.contracts) and len(contracts) == len(set(contracts))
    with pytest.raises(AttributeError, match="no contract named Nothing"):
        _ = contracts.Nothing


def test_contracts__of_an_asynchronous_web3(market: ServedMarket) -> None:
    async def play() -> Any:
        w3 = AsyncWeb3(AsyncHTTPProvider(market.anvil.url))
        found = bulkhead.contracts(w3, market.place)
        result = await found.OracleAdapter.functions.snapshot(1, 0).call()
        await w3.provider.disconnect()
        return result

    assert Decimal(asyncio.run(play()).spot).scaleb(-18) == Decimal("194.6")


def test_contracts__events__as_typed_logs_and_as_filters(market: ServedMarket) -> None:
    w3 = Web3(HTTPProvider(market.anvil.url))
    contracts = market.client(TRADER).contracts(w3)
    event = contracts.Clearinghouse.events.Deposited()
    new = event.create_filter(from_block="latest")
    first = w3.eth.block_number
    vault = market.client(TRADER).vaults.open("ETH", deposit=5)
    (log,) = event.get_logs(from_block=first + 1)
    assert (log.args.vault_id, log.args.amount, log.event) == (vault, 5 * 10**6, "Deposited")
    assert [one.args.vault_id for one in new.get_new_entries()] == [vault]
    only = event.get_logs(from_block=first, argument_filters={"vault_id": vault + 1})
    assert list(only) == []


@pytest.mark.parametrize("path", sorted((ROOT / "bulkhead" / "chain" / "abi").glob("*.json")), ids=lambda p: p.stem)
def test_named_abi__leaves_no_several_outputs_without_names(path: Path) -> None:
    for entry in named_abi(path.stem):
        outputs = entry.get("outputs", [])
        assert len(outputs) < 2 or all(output["name"] for output in outputs), entry["name"]


def test_outputs__are_those_of_functions_with_several() -> None:
    for name in OUTPUTS:
        contract, _, function = name.rpartition(".")
        where = contract or {"eip712Domain": "Exchange"}.get(function, "MockAggregator")
        (entry,) = [e for e in named_abi(where) if e.get("name") == function]
        assert len(entry["outputs"]) == len(OUTPUTS[name])


def test_web3_rpc__closes_its_thread(market: ServedMarket) -> None:
    rpc = rpc_of(AsyncHTTPProvider(market.anvil.url))
    assert isinstance(rpc, Web3Rpc) and rpc.chain_id == 31337
    thread = rpc._loop.thread  # type: ignore[union-attr]
    rpc.close()
    assert not thread.is_alive()
