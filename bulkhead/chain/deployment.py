"""One deployment: which contract lives where, as `deployments/<network>/addresses.json` says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkhead.chain import abi as abis
from bulkhead.chain.deployment_check import stranger
from bulkhead.chain.errors import AbiMismatch, BadInput, MissingDeployment, UnknownMarket, WrongNetwork
from bulkhead.chain.files import is_file, parse_json, read_text
from bulkhead.chain.rpc import Call, Rpc, to_int


@dataclass(frozen=True)
class Deployed:
    """One contract of a deployment."""

    address: str
    contract: str
    abi_sha256: str


@dataclass(frozen=True)
class MarketEntry:
    """What a deployment says about one market.

    Attributes:
        index: The market's number on chain.
        symbol: Its name, e.g. "ETH".
        token: Address of its token: quote, or in an inverse market the underlying.
        feeds: Addresses of primary, fallback and sequencer feed; empty strings where there is none.
        backstop: Address of its backstop pool, empty when it has none.
        maker: Address of the maker vault that came with it, empty when none did.
        currency: Name of its token, in which amounts are told, e.g. "USDC".
    """

    index: int
    symbol: str
    token: str
    feeds: tuple[str, ...] = ()
    backstop: str = ""
    maker: str = ""
    currency: str = ""


@dataclass(frozen=True)
class Deployment:
    """Addresses of one network."""

    network: str
    chain_id: int
    block: int
    deployer: str
    contracts: Mapping[str, Deployed]
    markets: Mapping[str, MarketEntry] = field(default_factory=dict)

    def address(self, name: str) -> str:
        """Address of a contract by its name in the deployment."""
        try:
            return self.contracts[name].address
        except KeyError:
            raise MissingDeployment(f"The deployment on {self.network} has no contract named {name}.") from None

    def market(self, name: str | int) -> MarketEntry:
        """A market by symbol or index."""
        for entry in self.markets.values():
            if name == entry.index or (isinstance(name, str) and name.upper() == entry.symbol.upper()):
                return entry
        known = ", ".join(e.symbol for e in self.markets.values()) or "none"
        raise UnknownMarket(f"There is no market {name!r} in the deployment on {self.network} (known: {known}).")

    def dump(self) -> dict[str, Any]:
        """The content of `addresses.json`."""
        return {
            "network": self.network,
            "chain_id": self.chain_id,
            "block": self.block,
            "deployer": self.deployer,
            "contracts": {
                name: {"address": c.address, "contract": c.contract, "abi_sha256": c.abi_sha256}
                for name, c in self.contracts.items()
            },
            "markets": {
                name: {
                    "index": m.index,
                    "symbol": m.symbol,
                    "token": m.token,
                    "feeds": list(m.feeds),
                    "backstop": m.backstop,
                    "maker": m.maker,
                    "currency": m.currency,
                }
                for name, m in self.markets.items()
            },
        }

    def save(self, path: Path) -> None:
        """Writes `addresses.json`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.dump(), indent=2) + "\n")

    def check(self, rpc: Rpc, together: bool = True) -> None:
        """Makes sure that the node serves this deployment's chain, that code is there and that ABIs fit.

        Args:
            rpc: The node.
            together: That the contracts were built for one another, too; who says of each what is wrong does without.

        Raises:
            WrongNetwork: Other chain id.
            MissingDeployment: An address without code.
            AbiMismatch: The deployment was made from other sources than this package.
        """
        chain_id, *codes = rpc.batch_strict(self.check_calls())
        self.check_answers(rpc.url, to_int(chain_id), codes, together)

    def check_calls(self) -> list[Call]:
        """What to ask a node before trusting it with this deployment."""
        return [
            ("eth_chainId", ()),
            *(("eth_getCode", (found.address, "latest")) for found in self.contracts.values()),
        ]

    def check_answers(self, where: str, chain_id: int, codes: Sequence[object], together: bool = True) -> None:
        """Judges the answers to `check_calls`; raises as `check` does.

        Args:
            where: What errors call the node.
            chain_id: The chain it serves.
            codes: Code at the contracts' addresses.
            together: As of `check`.
        """
        if chain_id != self.chain_id:
            raise WrongNetwork(
                f"The node at {where} serves chain {chain_id}, but the deployment on {self.network} is on "
                f"chain {self.chain_id}."
            )
        empty = [name for name, code in zip(self.contracts, codes, strict=True) if code == "0x"]
        if empty:
            raise MissingDeployment(
                f"The chain has no code at the address of {', '.join(empty)}: the deployment on {self.network} is "
                "not on this node (a restarted local chain forgets it; deploy again)."
            )
        at = {name: found.address for name, found in self.contracts.items()}
        strange = stranger(at, dict(zip(at, map(str, codes), strict=True))) if together else None
        if strange is not None:
            one, other = strange
            raise MissingDeployment(
                f"{one} at {at[one]} was not built for {other} at {at[other]}: the contracts on {self.network} are not "
                "of one deployment. Take the addresses.json that its deployer wrote."
            )
        for name, deployed in self.contracts.items():
            if deployed.abi_sha256 and abis.load(deployed.contract).sha256 != deployed.abi_sha256:
                raise AbiMismatch(
                    f"{name} on {self.network} was built from other sources than this package ({deployed.contract})."
                )


def parse(content: Any, where: str) -> Deployment:
    """A deployment from the content of `addresses.json`."""
    try:
        return Deployment(
            network=str(content["network"]),
            chain_id=int(content["chain_id"]),
            block=int(content["block"]),
            deployer=str(content["deployer"]),
            contracts={
                str(name): Deployed(str(c["address"]), str(c["contract"]), str(c.get("abi_sha256", "")))
                for name, c in content["contracts"].items()
            },
            markets={
                str(name): MarketEntry(
                    int(m["index"]),
                    str(m["symbol"]),
                    str(m["token"]),
                    tuple(m.get("feeds", ())),
                    str(m.get("backstop", "")),
                    str(m.get("maker", "")),
                    str(m.get("currency", "")),
                )
                for name, m in content.get("markets", {}).items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MissingDeployment(f"{where} is not a deployment: {type(error).__name__} at {error}.") from error


def load(path: Path | str) -> Deployment:
    """A deployment from a file, or from the `addresses.json` of a folder."""
    file = Path(path)
    if not is_file(file):
        file = file / "addresses.json"
    if not is_file(file):
        raise MissingDeployment(
            f"There is no deployment at {file}: run `ape run deploy` or name another with --deployment."
        )
    try:
        content = parse_json(read_text(file), str(file))
    except BadInput as error:
        raise MissingDeployment(str(error)) from None
    return parse(content, str(file))
