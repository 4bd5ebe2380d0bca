"""What logs tell of tokens: which vault each movement is of, and what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bulkhead.chain.contract import Log


@dataclass(frozen=True)
class Movement:
    """Tokens into a vault, or out of it.

    Attributes:
        vault_id: The vault.
        kind: deposit, withdrawal, take, cut, premium, fee, tip, top-up (by insurance), pay-in or claim.
        amount: [native], + into the vault.
        log: What tells of it.
    """

    vault_id: int
    kind: str
    amount: int
    log: Log


def movements(logs: Iterable[Log], custody: Mapping[str, int]) -> Iterator[Movement]:
    """Every movement of vaults' tokens, in the order of the logs; all logs of a transaction have to be there.

    Args:
        logs: Of the deployment's contracts.
        custody: Vaults by the address of their tokens, in lower case: those that are paid to as an address.
    """
    several = list(logs)
    taken = {log.transaction for log in several if log.event == "VaultTaken"}
    for log in several:
        for vault_id, kind, amount in _of(log, custody, log.transaction in taken):
            if amount:
                yield Movement(int(vault_id), kind, int(amount), log)


def _of(log: Log, custody: Mapping[str, int], is_take: bool) -> Iterator[tuple[int, str, int]]:
    v = log.values
    if log.event == "Deposited":
        yield v.vault_id, "deposit", v.amount
    elif log.event in ("Withdrawn", "VaultClosed"):
        yield v.vault_id, "withdrawal", -v.amount
    elif log.event == "Novated":
        yield v.from_id, "take" if is_take else "premium", -v.cash
        yield v.to_id, "take" if is_take else "premium", v.cash
        yield v.from_id, "cut" if is_take else "fee", -v.fees[0]
        yield v.to_id, "fee", -v.fees[1]
    elif log.event == "TipPaid":
        yield v.vault_id, "tip", -v.amount
        receiver = custody.get(v.receiver.lower())
        if receiver is not None:
            yield receiver, "tip", v.amount
    elif log.event == "InsuranceDrawn":
        receiver = custody.get(v.receiver.lower())
        if receiver is not None:
            yield receiver, "top-up", v.amount
    elif log.event == "VaultSettled":
        yield v.vault_id, "pay-in", -v.received
    elif log.event == "ClaimPaid":
        yield v.vault_id, "claim", v.amount
    elif log.event == "DebtRepaid":
        yield v.vault_id, "pay-in", -v.amount
