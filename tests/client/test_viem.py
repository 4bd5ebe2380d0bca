"""viem and web3.py give the same named fields for every view: of canned answers, and of a node's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_utils import to_checksum_address
from eth_utils.abi import collapse_if_tuple
from web3 import HTTPProvider, Web3
from web3.exceptions import BadFunctionCallOutput, ContractLogicError
from web3.providers.base import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

import bulkhead
from bulkhead.chain.web3_contracts import named_abi
from bulkhead.client.amounts import parse_expiry
from tests.architecture.sources import ROOT
from tests.worlds.served_market import EXPIRY, MAKER, TRADER, ServedMarket

PROGRAM = Path(__file__).with_name("read_views.mjs")
NAMES = sorted(path.stem for path in (ROOT / "bulkhead" / "chain" / "abi").glob("*.json"))
ADDRESS = to_checksum_address("0x" + "a1" * 20)
#: What EIP-5267 and Chainlink prescribe has several outputs, which viem returns as a plain list.
PRESCRIBED = {"eip712Domain", "getRoundData", "latestRoundData"}


def views(contract: str) -> list[dict[str, Any]]:
    """Views of a contract as its ABI has them."""
    entries = json.loads((ROOT / "bulkhead" / "chain" / "abi" / f"{contract}.json").read_text())
    return [e for e in entries if e["type"] == "function" and e["stateMutability"] in ("view", "pure")]


def by_viem(calls: list[dict[str, Any]], url: str | None = None) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["node", PROGRAM], input=json.dumps({"url": url, "calls": calls}), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def plain(value: Any) -> Any:
    """A result of web3 in the form in which the Node program prints one of viem."""
    if hasattr(value, "_asdict"):
        return {name: plain(one) for name, one in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Canned(BaseProvider):
    """A node that has one answer."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        return {"jsonrpc": "2.0", "id": 1, "result": "0x" + self.answer.hex()}  # type: ignore[typeddict-item]


class Made:
    """Values of any ABI type, no two alike."""

    def __init__(self) -> None:
        self._last = 0

    def of(self, entry: dict[str, Any]) -> Any:
        kind: str = entry["type"]
        if kind.endswith("]"):
            inner, _, count = kind[:-1].rpartition("[")
            return [self.of({**entry, "type": inner}) for _ in range(int(count or 2))]
        if kind == "tuple":
            return tuple(self.of(component) for component in entry["components"])
        self._last += 1
        number = self._last
        if kind.startswith("uint"):
            return number
        if kind.startswith("int"):
            return -number
        if kind == "bool":
            return number % 2 == 1
        if kind == "address":
            return to_checksum_address(number.to_bytes(20, "big"))
        if kind == "string":
            return f"word {number}"
        size = int(kind.removeprefix("bytes") or 7)
        return number.to_bytes(size, "big") if size > 1 else bytes([number % 256])


@pytest.mark.parametrize("contract", NAMES)
def test_view__of_any_contract__has_the_same_names_and_values_in_both(contract: str) -> None:
    raw, named = views(contract), {signature(e): e for e in named_abi(contract) if e["type"] == "function"}
    wanted, calls = [], []
    for entry in (e for e in raw if e["outputs"]):
        made = Made()
        data = encode([collapse_if_tuple(o) for o in entry["outputs"]], [made.of(o) for o in entry["outputs"]])
        ours = {**named[signature(entry)], "inputs": []}
        target = Web3(Canned(data)).eth.contract(ADDRESS, abi=[ours], decode_tuples=True)
        wanted.append((entry["name"], plain(target.functions[entry["name"]]().call())))
        calls.append({"abi": {**entry, "inputs": []}, "name": entry["name"], "args": [], "data": "0x" + data.hex()})
    for (name, ours), theirs in zip(wanted, by_viem(calls), strict=True):
        assert theirs == {"value": list(ours.values()) if name in PRESCRIBED else ours}, name
        assert name in PRESCRIBED or json.dumps(theirs["value"]) == json.dumps(ours), f"{name}: in another order"


def signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(collapse_if_tuple(i) for i in entry['inputs'])})"


def argument(entry: dict[str, Any], known: dict[str, Any]) -> Any:
    """What a view is asked for: what is known by that name, else nothing of its type."""
    kind: str = entry["type"]
    if entry["name"] in known and not kind.startswith("tuple"):
        return known[entry["name"]]
    if kind.endswith("]"):
        inner, _, count = kind[:-1].rpartition("[")
        return [argument({**entry, "type": inner, "name": ""}, known) for _ in range(int(count or 0))]
    if kind == "tuple":
        return tuple(argument(component, known) for component in entry["components"])
    if kind.startswith("bytes"):
        return "0x" + "00" * int(kind.removeprefix("bytes") or 0)
    return {"address": "0x" + "00" * 20, "string": "", "bool": False}.get(kind, 0)


def as_json(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_view__of_a_deployment__answers_alike_in_both(market: ServedMarket) -> None:
    maker, trader = market.client(MAKER), market.client(TRADER)
    desk = maker.vaults.open("ETH", deposit=5_000)
    offer = maker.orders.sign(desk, EXPIRY, ["call:200"], "sell", 12, 5)
    vault = trader.orders.fill(offer, deposit=100)
    known = {
        "market": 1, "expiry": parse_expiry(EXPIRY), "vault_id": vault, "ids": [vault, desk], "owner": trader.address,
        "most": 10, "token_id": vault, "name": "phi_bps", "fraction": 10**18, "account": trader.address,
    }  # fmt: skip
    contracts = bulkhead.contracts(Web3(HTTPProvider(market.anvil.url)), market.place)
    entry = market.chain.deployment.market("ETH")
    kinds = {name: deployed.contract for name, deployed in market.chain.deployment.contracts.items()}
    objects = dict(contracts)
    for kind, address in (
        ("BackstopPool", entry.backstop),
        ("MockERC20", entry.token),
        ("MockAggregator", entry.feeds[0]),
    ):
        kinds[kind], objects[kind] = kind, contracts.at(kind, address)
    wanted, calls = [], []
    for contract, target in objects.items():
        for view in views(kinds[contract]):
            given = [argument(one, known) for one in view["inputs"]]
            try:
                answer = {"value": plain(target.functions[view["name"]](*given).call())}
            except (ContractLogicError, BadFunctionCallOutput) as error:
                answer = {"refused": str(error)}
            wanted.append((f"{contract}.{view['name']}", view, answer))
            calls.append({"abi": view, "name": view["name"], "args": as_json(given), "address": target.address})
    answered = set()
    for (name, view, ours), theirs in zip(wanted, by_viem(calls, market.anvil.url), strict=True):
        assert ("value" in ours) == ("value" in theirs), (name, ours, theirs)
        if "refused" in ours:
            assert theirs["refused"] in ours["refused"], name
            continue
        answered.add(name)
        prescribed = view["name"] in PRESCRIBED
        assert theirs["value"] == (list(ours["value"].values()) if prescribed else ours["value"]), name
    assert {"Lens.vaults", "Lens.market", "OracleAdapter.snapshot", "Clearinghouse.load"} <= answered
    assert len(answered) > 120
