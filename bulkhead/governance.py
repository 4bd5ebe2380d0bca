"""Parameters over time: what is in force, what is on its way, and the notices that a timelock has to give.

The owner of the parameters is a `Timelock` or an account. Through a timelock a change is proposed, waits, and is
executed; some numbers then move by a ramp, which anyone may push on (`docs/parameters.md`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bulkhead.chain import abi as abis
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract, decode_logs, read
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.parameters import PARAMETERS, Parameter, ParameterSet
from bulkhead.chain.sender import Sender

NOTHING = bytes(32)
#: What a change of one parameter is called on chain.
SET = "set_parameter"


@dataclass(frozen=True)
class Ramp:
    """A parameter on its way.

    Attributes:
        parameter: Which one.
        value: In force now, in the field's own unit.
        target: Where it goes.
        since: Its last step, or its beginning [unix seconds].
        due: In force after a step now; `value` while none is due.
    """

    parameter: Parameter
    value: int
    target: int
    since: int
    due: int

    @property
    def hours(self) -> float:
        """What it still takes at least."""
        return self.parameter.ramp_hours(self.value, self.target)


@dataclass(frozen=True)
class Notice:
    """What a timelock has been told to do and has not done yet.

    Attributes:
        id: Of the operation, 32 bytes.
        ready_at: When it may be executed [unix seconds].
        lapses_at: From when on it may not any more [unix seconds].
        calls: (address, call data) in order.
        words: The calls in words.
        predecessor: Operation that must come first, zeros for none.
        salt: As proposed.
    """

    id: bytes
    ready_at: int
    lapses_at: int
    calls: tuple[tuple[str, bytes], ...]
    words: tuple[str, ...]
    predecessor: bytes
    salt: bytes


class Governance:
    """The owner's side of a deployment.

    Attributes:
        chain: The deployment.
        timelock: The contract that owns the parameters, None when an account does.
    """

    def __init__(self, chain: Connection) -> None:
        self.chain = chain
        self.parameters = chain["RiskParameters"]
        (self.owner,) = read(chain.rpc, [self.parameters.query("owner")])
        known = chain.contracts.get("Timelock")
        self.timelock = known if known is not None and int(known.address, 16) == int(self.owner, 16) else None

    def _lock(self) -> Contract:
        if self.timelock is None:
            raise BadInput(f"The parameters belong to {self.owner}, which is no timelock of this deployment.")
        return self.timelock

    # --- what is ----------------------------------------------------------------------------------------------

    def values(self, market: str | int) -> dict[str, int]:
        """Every parameter in force, by name, in the fields' own units."""
        index = self.chain.deployment.market(market).index
        (words,) = read(self.chain.rpc, [self.parameters.query("words", index)])
        return dict(ParameterSet.unpack(words).values)

    def ramps(self, market: str | int) -> list[Ramp]:
        """Parameters that are on their way."""
        index = self.chain.deployment.market(market).index
        ramped = [p for p in PARAMETERS.values() if p.ramped]
        found = read(self.chain.rpc, [self.parameters.query("ramp", index, p.name) for p in ramped])
        now, values = self.chain.rpc.timestamp(), self.values(market)
        return [
            Ramp(p, value, ramp.target, ramp.stepped_at, p.step(value, ramp.target, now - ramp.stepped_at)[0])
            for p, ramp in zip(ramped, found, strict=True)
            for value in (values[p.name],)
            if ramp.stepped_at
        ]

    def notices(self) -> list[Notice]:
        """What the timelock will do, soonest first."""
        lock = self._lock()
        entries = self.chain.rpc.logs([lock.address], self.chain.deployment.block, "latest")
        calls: dict[bytes, dict[int, Any]] = {}
        salts: dict[bytes, bytes] = {}
        for log in decode_logs(entries, {"Timelock": lock}):
            if log.event == "CallScheduled":
                # an operation that was cancelled may be scheduled again: the last one counts
                calls.setdefault(log.values["id"], {})[log.values["index"]] = log.values
            elif log.event == "CallSalt":
                salts[log.values["id"]] = log.values["salt"]
        stamps = read(self.chain.rpc, [lock.query("get_timestamp", key) for key in calls])
        ends = read(self.chain.rpc, [lock.query("lapses_at", key) for key in calls])
        found = [
            self._notice(key, (stamp, end), [parts[i] for i in sorted(parts)], salts.get(key, NOTHING))
            for (key, parts), stamp, end in zip(calls.items(), stamps, ends, strict=True)
            if stamp > 1  # 0: cancelled, 1: done
        ]
        return sorted(found, key=lambda notice: notice.ready_at)

    def _notice(self, key: bytes, times: tuple[int, int], parts: Sequence[Any], salt: bytes) -> Notice:
        made = tuple((str(part["target"]), bytes(part["payload"])) for part in parts)
        words = tuple(self.describe(target, data) for target, data in made)
        return Notice(key, *times, made, words, bytes(parts[0]["predecessor"]), salt)

    def describe(self, target: str, data: bytes) -> str:
        """A call in words: contract, function and arguments, as far as the deployment knows them."""
        for name, deployed in self.chain.deployment.contracts.items():
            if int(deployed.address, 16) != int(target, 16):
                continue
            function = abis.load(deployed.contract).called(data)
            if function is None:
                return f"{name}, unknown call 0x{data.hex()}"
            given = ("0x" + v.hex() if isinstance(v, bytes) else str(v) for v in function.arguments(data))
            return f"{name}.{function.name}({', '.join(given)})"
        return f"{target}, call 0x{data.hex()}"

    # --- what is done -------------------------------------------------------------------------------------------

    def set(self, sender: Sender, market: str | int, name: str, number: int) -> bytes | None:
        """Changes a parameter, or proposes to; returns the proposal's id, None when the change is made.

        Raises:
            BadInput: No such parameter, or a number beyond its bounds.
        """
        if name not in PARAMETERS:
            raise BadInput(f"There is no parameter {name!r}; docs/parameters.md lists them.")
        p = PARAMETERS[name]
        if not p.least <= number <= p.greatest:
            raise BadInput(f"{name} is within {p.least} and {p.greatest} {p.unit}, and {number} is not.")
        return self.do(sender, SET, self.chain.deployment.market(market).index, name, number)

    def do(self, sender: Sender, function: str, *arguments: object) -> bytes | None:
        """Calls a function of RiskParameters as its owner, or proposes to; the proposal's id, None when it is done."""
        if self.timelock is None:
            sender.execute(self.parameters, function, *arguments)
            return None
        lock = self.timelock
        data, salt = self.parameters.encode(function, *arguments), secrets.token_bytes(32)
        call = (self.parameters.address, 0, data, NOTHING, salt)
        (delay,) = read(self.chain.rpc, [lock.query("get_minimum_delay")])
        sender.execute(lock, "schedule", *call, delay)
        return bytes(lock.call("hash_operation", *call))

    def waiting(self, function: str, market: int) -> Notice | None:
        """The open proposal to call a function of RiskParameters for a market, None without one."""
        notices = self.notices() if self.timelock is not None else []
        words = f"RiskParameters.{function}({market}, "
        return next((notice for notice in notices if any(one.startswith(words) for one in notice.words)), None)

    def _find(self, key: str) -> Notice:
        found = [n for n in self.notices() if n.id.hex().startswith(key.removeprefix("0x").lower())]
        if len(found) != 1:
            many = "several proposals begin" if found else "no open proposal begins"
            raise BadInput(f"{many[0].upper()}{many[1:]} with {key!r}.")
        return found[0]

    def execute(self, sender: Sender, key: str) -> Notice:
        """Carries out a proposal whose time has come; `key` is the beginning of its id."""
        notice, lock = self._find(key), self._lock()
        now = self.chain.rpc.timestamp()
        if notice.ready_at > now:
            hours = (notice.ready_at - now) / 3600
            raise BadInput(f"Proposal 0x{notice.id.hex()[:8]} is not due for another {hours:.1f} hours.")
        if notice.lapses_at <= now:
            raise BadInput(f"Proposal 0x{notice.id.hex()[:8]} has lapsed; cancel it and propose it again.")
        end = (notice.predecessor, notice.salt)
        (target, data), *more = notice.calls
        if not more and bytes(lock.call("hash_operation", target, 0, data, *end)) == notice.id:
            sender.execute(lock, "execute", target, 0, data, *end)
        else:
            batch = [list(part) for part in zip(*((t, 0, d) for t, d in notice.calls), strict=True)]
            sender.execute(lock, "execute_batch", *batch, *end)
        return notice

    def cancel(self, sender: Sender, key: str) -> Notice:
        """Withdraws a proposal; `key` is the beginning of its id."""
        notice = self._find(key)
        sender.execute(self._lock(), "cancel", notice.id)
        return notice

    def advance(self, sender: Sender, market: str | int) -> list[Ramp]:
        """Pushes on every ramp of a market that is due; returns those that moved. Anyone may.

        Raises:
            BulkheadError: Nothing that was due could be moved, and why.
        """
        index = self.chain.deployment.market(market).index
        due = [ramp for ramp in self.ramps(market) if ramp.due != ramp.value]
        moved, failed = [], []
        for ramp in due:
            try:
                sender.execute(self.parameters, "advance", index, ramp.parameter.name)
                moved.append(ramp)
            except BulkheadError as error:
                failed.append(error)
        if failed and not moved:
            raise failed[0]
        return moved


__all__ = ["Governance", "Notice", "Ramp"]
