"""What a row of the matrix is: one call by the person whose call it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.matrix.scene import Scene

Arguments = Callable[[Scene, int], tuple[Any, ...]]


@dataclass(frozen=True)
class Row:
    """One call.

    Attributes:
        contract: Contract in the scene.
        function: Its function.
        who: Role of the caller.
        arguments: Of the call, given the scene and the id of the vault it is about.
        vault: The caller's vault that it is about; empty when it is about none.
        case: What tells it from other rows of the same function.
        skips: The function skips what it cannot do; it did something when it returns more than 0.
    """

    contract: str
    function: str
    who: str
    arguments: Arguments
    vault: str = ""
    case: str = ""
    skips: bool = False

    @property
    def name(self) -> str:
        """As the table names it."""
        return f"{self.contract}.{self.function}" + (f", {self.case}" if self.case else "")
