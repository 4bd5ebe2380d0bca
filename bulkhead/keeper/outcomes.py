"""How transactions end, counted for the metrics, and how single steps are told to the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bulkhead.keeper.journal import Attempt

#: Tells the log about one step: event name and fields.
Report = Callable[..., None]


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended."""

    attempt: Attempt
    reason: str = ""


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
