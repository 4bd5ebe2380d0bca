"""Access lists (EIP-2930): slots and accounts that a transaction names in advance, each some 100 gas cheaper for it.

A node tells what a call touches (`eth_createAccessList`). The receiver is warm anyway, and naming it for the sake of a
few of its slots costs more than they save: it is left out. What is left is attached if the node's own estimate with it
is below the one without. ADR 59 has what it brings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bulkhead.chain.errors import BadInput, BulkheadError, NodeTimeout, NodeUnavailable, Reverted, RpcError
from bulkhead.chain.node_errors import Meaning, meaning_of
from bulkhead.chain.rpc import Call, Rpc, to_int

VARIABLE = "BULKHEAD_ACCESS_LISTS"
_SAID = {"": False, "0": False, "off": False, "no": False, "1": True, "on": True, "yes": True}
CREATE = "eth_createAccessList"
#: Gas of naming an account, and of naming one slot of it (EIP-2930).
ACCOUNT_GAS, SLOT_GAS = 2_400, 1_900
#: What an account or a slot that is named saves at least, its own cost taken off: 2,600 and 2,100 cold, 100 warm.
SAVED_GAS = 100
#: Contracts that chains have which charge for the bytes of a transaction: OP stack, Arbitrum, Scroll.
DATA_FEES = (
    "0x420000000000000000000000000000000000000F",
    "0x000000000000000000000000000000000000006C",
    "0x5300000000000000000000000000000000000002",
)
_ADDRESS, _SLOT = re.compile(r"0x[0-9a-fA-F]{40}"), re.compile(r"0x[0-9a-fA-F]{64}")


def wanted(variables: Mapping[str, str]) -> bool:
    """Whether the variable BULKHEAD_ACCESS_LISTS asks for them; without it they are off.

    Raises:
        BadInput: It is neither on nor off.
    """
    text = variables.get(VARIABLE, "")
    try:
        return _SAID[text.strip().lower()]
    except KeyError:
        raise BadInput(f"{VARIABLE} is {text!r} and has to be on or off.") from None


@dataclass(frozen=True)
class Named:
    """An account with the slots of it that are named.

    Attributes:
        address: The account.
        slots: Keys of its storage, 32 bytes in hexadecimal each.
    """

    address: str
    slots: tuple[str, ...]

    @property
    def gas(self) -> int:
        """What naming it costs, part of the intrinsic gas."""
        return ACCOUNT_GAS + SLOT_GAS * len(self.slots)

    @property
    def wire(self) -> dict[str, Any]:
        """As it travels."""
        return {"address": self.address, "storageKeys": list(self.slots)}


@dataclass(frozen=True)
class Attached:
    """A list that pays.

    Attributes:
        entries: As a transaction has them.
        gas: The node's estimate with it.
    """

    entries: list[dict[str, Any]]
    gas: int


def accounts_of(answer: object) -> list[Named]:
    """The accounts of a node's answer.

    Raises:
        NodeUnavailable: It is no access list.
    """
    entries = answer.get("accessList") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise NodeUnavailable(f"The node answered {CREATE} with something that is no access list.")
    found = []
    for entry in entries:
        address = entry.get("address") if isinstance(entry, dict) else None
        slots = (entry.get("storageKeys") or []) if isinstance(entry, dict) else None
        if not (isinstance(address, str) and _ADDRESS.fullmatch(address) and isinstance(slots, list)) or not all(
            isinstance(slot, str) and _SLOT.fullmatch(slot) for slot in slots
        ):
            raise NodeUnavailable(f"The node answered {CREATE} with something that is no access list.")
        found.append(Named(address, tuple(slots)))
    return found


def worth_naming(accounts: Sequence[Named], plan: Mapping[str, Any]) -> list[Named]:
    """The accounts that save more than they cost, if the call touches what the node says.

    Args:
        accounts: What the node named.
        plan: The call; its sender and receiver are warm whether they are named or not.
    """
    warm = {str(plan[name]).lower() for name in ("from", "to") if name in plan}
    return [
        account
        for account in accounts
        if account.address.lower() not in warm or SAVED_GAS * len(account.slots) > ACCOUNT_GAS
    ]


def _passes(error: BulkheadError) -> bool:
    """Whether a failure is of one call or one moment, and says nothing of the next."""
    if isinstance(error, RpcError):
        return meaning_of(error) in (Meaning.RATE, Meaning.SIZE)
    return isinstance(error, Reverted | NodeTimeout)


class AccessLists:
    """Asks one node for the lists of calls, unless it has shown that it gives none or that its chain makes them dear.

    Attributes:
        refused: Why it is not asked any more, "" while it is.
    """

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc
        self.refused = ""
        self._has_looked = False

    def questions(self, plan: dict[str, Any]) -> list[Call]:
        """What to ask for one call, beside its estimate: one question, or none."""
        if not self._has_looked:
            codes = self.rpc.batch([("eth_getCode", (address, "latest")) for address in DATA_FEES])
            self._has_looked = True
            if any(isinstance(code, str) and code not in ("", "0x") for code in codes):
                self.refused = "the chain charges for data, and a list is 32 bytes a slot"
        return [] if self.refused else [(CREATE, (plan, "latest"))]

    def attached(self, plan: dict[str, Any], answer: object, without: int) -> Attached | None:
        """The list for a call, if there is one that pays.

        Args:
            plan: The call.
            answer: What the node said to `questions`, or why it did not.
            without: Its estimate of the call without a list [gas].
        """
        try:
            if isinstance(answer, BulkheadError):
                raise answer
            entries = [account.wire for account in worth_naming(accounts_of(answer), plan)]
            if not entries:
                return None
            estimate = to_int(self.rpc.call("eth_estimateGas", {**plan, "accessList": entries}))
        except BulkheadError as error:
            if not _passes(error):
                self.refused = str(error)
            return None
        return Attached(entries, estimate) if estimate < without else None
