"""Which planned calls go out at a block: what is urgent at once, and duties in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bulkhead.keeper.calls import Call
from bulkhead.keeper.journal import Attempt
from bulkhead.keeper.nonces import REMEMBER_BLOCKS
from bulkhead.keeper.plan import Flag, FlagMany, Take, TopUp

#: Blocks before something refused is asked again, when it can wait.
PATIENT_BLOCKS = 4
#: Gas limits that a node is asked for at one look: what is urgent must not wait for a node that estimates.
MOST_ASKED = 64
#: Blocks that the gas limits of what is in flight may fill: they are about twice what is used.
BLOCKS_AHEAD = 3
#: Flags alone leave a quarter of a block to what takes need first: an allowance, an own vault.
OTHERS_FILL = 4
#: While takes wait, flags fill a third of a block at least: a take ends what a flag has only begun, and its auction
#: runs on behind the flags in flight; but what is not flagged has no auction at all.
FLAGS_FILL = 3
#: Gas limit that a take counts for until a node has told it, each vault.
TAKE_GAS = 280_000
#: Actions, by their names in the journal, before which flags leave room, and flags.
TAKES, FLAGS = frozenset({"take", "topup"}), frozenset({"flag", "flagmany"})


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

    def flag_room(self, calls: Sequence[Call], pending: Sequence[Attempt], block_gas: int, senders: int) -> int:
        """`flag_room` of what is wanted and in flight."""
        flags = sum(call.gas or 0 for call in calls if isinstance(call.action, Flag | FlagMany))
        takes = self.takes_gas(calls) + gas_of(pending, TAKES)
        return flag_room(block_gas, takes, flags + gas_of(pending, FLAGS), senders)

    def takes_gas(self, calls: Iterable[Call]) -> int:
        """Gas limits of takes, and of tokens for them, that no simulation has refused of late."""
        hopeful = [call for call in calls if call.key not in self._refused]
        takes = sum(TAKE_GAS * len(call.action.vault_ids) for call in hopeful if isinstance(call.action, Take))
        return takes + sum(call.gas or 0 for call in hopeful if isinstance(call.action, TopUp))

    def doubted(self, key: str) -> bool:
        """Whether the look was wrong about a key of late."""
        return key in self._doubted

    def doubt(self, key: str, block: int) -> None:
        """Notes that the look was wrong about a key: the next time a node is asked first."""
        self._doubted[key] = block


def flag_room(block_gas: int, takes_gas: int, flags_gas: int, senders: int) -> int:
    """Gas limits that the flags in flight of one account may fill.

    Args:
        block_gas: Gas limit of a block.
        takes_gas: Of its takes, to be sent or in flight.
        flags_gas: Of its flags, to be sent or in flight: what the next blocks hold anyway waits for no take.
        senders: Accounts that flag and take beside each other, each as much.
    """
    most = BLOCKS_AHEAD * block_gas - block_gas // OTHERS_FILL
    if not takes_gas or flags_gas * senders <= most:
        return most
    return max(block_gas // FLAGS_FILL, block_gas - senders * takes_gas) // senders


def ahead(
    ready: Sequence[tuple[Call, int]], pending: Sequence[Attempt], block_gas: int, flags: int
) -> list[tuple[Call, int]]:
    """Calls that the next blocks have room for; what comes later is planned anew, and nothing waits behind it.

    Args:
        ready: Calls with their gas limits.
        pending: What is in flight.
        block_gas: Gas limit of a block.
        flags: Gas limits that flags in flight may fill.
    """
    found: list[tuple[Call, int]] = []
    flying, flagging = sum(one.gas for one in pending), gas_of(pending, FLAGS)
    for call, gas in ready:
        is_flag = isinstance(call.action, Flag | FlagMany)
        fits = flying + gas <= BLOCKS_AHEAD * block_gas and not (is_flag and flagging and flagging + gas > flags)
        # the own vaults' tokens never wait
        if isinstance(call.action, TopUp) or not flying or fits:
            found.append((call, gas))
            flying += gas
            flagging += gas * is_flag
    return found


def gas_of(pending: Iterable[Attempt], names: frozenset[str]) -> int:
    """Gas limits of what is in flight of some actions."""
    return sum(one.gas for one in pending if one.fields.get("action") in names)


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
