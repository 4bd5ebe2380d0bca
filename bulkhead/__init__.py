"""Bulkhead: isolated-margin options on the EVM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from bulkhead.chain.deployment import Deployment
    from bulkhead.chain.web3_contracts import Web3Contracts


def contracts(w3: Any, deployment: Deployment | Path | str = "deployments/local") -> Web3Contracts:
    """Contracts of a deployment as web3.py has them, with named results.

    Args:
        w3: A `Web3` or `AsyncWeb3`.
        deployment: A deployment, `addresses.json` or its folder.
    """
    from bulkhead.chain import deployment as deployments
    from bulkhead.chain.web3_contracts import Web3Contracts

    known = deployment if isinstance(deployment, deployments.Deployment) else deployments.load(deployment)
    return Web3Contracts(w3, known)
