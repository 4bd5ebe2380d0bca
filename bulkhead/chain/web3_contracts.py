"""Contracts of a deployment as web3.py has them: named results, events as its filters and as typed logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eth_utils import to_checksum_address

from bulkhead.chain import abi as abis
from bulkhead.chain.deployment import Deployment

_ROUND = ("round_id", "answer", "started_at", "updated_at", "answered_in_round")
_DOMAIN = ("fields", "name", "version", "chain_id", "verifying_contract", "salt", "extensions")
#: Names of several outputs, which standards prescribe and Vyper cannot name; a test holds them against the ABIs.
OUTPUTS: dict[str, tuple[str, ...]] = {
    "eip712Domain": _DOMAIN,
    "getRoundData": _ROUND,
    "latestRoundData": _ROUND,
    "PythAdapter.latestRoundData": (*_ROUND, "half_width"),
    "RedStoneAdapter.latestRoundData": (*_ROUND, "half_width"),
}


def named_abi(contract: str) -> list[dict[str, Any]]:
    """The ABI of a contract, with a name for each of several outputs."""
    found: list[dict[str, Any]] = []
    for entry in abis.load(contract).entries:
        outputs = entry.get("outputs", [])
        names = OUTPUTS.get(f"{contract}.{entry.get('name')}") or OUTPUTS.get(str(entry.get("name")))
        if len(outputs) > 1 and names is not None and not all(output["name"] for output in outputs):
            named = [{**output, "name": name} for output, name in zip(outputs, names, strict=True)]
            entry = {**entry, "outputs": named}
        found.append(entry)
    return found


class Web3Contracts(Mapping[str, Any]):
    """Contracts of a deployment by name, `contracts["Lens"]` or `contracts.Lens`, as objects of web3.py.

    They belong to the `Web3` or `AsyncWeb3` that they were made for, use its provider and middleware, and return named
    tuples. Events are theirs: `contracts.Clearinghouse.events.Deposited().get_logs(from_block=...)`, filters included.
    """

    def __init__(self, w3: Any, deployment: Deployment) -> None:
        self._w3 = w3
        self._deployment = deployment
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._deployment.contracts:
            raise KeyError(name)
        if name not in self._made:
            deployed = self._deployment.contracts[name]
            self._made[name] = self.at(deployed.contract, deployed.address)
        return self._made[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"The deployment has no contract named {name}.") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._deployment.contracts)

    def __len__(self) -> int:
        return len(self._deployment.contracts)

    def at(self, contract: str, address: str) -> Any:
        """A contract by its kind, such as a market's BackstopPool or token ("MockERC20"), at an address."""
        return self._w3.eth.contract(to_checksum_address(address), abi=named_abi(contract), decode_tuples=True)
