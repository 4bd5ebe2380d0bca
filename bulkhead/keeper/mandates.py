"""Mandates of owners (AutoTopUp): which the logs tell of, which may be due, and what a top-up would do. Data only."""

from __future__ import annotations

from dataclasses import dataclass

#: Vaults in one question about due top-ups: each costs an assessment.
PAGE = 8
#: Health above the trigger from which a vault is asked about: the mirror is not exact, and prices move.
NEAR = 1.01
#: A top-up that would spare a vault its flag is waited for so many blocks: whoever owns the wallet could make it fail.
HOLD_BLOCKS = 1


@dataclass(frozen=True)
class MandateTerms:
    """A mandate as its event told it.

    Attributes:
        trigger: Health below which it can be used.
        expires_at: Its end [unix seconds].
    """

    trigger: float
    expires_at: int


@dataclass(frozen=True)
class DueTopUp:
    """What a top-up would do now.

    Attributes:
        vault_id: The vault.
        market: Its market.
        amount: Deposit [native].
        tip: To the caller [native].
        since: Block at which it was first found due.
        payer: (owner, token): whose wallet it comes from.
        purse: What that wallet holds and lets AutoTopUp spend [native].
    """

    vault_id: int
    market: int
    amount: int
    tip: int
    since: int
    payer: tuple[str, str]
    purse: int


@dataclass(frozen=True)
class RunMandate:
    """Top a vault up as its owner's mandate says; `worth` is the tip [wad quote]."""

    vault_id: int
    worth: int = 0
