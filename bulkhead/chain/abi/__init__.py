"""ABIs of the contracts, shipped as JSON beside this file, and the coding of calls, results and logs by them.

The JSON is generated: `python -m bulkhead.chain.abi` writes it from the sources with the Vyper compiler, and
`--check` tells whether it is still what the sources give. A test runs the check.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import EncodingError
from eth_utils import keccak

from bulkhead.chain.abi.codec import Misfit, Reader, Record, read_all, reader_of
from bulkhead.chain.errors import AbiMismatch, BadInput

Json = dict[str, Any]


def _type_of(parameter: Json) -> str:
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_type_of(component) for component in parameter["components"])
    return f"({inner}){kind[len('tuple') :]}"


def _plain(parameter: Json, value: Any) -> Any:
    """Turns mappings into the tuples that eth_abi wants."""
    kind: str = parameter["type"]
    if kind.endswith("]"):
        inner = {**parameter, "type": kind[: kind.rindex("[")]}
        return [_plain(inner, item) for item in value]
    if kind == "tuple":
        components = parameter["components"]
        if isinstance(value, Mapping):
            return tuple(_plain(c, value[c["name"]]) for c in components)
        return tuple(_plain(c, v) for c, v in zip(components, value, strict=True))
    return value


@dataclass(frozen=True)
class Function:
    """One external function: encodes its calls and decodes its results."""

    name: str
    inputs: tuple[Json, ...]
    outputs: tuple[Json, ...]
    view: bool

    @cached_property
    def signature(self) -> str:
        """`name(type,type)`."""
        return f"{self.name}({','.join(_type_of(i) for i in self.inputs)})"

    @cached_property
    def selector(self) -> bytes:
        """First four bytes of a call."""
        return keccak(text=self.signature)[:4]

    def encode(self, arguments: Sequence[object]) -> bytes:
        """Call data."""
        if len(arguments) != len(self.inputs):
            raise BadInput(f"{self.name} takes {len(self.inputs)} arguments, not {len(arguments)}.")
        return self.selector + encode_values(self.inputs, arguments, self.name)

    def arguments(self, data: bytes) -> list[Any]:
        """Arguments of a call, out of its call data."""
        try:
            return read_all([reader_of(i) for i in self.inputs], data[4:])
        except (Misfit, UnicodeDecodeError) as error:
            raise AbiMismatch(f"The call data is not of {self.signature} ({error}).") from error

    @cached_property
    def _readers(self) -> tuple[Reader, ...]:
        return tuple(reader_of(o) for o in self.outputs)

    def decode(self, data: bytes) -> Any:
        """Result of a call: None, one value, or a list of them (a `Record` when all are named)."""
        if not self.outputs:
            return None
        try:
            values = read_all(self._readers, data)
        except (Misfit, UnicodeDecodeError) as error:
            raise AbiMismatch(f"The chain's answer to {self.signature} is not what its ABI says ({error}).") from error
        if len(values) == 1:
            return values[0]
        if all(o["name"] for o in self.outputs):
            return Record({o["name"]: v for o, v in zip(self.outputs, values, strict=True)})
        return values


@dataclass(frozen=True)
class Event:
    """One event: its topic and the decoding of its logs."""

    name: str
    inputs: tuple[Json, ...]

    @cached_property
    def topic(self) -> bytes:
        """First topic of its logs."""
        return keccak(text=f"{self.name}({','.join(_type_of(i) for i in self.inputs)})")

    @cached_property
    def _indexed(self) -> tuple[tuple[str, Reader], ...]:
        # the topic of a dynamic value is its hash
        word = reader_of({"type": "bytes32"})
        found = ((i["name"], reader_of(i)) for i in self.inputs if i["indexed"])
        return tuple((name, word if reader.dynamic else reader) for name, reader in found)

    @cached_property
    def _plain(self) -> tuple[tuple[str, ...], tuple[Reader, ...]]:
        plain = [i for i in self.inputs if not i["indexed"]]
        return tuple(i["name"] for i in plain), tuple(reader_of(i) for i in plain)

    def decode(self, topics: Sequence[bytes], data: bytes) -> Record:
        """Values of a log by name."""
        names, readers = self._plain
        try:
            values = {n: r.read(t, 0) for (n, r), t in zip(self._indexed, topics[1:], strict=True)}
            values.update(zip(names, read_all(readers, data), strict=True))
        except ValueError as error:
            raise AbiMismatch(f"A {self.name} log on the chain is not what its ABI says ({error}).") from error
        return Record({i["name"]: values[i["name"]] for i in self.inputs})


def encode_values(inputs: Sequence[Json], arguments: Sequence[object], what: str) -> bytes:
    """ABI coding of arguments, with a sentence when one does not fit its type."""
    kinds = [_type_of(i) for i in inputs]
    try:
        return abi_encode(kinds, [_plain(i, a) for i, a in zip(inputs, arguments, strict=True)])
    except (EncodingError, TypeError, ValueError, KeyError) as error:
        raise BadInput(f"The arguments of {what} do not fit ({', '.join(kinds)}): {error}.") from error


class Abi:
    """The ABI of one contract."""

    def __init__(self, name: str, entries: Sequence[Json]) -> None:
        self.name = name
        self.entries = tuple(entries)
        self.sha256 = digest(entries)
        self._functions: dict[str, dict[int, Function]] = {}
        self.events: dict[bytes, Event] = {}
        self.constructor: tuple[Json, ...] = ()
        for entry in entries:
            kind = entry["type"]
            if kind == "function":
                function = Function(
                    entry["name"],
                    tuple(entry["inputs"]),
                    tuple(entry["outputs"]),
                    entry["stateMutability"] in ("view", "pure"),
                )
                # a Vyper function with default arguments appears once per number of arguments
                self._functions.setdefault(function.name, {})[len(function.inputs)] = function
            elif kind == "event":
                event = Event(entry["name"], tuple(entry["inputs"]))
                self.events[event.topic] = event
            elif kind == "constructor":
                self.constructor = tuple(entry["inputs"])

    def has(self, name: str) -> bool:
        """Whether the contract has a function of that name."""
        return name in self._functions

    def function(self, name: str, count: int | None = None) -> Function:
        """A function by name and, when it has default arguments, number of arguments."""
        overloads = self._functions.get(name)
        if overloads is None:
            raise AbiMismatch(f"{self.name} has no function {name}.")
        if count is not None and count in overloads:
            return overloads[count]
        return overloads[max(overloads)]

    def called(self, data: bytes) -> Function | None:
        """The function that call data is for, None when the contract has none such."""
        every = (function for overloads in self._functions.values() for function in overloads.values())
        return next((function for function in every if function.selector == data[:4]), None)

    def event(self, name: str) -> Event:
        """An event by name."""
        for event in self.events.values():
            if event.name == name:
                return event
        raise AbiMismatch(f"{self.name} has no event {name}.")


def digest(entries: Sequence[Json]) -> str:
    """SHA-256 of what an ABI means to a caller, whatever tool wrote it; `addresses.json` keeps it.

    Signatures with names, `indexed` marks and mutability count; the order of entries and tools' extra keys do not.
    """

    def describe(parameters: Sequence[Json]) -> str:
        marks = (f"{_type_of(p)} {'indexed ' if p.get('indexed') else ''}{p.get('name') or ''}" for p in parameters)
        return "(" + ",".join(marks) + ")"

    lines = sorted(
        f"{e['type']} {e.get('name') or ''}{describe(e.get('inputs') or [])}"
        f"{describe(e.get('outputs') or [])} {e.get('stateMutability') or ''}"
        for e in entries
        if e["type"] in ("function", "event", "constructor")
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def names() -> list[str]:
    """Contracts whose ABI is shipped."""
    folder = resources.files(__name__)
    return sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json"))


@cache
def load(name: str) -> Abi:
    """The shipped ABI of a contract."""
    try:
        text = resources.files(__name__).joinpath(f"{name}.json").read_text()
    except FileNotFoundError:
        raise AbiMismatch(f"This package ships no ABI of a contract named {name}.") from None
    return Abi(name, json.loads(text))
