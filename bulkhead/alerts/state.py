"""What was told and what waits to be told, in a file, so that a restart neither repeats nor forgets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from bulkhead.chain.errors import BadInput
from bulkhead.chain.files import read_text, write_whole

#: Messages that wait at most; of more the oldest are dropped.
MOST_WAITING = 1_000


class Message(BaseModel):
    """One thing to tell.

    Attributes:
        when: What happened, in the words of the rules.
        vault_id: The vault; None for a message about the node.
        text: One line.
        key: Rule and vault that the cooldown counts for.
        targets: Who is told.
        due: Not before this time [unix seconds].
    """

    when: str
    vault_id: int | None
    text: str
    key: str
    targets: tuple[str, ...]
    due: float = 0


class _Saved(BaseModel):
    chain_id: int
    clearinghouse: str
    block: int
    told: dict[str, float]
    waiting: list[Message]


@dataclass
class State:
    """What a restart has to know.

    Attributes:
        path: File; None keeps nothing.
        chain_id: Chain that it is about.
        clearinghouse: Deployment that it is about.
        block: Last block whose events were looked at, -1 for none.
        told: When a rule last told of a vault, by key [unix seconds].
        waiting: What is still to be told.
    """

    path: Path | None
    chain_id: int
    clearinghouse: str
    block: int = -1
    told: dict[str, float] = field(default_factory=dict)
    waiting: list[Message] = field(default_factory=list)

    def load(self) -> State:
        """Takes over what the file says, if there is one.

        Raises:
            BadInput: The file is none of ours, or about another deployment.
        """
        if self.path is None or not self.path.exists():
            return self
        try:
            saved = _Saved.model_validate_json(read_text(self.path))
        except ValidationError:
            raise BadInput(f"{self.path} is no state of alerts; remove it to begin anew.") from None
        if (saved.chain_id, saved.clearinghouse) != (self.chain_id, self.clearinghouse):
            raise BadInput(f"{self.path} is about another deployment; name another file with --state.")
        self.block, self.told, self.waiting = saved.block, saved.told, saved.waiting
        return self

    def save(self) -> None:
        """Writes the file whole, or not at all.

        Raises:
            BadInput: It cannot be written.
        """
        del self.waiting[:-MOST_WAITING]
        if self.path is None:
            return
        saved = _Saved(
            chain_id=self.chain_id, clearinghouse=self.clearinghouse, block=self.block, told=self.told,
            waiting=self.waiting,
        )  # fmt: skip
        write_whole(self.path, saved.model_dump_json(), mode=0o600)  # places to notify are secrets
