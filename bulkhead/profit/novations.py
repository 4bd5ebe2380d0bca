"""What a novation was: a fill, a take, or a move between vaults of one owner, as the log after it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bulkhead.chain.contract import Log

#: Events that say what a novation was, with the names of their two vaults.
NAMES = {
    "OrderFilled": ("maker_vault", "taker_vault"),
    "VaultTaken": ("vault_id", "into_id"),
}


@dataclass
class Novation:
    """A novation, and the log that says what it was."""

    log: Log
    cause: Log | None = None

    @property
    def kind(self) -> str:
        """What it was: a fill, a take, or a move between vaults of one owner."""
        if self.cause is None:
            return "move"
        return "fill" if self.cause.event == "OrderFilled" else "take"

    @property
    def pair(self) -> frozenset[int]:
        """Its vaults."""
        return frozenset((self.log.values.from_id, self.log.values.to_id))


def novations_of(logs: Sequence[Log]) -> dict[tuple[int, int], Novation]:
    """Novations by block and index, each with its cause: the next log of its transaction that names both vaults.

    A take with a callback has other novations between its own and the log of the take.
    """
    found: dict[tuple[int, int], Novation] = {}
    open_ones: list[Novation] = []
    transaction = ""
    for log in logs:
        if log.transaction != transaction:
            transaction, open_ones = log.transaction, []
        if log.event == "Novated":
            one = Novation(log)
            found[(log.block, log.index)] = one
            open_ones.append(one)
        elif log.event in NAMES:
            pair = frozenset(int(log.values[name]) for name in NAMES[log.event])
            for one in reversed(open_ones):
                if one.pair == pair and one.cause is None:
                    one.cause = log
                    break
    return found
