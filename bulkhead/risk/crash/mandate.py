"""What an owner's standing top-up gives to a vault (`AutoTopUp`), tips left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mandate:
    """A standing order of every owner to add collateral.

    Attributes:
        share: What it gives in all, of IM at the opening.
        trigger: Health below which it gives.
        target: Health that it reaches.
    """

    share: float = 0.5
    trigger: float = 1.1
    target: float = 1.3

    def amount(self, case: Short, left: float) -> float:
        """What goes into a vault now [quote].

        Args:
            case: The vault.
            left: What the limit leaves [quote].
        """
        # never a hole, and nothing for what stands
        if not 0 <= case.equity < self.trigger * case.margin:
            return 0.0
        aim = self.target * case.margin
        if case.ends is not None:
            aim = max(aim, case.ends)
        given = min(aim - case.equity, case.covered, left)
        reached = case.equity + given >= self.trigger * case.margin or given >= case.covered
        return max(given, 0.0) if reached else 0.0


@dataclass(frozen=True)
class Short:
    """A vault that may want a top-up [quote].

    Attributes:
        equity: E.
        margin: MM.
        covered: What makes it fully collateralised.
        ends: Equity that ends its flag, None without one.
    """

    equity: float
    margin: float
    covered: float
    ends: float | None
