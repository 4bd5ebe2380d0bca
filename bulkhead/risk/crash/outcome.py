"""How a crash is played and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bulkhead.risk.batch import Bools, Floats
from bulkhead.risk.crash.mandate import Mandate


@dataclass(frozen=True)
class Settings:
    """How keepers, takers and insurance behave.

    Attributes:
        latency_blocks: Least and most blocks between a round and a keeper's act on it.
        cost: What hedging a vault costs its taker, of its notional.
        fund: Insurance at the start, of the notional of all vaults.
        phi: Cut of a take for insurance, of A.
        dust: A below which a remainder is taken whole [quote].
        deposit: What a flag and a last take have to be refilled with [quote].
        seed: Of the latencies.
        mandate: Standing top-up of every owner, None for none.
    """

    latency_blocks: tuple[int, int] = (1, 3)
    cost: float = 0.007
    fund: float = 0.005
    phi: float = 0.02
    dust: float = 10.0
    deposit: float = 8.0
    seed: int = 1
    mandate: Mandate | None = None


@dataclass
class VaultOutcomes:
    """The same vault by vault, so that kinds of vaults can be told apart; amounts in quote.

    Attributes:
        notional: At the opening.
        initial: Equity its owner had to put up.
        paid: What takes cost its owner at the mark: bonus without top-ups, and the cut.
        lost: What its own money did not cover: insurance and haircuts.
        added: By a mandate.
        kept: What its owner has of it in the end, at the mark where it is still open.
        flagged: Whether it was flagged at least once.
        taken: Whether it was taken from.
        below: Whether its equity went below zero before it was taken, settled or the tape ended.
    """

    notional: Floats
    initial: Floats
    paid: Floats
    lost: Floats
    added: Floats
    kept: Floats
    flagged: Bools
    taken: Bools
    below: Bools

    @classmethod
    def of(cls, notional: Floats, initial: Floats) -> VaultOutcomes:
        """Vaults to which nothing has happened."""
        paid, lost, added, kept = np.zeros((4, len(notional)))
        flagged, taken, below = np.zeros((3, len(notional)), np.bool_)
        return cls(notional, initial, paid, lost, added, kept, flagged, taken, below)


@dataclass
class Outcome:
    """What happened; amounts in quote.

    Attributes:
        vaults: How many were opened with a margin at all.
        notional: Of all vaults at the opening.
        initial: Equity that all had to put up.
        flagged: Vaults flagged at least once.
        takes: Takes.
        taken: Vaults taken from at least once.
        whole: Vaults taken whole.
        bonus: What takers got beyond the mark, top-ups included.
        cut: What insurance got of it.
        top_up: What insurance paid in auctions.
        insured: What insurance paid at settlement.
        haircut: What winners of a cell lost.
        worst_health: Least equity over A at a take.
        insolvent: Vaults whose equity went below zero before they were taken.
        seconds: From flag to take, of every take.
        each: The same vault by vault.
    """

    vaults: int = 0
    notional: float = 0.0
    initial: float = 0.0
    flagged: int = 0
    takes: int = 0
    taken: int = 0
    whole: int = 0
    bonus: float = 0.0
    cut: float = 0.0
    top_up: float = 0.0
    insured: float = 0.0
    haircut: float = 0.0
    worst_health: float = float("inf")
    insolvent: int = 0
    seconds: list[float] = field(default_factory=list)
    each: VaultOutcomes = field(default_factory=lambda: VaultOutcomes.of(np.zeros(0), np.zeros(0)), compare=False)

    @property
    def loss(self) -> float:
        """Beyond the vaults' own tokens: what insurance paid and what winners lost."""
        return self.top_up + self.insured + self.haircut
