"""Every function that changes state, and which of them no person can use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boa

from bulkhead.chain import abi
from tests.matrix.scene import Scene

#: Functions for one contract of the protocol alone, and what anybody else is told.
ROLES: dict[str, str] = {
    "Clearinghouse.novate": "clearinghouse/not-authorized",
    "Clearinghouse.take": "clearinghouse/not-authorized",
    "Clearinghouse.finish": "clearinghouse/not-authorized",
    "Clearinghouse.flag": "clearinghouse/not-authorized",
    "Clearinghouse.cure": "clearinghouse/not-authorized",
    "Clearinghouse.settle": "clearinghouse/not-authorized",
    "Clearinghouse.mark": "clearinghouse/not-authorized",
    "Clearinghouse.pay_from_vault": "clearinghouse/not-authorized",
    "Clearinghouse.pay_from_cell": "clearinghouse/not-authorized",
    "Clearinghouse.transfer_vault": "clearinghouse/not-authorized",
    "Clearinghouse.list_market": "clearinghouse/not-authorized",
    "Clearinghouse.configure": "clearinghouse/not-authorized",
    "VaultToken.mirror": "vault-token/not-authorized",
    "Exchange.configure": "exchange/only-parameters",
    "TradeLimits.check": "limits/only-exchange",
    "TradeLimits.set_caps": "limits/only-exchange",
    "Liquidator.configure": "liquidator/not-authorized",
    "Settlement.configure": "settlement/not-authorized",
    "Settlement.give_up": "settlement/not-authorized",
    "InsuranceFund.draw": "insurance/not-authorized",
    "BackstopPool.on_take": "backstop/not-authorized",
    "OracleAdapter.list_market": "oracle/only-parameters",
    "OracleAdapter.configure": "oracle/only-parameters",
    "OracleAdapter.set_fallback": "oracle/only-parameters",
    "OracleAdapter.set_surface": "oracle/only-surface",
    "OracleAdapter.stop_surface": "oracle/only-surface",
    "ExpiryPrices.carry": "expiry/only-oracle",
}

#: Contracts that know no market, vault or price, so that no state of these tables can matter to them.
APART: dict[str, tuple[str, ...]] = {
    "Timelock": (
        "accept", "cancel", "execute", "execute_batch", "grantRole", "renounceRole", "revokeRole", "schedule",
        "schedule_batch",
    ),
    "PythAdapter": ("bring", "bring_many", "update"),
    "RedStoneAdapter": ("bring", "bring_many", "update"),
    "RoundRecorder": ("record",),
    "Vault": ("pay",),
}  # fmt: skip


def changing(contract: str) -> Iterator[tuple[str, int]]:
    """(function, number of arguments) of each entry of a contract's ABI that changes state."""
    for entry in abi.load(contract).entries:
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure"):
            yield entry["name"], len(entry["inputs"])


def nothing(kind: dict[str, Any]) -> Any:
    """The empty value of an ABI type."""
    name = kind["type"]
    if name.endswith("]"):
        size = name[name.rindex("[") + 1 : -1]
        inner = {**kind, "type": name[: name.rindex("[")]}
        return [nothing(inner) for _ in range(int(size or 0))]
    if name == "tuple":
        return tuple(nothing(part) for part in kind["components"])
    empty: dict[str, Any] = {"address": "0x" + "00" * 20, "bool": False, "string": ""}
    if name in empty:
        return empty[name]
    return bytes(int(name[5:] or 0)) if name.startswith("bytes") else 0


def call_role(scene: Scene, name: str) -> None:
    """A stranger's call of a function that is for a contract, with nothing in it."""
    contract, function = name.split(".")
    entry = next(e for e in abi.load(contract).entries if e.get("name") == function and e["type"] == "function")
    arguments = [nothing(kind) for kind in entry["inputs"]]
    with boa.env.anchor():
        getattr(scene.contracts[contract], function)(*arguments, sender=scene.people["stranger"])


__all__ = ["APART", "ROLES", "call_role", "changing"]
