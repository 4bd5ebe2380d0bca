"""Which planned calls go out at a block: what is urgent at once, and duties in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bulkhead.keeper.calls import Call
from bulkhead.keeper.nonces import REMEMBER_BLOCKS
from bulkhead.keeper.plan import Flag, FlagMany, Take, TopUp

#: Blocks before something refused is asked again, when it can wait.
PATIENT_BLOCKS = 4
#: Gas limits that a node is asked for at one look: what is urgent must not wait for a node that estimates.
MOST_ASKED = 64
#: Blocks that the gas limits of what is in flight may fill: they are about twice what is used.
BLOCKS_AHEAD = 3
#: The same of flags while takes wait, of which each is behind all flags in flight: a take ends what a flag has only
#: begun, and its auction runs on meanwhile.
FLAG_BLOCKS_BESIDE_TAKES = 0.25


class Turns:
    """What was asked, refused and doubted of late, by key."""

    def __init__(self) -> None:
        self._asked_at: dict[str, int] = {}
        self._waits: dict[str, int] = {}
        self._doubted: dict[str, int] = {}
        self._refused: dict[str, int] = {}

    def forget(self, block: int) -> None:
        """Forgets what is long over at a block."""
        old = block - REMEMBER_BLOCKS
        self._asked_at = {k: b for k, b in self._asked_at.items() if b > old}
        self._waits = {k: b for k, b in self._waits.items() if b > old}
        self._doubted = {k: b for k, b in self._doubted.items() if b > old}
        self._refused = {k: b for k, b in self._refused.items() if b > block - PATIENT_BLOCKS}

    def wanted(self, calls: Iterable[Call], busy: Callable[[str], bool], block: int) -> list[Call]:
        """Calls that are neither in flight nor refused a moment ago, each key once."""
        found: dict[str, Call] = {}
        for call in calls:
            waits = call.patient and block - self._refused.get(call.key, -PATIENT_BLOCKS) < PATIENT_BLOCKS
            if not waits and not busy(call.key) and call.key not in found:
                found[call.key] = call
        return list(found.values())

    def sure(self, call: Call) -> bool:
        """Whether a call goes out without asking a node: its gas is known, and the last look was right about it."""
        return call.gas is not None and call.key not in self._doubted

    def to_ask(self, calls: Sequence[Call], crowded: bool, block: int) -> list[Call]:
        """Those of which a node is asked now, the ones asked longest ago first.

        Args:
            calls: What wants a simulation.
            crowded: The block has cost posts for what is urgent: duties are left to the next, though not for ever.
            block: The block.
        """
        due = [c for c in calls if not crowded or not c.patient or self._has_waited(c.key, block)]
        due.sort(key=lambda call: self._asked_at.get(call.key, -1))
        due = due[:MOST_ASKED]
        for call in due:
            self._asked_at[call.key] = block
            self._waits.pop(call.key, None)
        return due

    def _has_waited(self, key: str, block: int) -> bool:
        return block - self._waits.setdefault(key, block) >= PATIENT_BLOCKS

    def refused(self, calls: Iterable[Call], block: int) -> None:
        """Notes what the simulation refused: of that, what can wait is not asked about for some blocks."""
        self._refused.update({call.key: block for call in calls})

    def takes_wait(self, calls: Iterable[Call]) -> bool:
        """Whether there are takes, or tokens for them, that no simulation has refused of late."""
        return any(isinstance(call.action, Take | TopUp) and call.key not in self._refused for call in calls)

    def doubted(self, key: str) -> bool:
        """Whether the look was wrong about a key of late."""
        return key in self._doubted

    def doubt(self, key: str, block: int) -> None:
        """Notes that the look was wrong about a key: the next time a node is asked first."""
        self._doubted[key] = block


def ahead(
    ready: Sequence[tuple[Call, int]], flying: int, block_gas: int, takes_wait: bool = False
) -> list[tuple[Call, int]]:
    """Calls that the next blocks have room for; what comes later is planned anew, and nothing waits behind it.

    Args:
        ready: Calls with their gas limits.
        flying: Gas limits of what is in flight.
        block_gas: Gas limit of a block.
        takes_wait: There are takes to be sent, or in flight: flags leave room to them.
    """
    found: list[tuple[Call, int]] = []
    for call, gas in ready:
        blocks = FLAG_BLOCKS_BESIDE_TAKES if takes_wait and isinstance(call.action, Flag | FlagMany) else BLOCKS_AHEAD
        # the own vaults' tokens never wait
        if isinstance(call.action, TopUp) or not flying or flying + gas <= blocks * block_gas:
            found.append((call, gas))
            flying += gas
    return found


def fitting(ready: Sequence[tuple[Call, int]], room: int, idle: bool) -> list[tuple[Call, int]]:
    """Calls without the duties that would fill the next block, or the nonces before what is urgent.

    Args:
        ready: Calls with their gas limits.
        room: Gas that duties may need.
        idle: No duty is in flight: then one goes out whatever it needs.
    """
    found: list[tuple[Call, int]] = []
    for call, gas in ready:
        if call.patient:
            if gas > room and not idle:
                continue
            room, idle = room - gas, False
        found.append((call, gas))
    return found
