"""What a keeper that sends nothing has said it would do: for hours, and each thing once."""

from __future__ import annotations

from collections.abc import Sequence

from bulkhead.keeper.calls import Call

#: What was not planned for so long [seconds] is said again when it is planned anew.
FORGET_SECONDS = 600


class Rehearsal:
    """Remembers calls by whom they are about."""

    def __init__(self) -> None:
        self._planned_at: dict[str, int] = {}

    def new(self, calls: Sequence[Call], now: int) -> list[Call]:
        """Those of a block's calls that were not planned lately.

        Args:
            calls: Of the block.
            now: Its stamp [unix seconds].
        """
        self._planned_at = {key: at for key, at in self._planned_at.items() if now - at <= FORGET_SECONDS}
        found = []
        for call in calls:
            # several vaults in one call: each of them, in whatever company
            parts = {f"{call.name}:{vault}" for vault in getattr(call.action, "vault_ids", ())} or {
                call.wallet + call.key
            }
            if not parts <= self._planned_at.keys():
                found.append(call)
            self._planned_at.update(dict.fromkeys(parts, now))
        return found
