"""What a machine has seen: steps that passed and steps that were refused, by action and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Broken(AssertionError):
    """A promise that did not hold."""


class Tally:
    """The counts of one machine.

    Attributes:
        seen: Accepted steps, by action.
        refused: Refused ones, by action and reason.
        steps: All.
    """

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.steps = 0

    def count(self, name: str, told: str | None) -> None:
        """One action: what refused it, none when it passed."""
        if told is None:
            self.seen[name] += 1
        else:
            self.refused[name, told] += 1

    def demand(self, problems: list[str], where: str) -> None:
        """Raises what is broken."""
        if problems:
            raise Broken(f"step {self.steps}, {where}: {'; '.join(problems[:3])}")

    def lacking(self, names: Iterable[str], forbidden: Iterable[str] = ()) -> list[str]:
        """Actions that were never accepted, and forbidden ones that were never tried."""
        tried = {name for name, _ in self.refused}
        shut = set(forbidden)
        wanted = [name for name in names if name not in shut and not self.seen[name]]
        return wanted + [name for name in sorted(shut) if name not in tried]

    def lines(self, names: Iterable[str]) -> list[str]:
        """How often each action and each reason was seen."""
        found = []
        for name in names:
            told = ", ".join(f"{r} {n}" for (a, r), n in sorted(self.refused.items(), key=lambda x: -x[1]) if a == name)
            found.append(f"{self.seen[name]:6} {name}" + (f" (refused: {told})" if told else ""))
        return found
