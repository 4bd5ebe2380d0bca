"""The contracts of one deployment, in the order of their creation, and what each is constructed with.

Contracts know each other through immutables that hold precomputed CREATE addresses, so the order below is part of
the protocol: the deployer's nonce decides every address. Ape scripts, tests and benchmarks all deploy from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import rlp
from eth_utils import keccak, to_canonical_address, to_checksum_address

#: (name in the deployment, contract) in the order of creation.
CONTRACTS: tuple[tuple[str, str], ...] = (
    ("VaultTarget", "Vault"),
    ("InsuranceTarget", "Vault"),
    ("EsEngine", "EsEngine"),
    ("GreeksEngine", "GreeksEngine"),
    ("StaticEngine", "StaticEngine"),
    ("InverseEsEngine", "InverseEsEngine"),
    ("InverseGreeksEngine", "GreeksEngine"),
    ("InverseStaticEngine", "StaticEngine"),
    ("RiskParameters", "RiskParameters"),
    ("FeedCheck", "FeedCheck"),
    ("VolFolder", "VolFolder"),
    ("OracleAdapter", "OracleAdapter"),
    ("ExpiryPrices", "ExpiryPrices"),
    ("CloseGate", "CloseGate"),
    ("MarginGate", "MarginGate"),
    ("Clearinghouse", "Clearinghouse"),
    ("VaultToken", "VaultToken"),
    ("Operators", "Operators"),
    ("Exchange", "Exchange"),
    ("TradeLimits", "TradeLimits"),
    ("Liquidator", "Liquidator"),
    ("Settlement", "Settlement"),
    ("InsuranceFund", "InsuranceFund"),
    ("Lens", "Lens"),
    ("FillCheck", "FillCheck"),
    ("OrderLens", "OrderLens"),
    ("VolSurface", "VolSurface"),
    ("QuoteBoard", "QuoteBoard"),
    ("AutoTopUp", "AutoTopUp"),
    ("LegLens", "LegLens"),
    ("PositionLens", "PositionLens"),
    ("RiskLens", "RiskLens"),
    ("TradeLens", "TradeLens"),
    ("MarketLens", "MarketLens"),
)

#: Bytes of deployed code a contract may have; the chain's limit is 24,576 (docs/architecture.md, Sizes).
CODE_LIMIT = 22_000

#: Contracts that each market gets one of, after its listing.
MARKET_CONTRACTS: tuple[str, ...] = ("BackstopPool",)

#: Contracts that a deployment has when its inputs ask for them.
CHOSEN_CONTRACTS: tuple[str, ...] = ("Timelock",)

#: Contracts that anyone may deploy, any number of; nothing depends on them.
OPEN_CONTRACTS: tuple[str, ...] = ("MakerVault",)

#: Every contract that people deploy.
DEPLOYABLE = frozenset(
    {contract for _, contract in CONTRACTS} | {*MARKET_CONTRACTS, *CHOSEN_CONTRACTS, *OPEN_CONTRACTS}
)


@dataclass(frozen=True)
class SystemConfig:
    """What a deployment is constructed with.

    Attributes:
        owner: Account that may change bounded parameters until it hands them on, to a timelock at best.
        guardian: Account that may pause opening, at most 14 days in any 28.
        nodes: The 12 scenario nodes z, ascending [wad, standard deviations].
        weights: Their probabilities [wad], summing to 1e18.
    """

    owner: str
    guardian: str
    nodes: tuple[int, ...]
    weights: tuple[int, ...]


def engines(at: Mapping[str, str], inverse: bool = False) -> tuple[str, str, str]:
    """Margin engines by model: ES, GREEKS and STATIC, of markets that count coins when `inverse`."""
    kind = "Inverse" if inverse else ""
    return at[f"{kind}EsEngine"], at[f"{kind}GreeksEngine"], at[f"{kind}StaticEngine"]


def create_address(deployer: str, nonce: int) -> str:
    """Address of the contract that `deployer` creates with transaction `nonce`."""
    digest = keccak(rlp.encode([to_canonical_address(deployer), nonce]))
    return to_checksum_address(digest[12:])


def predict(deployer: str, nonce: int) -> dict[str, str]:
    """Addresses of all contracts when the first creation uses `nonce`."""
    return {name: create_address(deployer, nonce + i) for i, (name, _) in enumerate(CONTRACTS)}


#: The contracts of whose addresses each one is told, in the order of its constructor.
TOLD_OF: dict[str, str] = {
    "VaultTarget": "Clearinghouse",
    "InsuranceTarget": "InsuranceFund",
    "EsEngine": "",
    "GreeksEngine": "EsEngine",
    "StaticEngine": "EsEngine",
    "InverseEsEngine": "",
    "InverseGreeksEngine": "InverseEsEngine",
    "InverseStaticEngine": "InverseEsEngine",
    "RiskParameters": "Clearinghouse OracleAdapter Exchange Liquidator Settlement",
    "FeedCheck": "",
    "VolFolder": "",
    "OracleAdapter": "RiskParameters VolSurface ExpiryPrices FeedCheck VolFolder",
    "ExpiryPrices": "OracleAdapter",
    "CloseGate": "OracleAdapter",
    "MarginGate": "OracleAdapter CloseGate",
    "Clearinghouse": "VaultTarget RiskParameters OracleAdapter MarginGate VaultToken Operators "
    "Exchange Liquidator Settlement",
    "VaultToken": "Clearinghouse",
    "Operators": "Clearinghouse",
    "Exchange": "RiskParameters Clearinghouse OracleAdapter Operators TradeLimits",
    "TradeLimits": "Clearinghouse Exchange OracleAdapter",
    "Liquidator": "RiskParameters Clearinghouse OracleAdapter InsuranceFund",
    "Settlement": "RiskParameters Clearinghouse ExpiryPrices InsuranceFund",
    "InsuranceFund": "InsuranceTarget Clearinghouse Liquidator Settlement",
    "Lens": "RiskParameters Clearinghouse OracleAdapter ExpiryPrices Exchange Liquidator Settlement InsuranceFund",
    "VolSurface": "RiskParameters OracleAdapter",
    "QuoteBoard": "",
    "AutoTopUp": "Clearinghouse OracleAdapter",
    "LegLens": "",
    "PositionLens": "Clearinghouse OracleAdapter ExpiryPrices Liquidator Settlement InsuranceFund Lens LegLens",
    "RiskLens": "Clearinghouse OracleAdapter",
    "TradeLens": "Clearinghouse OracleAdapter Exchange TradeLimits FillCheck OrderLens Lens LegLens",
    "MarketLens": "RiskParameters Clearinghouse OracleAdapter InsuranceFund AutoTopUp",
    "OrderLens": "Clearinghouse Exchange Operators FillCheck",
    "FillCheck": "Clearinghouse OracleAdapter Exchange Operators TradeLimits MarginGate",
}  # fmt: skip


def constructor_arguments(name: str, at: Mapping[str, str], config: SystemConfig) -> tuple[object, ...]:
    """Constructor arguments of one contract, given the predicted addresses of all."""
    told = [at[role] for role in TOLD_OF[name].split()]
    match name:
        case "EsEngine" | "InverseEsEngine":
            return list(config.nodes), list(config.weights)
        case "MarginGate":
            return *told, list(config.nodes), list(config.weights)
        case "RiskParameters":
            return config.owner, config.guardian, *told
        case "Clearinghouse":
            return *told, [*engines(at), *engines(at, inverse=True)]
        case _:
            return tuple(told)


def backstop_arguments(market: int, symbol: str, at: Mapping[str, str], cap: int = 2**128) -> tuple[object, ...]:
    """Constructor arguments of a market's backstop pool; `cap` bounds its deposits [native]."""
    roles = ("RiskParameters", "Clearinghouse", "OracleAdapter", "Liquidator", "Settlement")
    return (f"Bulkhead backstop {symbol}"[:25], f"bs{symbol}"[:5], market, cap, [at[role] for role in roles])


def maker_arguments(market: int, symbol: str, at: Mapping[str, str]) -> tuple[object, ...]:
    """Constructor arguments of a maker vault; its deployer owns it and sets its bounds."""
    roles = ("Clearinghouse", "Exchange", "OracleAdapter", "Liquidator", "Settlement")
    return (f"Bulkhead maker {symbol}"[:25], f"mk{symbol}"[:5], market, [at[role] for role in roles])
