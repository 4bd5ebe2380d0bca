"""Inputs of deployments on an Anvil of their own."""

from __future__ import annotations

from typing import Any

from bulkhead.chain import anvil

TOKENS = {"USDC": {"mock": {"name": "Test dollar", "symbol": "USDC", "decimals": 6}}}


def market(index: int = 1, heartbeat: int = 3600, **mocks: dict[str, Any]) -> dict[str, Any]:
    """A market of the token above, with a mock for each feed by its role."""
    return {
        "index": index,
        "token": "USDC",
        "feeds": {role: {"mock": mock} for role, mock in mocks.items()},
        "heartbeats": dict.fromkeys(mocks, heartbeat),
    }


def local(**markets: dict[str, Any]) -> dict[str, Any]:
    """Inputs of a local deployment with these markets."""
    return {"network": "local", "chain_id": anvil.CHAIN_ID, "tokens": TOKENS, "markets": markets}
