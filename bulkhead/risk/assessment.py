"""What a margin engine returns for the legs of one vault."""

from __future__ import annotations

from dataclasses import dataclass

#: v_min of legs whose loss has no bound.
UNBOUNDED = -(2**255)
#: Collateral that forces the full assessment.
FORCE_FULL = -(2**255)


@dataclass(frozen=True)
class Assessment:
    """What the engine returns, in its order [wad].

    Attributes:
        value: Mark of the legs.
        margin: MM before the max-loss cap.
        v_min: Least payoff over all settlement prices; `UNBOUNDED` when there is none.
        delta: Contracts of spot.
        gamma: Contracts per quote.
        vega: Quote per 1.00 vol.
        theta: Quote per year.
        covered: 1 when the collateral covers the worst payoff and no scenario was run.
        initial: The model's own IM before concentration, proximity and cap; 0 means kappa times margin.
    """

    value: int
    margin: int
    v_min: int
    delta: int
    gamma: int
    vega: int
    theta: int
    covered: int
    initial: int = 0

    def words(self) -> list[int]:
        """The int256[9] of the contract."""
        return [
            self.value,
            self.margin,
            self.v_min,
            self.delta,
            self.gamma,
            self.vega,
            self.theta,
            self.covered,
            self.initial,
        ]
