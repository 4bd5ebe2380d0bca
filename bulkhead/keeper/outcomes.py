"""How transactions end, counted for the metrics, and how single steps are told to the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bulkhead.chain.errors import NodeUnavailable
from bulkhead.chain.rpc import to_int
from bulkhead.keeper.journal import CANCELLED, MINED, Attempt

#: Tells the log about one step: event name and fields.
Report = Callable[..., None]
#: A look may be so many blocks late when a receipt is told: of a later block none is believed.
LATE_BLOCKS = 64


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended."""

    attempt: Attempt
    reason: str = ""


@dataclass(frozen=True)
class Receipt:
    """What a node's receipt says.

    Attributes:
        block: Block of the transaction.
        gas: Gas that it used.
        gas_price: What it paid per gas [wei].
        well: Whether it was not reverted.
        transaction: Its hash.
    """

    block: int
    gas: int
    gas_price: int
    well: bool
    transaction: str

    @classmethod
    def of(cls, answer: Any, newest: int) -> Receipt | None:
        """The receipt in a node's answer; None when there is none in it, or one of a block that is yet to come.

        Args:
            answer: The answer.
            newest: The block that is looked at.
        """
        try:
            found = cls(
                block=to_int(answer["blockNumber"]),
                gas=to_int(answer["gasUsed"]),
                gas_price=to_int(answer.get("effectiveGasPrice", "0x0")),
                well=to_int(answer["status"]) == 1,
                transaction=str(answer["transactionHash"]),
            )
        except (KeyError, TypeError, NodeUnavailable):
            return None
        return found if found.block <= newest + LATE_BLOCKS else None

    @property
    def cost(self) -> int:
        """What the transaction cost [wei]."""
        return self.gas * self.gas_price


@dataclass
class Counts:
    """What the sender did so far; `gas_of` is what the calls of each function have cost [wei]."""

    sent: int = 0
    bumped: int = 0
    mined: int = 0
    reverted: int = 0
    refused: int = 0
    cancelled: int = 0
    foreign: int = 0
    gas: int = 0
    gas_reverted: int = 0
    poor: int = 0
    gas_of: dict[str, int] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """Adds what another has counted."""
        for name, value in vars(other).items():
            if name != "gas_of":
                setattr(self, name, getattr(self, name) + value)
        for call, paid in other.gas_of.items():
            self.gas_of[call] = self.gas_of.get(call, 0) + paid

    def ended(self, state: str, name: str, receipt: Receipt) -> None:
        """Counts a transaction of this name that has a receipt and ended so (a word of the journal)."""
        self.gas += receipt.cost
        self.gas_of[name] = self.gas_of.get(name, 0) + receipt.cost
        if state == MINED:
            self.mined += 1
        elif state == CANCELLED:
            self.cancelled += 1
        else:
            self.reverted += 1
            self.gas_reverted += receipt.cost
