"""What a margin engine returns for the legs of one vault."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

#: v_min of legs whose loss has no bound.
UNBOUNDED = -(2**255)
#: Collateral that forces the full assessment.
FORCE_FULL = -(2**255)


class Basis(IntEnum):
    """How an assessment was made (margin/basis)."""

    ASSESSED = 0
    COVERED = 1
    KNOWN = 2
    ROUNDED = 3


@dataclass(frozen=True)
class Assessment:
    """What the engine returns (IMarginEngine.Assessment), in the order of its fields [wad].

    Attributes:
        value: Mark of the legs.
        margin: MM before the max-loss cap.
        v_min: Least payoff over all settlement prices; `UNBOUNDED` when there is none.
        delta: Contracts of spot.
        gamma: Contracts per quote.
        vega: Quote per 1.00 vol.
        theta: Quote per year.
        basis: How it was made; COVERED when the collateral covers the worst payoff and no scenario was run.
        initial: The model's own IM before concentration, proximity and cap; 0 means kappa times margin.
    """

    value: int
    margin: int
    v_min: int
    delta: int
    gamma: int
    vega: int
    theta: int
    basis: int = Basis.ASSESSED
    initial: int = 0

    def words(self) -> list[int]:
        """The struct the contracts pass, field by field."""
        return [getattr(self, field.name) for field in fields(self)]

    @property
    def covered(self) -> bool:
        """No scenario was run: only `v_min` is known."""
        return self.basis == Basis.COVERED
