"""Logs of a deployment's contracts: asked for in ranges that nodes bear, decoded, and what they tell beside vaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Log, decode_logs
from bulkhead.chain.errors import BulkheadError, NodeUnavailable
from bulkhead.chain.parameters import PARAMETERS
from bulkhead.chain.rpc import Call, to_hex, to_int
from bulkhead.chain.vaults_from_logs import Cell, vault_of
from bulkhead.keeper.mandates import MandateTerms

#: Logs of so many blocks are asked for at once, and so many ranges at one go; after a failure one range a go, until so
#: many have been answered. What a node refuses is split further by `chain/rpc_batching`.
LOG_BLOCKS, RANGES, PATIENT_RANGES = 2_000, 20, 8


@dataclass
class LogNotes:
    """What else the logs tell, small enough to be copied at every block.

    Attributes:
        claims: Vaults with an open claim, and its cell.
        recorded: Stamp at which each market's clock was last recorded [unix seconds].
        settled: Cells with a settled vault that have not been swept.
        deficits: Recorded deficits of vaults [1e-6 quote].
        reserves: What cells may cost insurance, as recorded [native].
        uninsured: Cells whose draws from insurance have not ended.
        mandates: Owners' standing orders to top vaults up, by vault.
        ramps: Parameters on their way, by (market, name): (target, when the next step is due [unix seconds]).
    """

    claims: dict[int, Cell] = field(default_factory=dict)
    recorded: dict[int, int] = field(default_factory=dict)
    settled: set[Cell] = field(default_factory=set)
    ramps: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)
    deficits: dict[int, int] = field(default_factory=dict)
    reserves: dict[Cell, int] = field(default_factory=dict)
    uninsured: set[Cell] = field(default_factory=set)
    mandates: dict[int, MandateTerms] = field(default_factory=dict)

    def copy(self) -> LogNotes:
        """Another one with the same content."""
        return LogNotes(**{f.name: copy(getattr(self, f.name)) for f in fields(self)})

    def ramp(self, market: int, name: str, value: int, target: int | None, now: int) -> None:
        """Takes in a ramp's beginning, or with no target a change, which is a step if there is a ramp.

        Args:
            market: Its market.
            name: The parameter.
            value: In force.
            target: Where it goes.
            now: When that was, 0 when that is not known: the chain is then asked at once.
        """
        key = (market, name)
        if target is None:
            if key not in self.ramps:
                return
            target, _ = self.ramps[key]
        if value == target:
            self.ramps.pop(key, None)
        elif name in PARAMETERS:
            self.ramps[key] = (target, now + PARAMETERS[name].step_seconds(value) if now else 0)

    def take(self, log: Log, now: int) -> None:
        """Takes in one log.

        Args:
            log: The log.
            now: Stamp of the block it was read at, 0 when the log may be of long ago [unix seconds].
        """
        made = log.values
        if log.event in ("VolUpdated", "StatusRecorded"):
            if now:
                self.recorded[made.market] = now
        elif log.event in ("RampStarted", "ParameterChanged"):
            self.ramp(made.market, made.name, made.value, getattr(made, "target", None), now)
        elif log.event == "VaultSettled":
            cell = (int(made.market), int(made.expiry))
            self.settled.add(cell)
            if made.net > 0:
                self.claims[made.vault_id] = cell
        elif log.event == "ClaimPaid" and made.final:
            self.claims.pop(made.vault_id, None)
        elif log.event == "DeficitRecorded":
            _put(self.deficits, int(made.vault_id), int(made.deficit))
        elif log.event == "ReserveRecorded":
            _put(self.reserves, (int(made.market), int(made.expiry)), int(made.reserve))
        elif log.event == "CellInsured":
            (self.uninsured.discard if made.ended else self.uninsured.add)((int(made.market), int(made.expiry)))
        elif log.event == "MandateSet":
            self.mandates[int(made.vault_id)] = MandateTerms(made.trigger / 10**18, int(made.expires_at))
        elif log.event == "MandateEnded":
            self.mandates.pop(int(made.vault_id), None)
        elif log.event == "CellSwept":
            self.settled.discard((int(made.market), int(made.expiry)))


def _put(amounts: dict[Any, int], key: object, amount: int) -> None:
    """Keeps an amount that is not 0."""
    if amount:
        amounts[key] = amount
    else:
        amounts.pop(key, None)


class LogReader:
    """Asks for logs, and for fewer at one go while nodes fail."""

    def __init__(self, chain: Connection) -> None:
        self.chain = chain
        self.speakers = {n: chain.contracts[n] for n in (*chain.speakers, "AutoTopUp") if n in chain.contracts}
        self._doubts = 0

    @property
    def span(self) -> int:
        """Blocks in one range."""
        return LOG_BLOCKS

    def _addresses(self) -> list[str]:
        return [c.address for c in self.speakers.values()]

    def between(self, first: int, last: int) -> Call:
        """Asks for the logs of a range of blocks, both ends included."""
        return (
            "eth_getLogs",
            ({"address": self._addresses(), "fromBlock": to_hex(first), "toBlock": to_hex(last)},),
        )

    def of_block(self, name: str) -> Call:
        """Asks for the logs of one block by its hash."""
        return "eth_getLogs", ({"address": self._addresses(), "blockHash": name},)

    def ranges(self, start: int, end: int) -> list[tuple[int, int]]:
        """Ranges for one go, from `start` up to and without `end`; one only after a failure."""
        found = [(first, min(first + self.span, end) - 1) for first in range(start, end, self.span)]
        return found[: 1 if self._doubts else RANGES]

    def failed(self) -> None:
        """Asks for less from now on."""
        self._doubts = PATIENT_RANGES

    def answered(self) -> None:
        """Asks for more again, after a while."""
        self._doubts = max(self._doubts - 1, 0)

    def join(self, answers: list[Any], others: Mapping[int, Any]) -> set[int]:
        """Puts in what only a second node knows: logs that one has lost must not be missed.

        Returns:
            Vaults that a log is about which one of them does not have, or has otherwise: it may be made up.
        """
        unsure: list[dict[str, object]] = []
        for i, other in others.items():
            if isinstance(answers[i], list) and isinstance(other, list):
                ours, theirs = (
                    {(e.get("blockHash"), e.get("logIndex")): e for e in said if isinstance(e, dict)}
                    for said in (answers[i], other)
                )
                unsure += [
                    e for said, by in ((ours, theirs), (theirs, ours)) for k, e in said.items() if by.get(k) != e
                ]
                entries = {**theirs, **ours}
                answers[i] = sorted(entries.values(), key=lambda e: (to_int(e["blockNumber"]), to_int(e["logIndex"])))
        try:
            return vaults_of(self.decode([unsure]))
        except BulkheadError:
            return set()

    def decode(self, answers: Iterable[object]) -> list[Log]:
        """Logs of several answers.

        Raises:
            BulkheadError: One of them is missing, or is no list of logs.
        """
        entries: list[dict[str, object]] = []
        for part in answers:
            if isinstance(part, BulkheadError):
                raise part
            if not isinstance(part, list) or not all(isinstance(e, dict) for e in part):
                raise NodeUnavailable("The node sent something that is no list of logs.")
            entries.extend(part)
        try:
            return decode_logs(entries, self.speakers)
        except (KeyError, TypeError, AttributeError) as error:
            raise NodeUnavailable(f"The node sent a log without {error}.") from None


def vaults_of(logs: Iterable[Log]) -> set[int]:
    """Vaults whose state logs tell."""
    return {one for one in map(vault_of, logs) if one is not None}
