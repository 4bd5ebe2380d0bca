"""Numbers of the package that are choices: what stands outside of functions, and what is taken when nothing is said.

Most of them are limits, shares and waits that no rule gives, and tests name them instead of repeating them. So each
stands a second time in figures.json: `python -m tests.architecture.snapshots` rewrites it, and a slip of a digit shows.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pydantic

import bulkhead

FILE = Path(__file__).with_name("figures.json")
#: Written by a generator that has a test of its own, or run on import.
LEFT_OUT = ("bulkhead.risk.coefficients", "bulkhead.chain.reasons", "bulkhead.__main__", "bulkhead.history.migrations")


def figure(value: Any) -> str | None:
    """A number, or a collection with a number in it, as it is written down; None for anything else."""
    if isinstance(value, (bool, enum.Enum)):
        return None
    if isinstance(value, (int, float, Decimal, Fraction)):
        return repr(value)
    if isinstance(value, dict):
        pairs = [(str(key), figure(one) or figure(key)) for key, one in value.items()]
        told = [f"{key}: {one}" for key, one in pairs if one]
        return f"{{{', '.join(told)}}}" if told else None
    if isinstance(value, (tuple, list, set, frozenset)):
        parts = [figure(one) for one in value]
        parts = sorted(map(str, parts)) if isinstance(value, (set, frozenset)) else parts
        return f"({', '.join(map(str, parts))})" if any(part not in (None, "None") for part in parts) else None
    return None


def _assigned(module: ModuleType) -> set[str]:
    """Names that a module itself gives a value."""
    found: set[str] = set()
    for node in ast.parse(inspect.getsource(module)).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            found |= {one.id for one in ast.walk(target) if isinstance(one, ast.Name)} if target else set()
    return found


def _defaults(name: str, function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    for one in inspect.signature(function).parameters.values():
        yield f"{name}({one.name})", one.default


def _of_class(name: str, kind: type) -> Iterator[tuple[str, Any]]:
    if issubclass(kind, enum.Enum):
        yield from ((f"{name}.{one.name}", one.value) for one in kind)
    elif dataclasses.is_dataclass(kind):
        yield from ((f"{name}.{one.name}", one.default) for one in dataclasses.fields(kind))
    elif issubclass(kind, pydantic.BaseModel):
        for field, told in kind.model_fields.items():
            yield f"{name}.{field}", told.default
            for bound in told.metadata:
                yield from ((f"{name}.{field} {side}", getattr(bound, side, None)) for side in ("gt", "ge", "lt", "le"))
    for attribute, value in vars(kind).items():
        function = getattr(value, "__func__", value)
        if inspect.isfunction(function) and function.__module__ == kind.__module__ and attribute != "__init__":
            yield from _defaults(f"{name}.{attribute}", function)
        elif inspect.isfunction(function) and not dataclasses.is_dataclass(kind):
            yield from _defaults(name, function)
        elif not attribute.startswith("_") and attribute != "model_config" and not issubclass(kind, enum.Enum):
            yield f"{name}.{attribute}", value


def _of_module(module: ModuleType) -> Iterator[tuple[str, Any]]:
    own = _assigned(module)
    for name, value in vars(module).items():
        if name in own:
            yield name, value
        elif getattr(value, "__module__", "") == module.__name__:
            if inspect.isclass(value):
                yield from _of_class(name, value)
            elif inspect.isfunction(value):
                yield from _defaults(name, value)


def figures() -> dict[str, dict[str, str]]:
    """Figures of the package by module and name."""
    found: dict[str, dict[str, str]] = {}
    for info in pkgutil.walk_packages(bulkhead.__path__, "bulkhead."):
        if info.name.startswith(LEFT_OUT):
            continue
        pairs = ((name, figure(value)) for name, value in _of_module(importlib.import_module(info.name)))
        told = {name: value for name, value in pairs if value is not None}
        if told:
            found[info.name] = dict(sorted(told.items()))
    return found


def written() -> dict[str, dict[str, str]]:
    """What figures.json holds."""
    return json.loads(FILE.read_text())  # type: ignore[no-any-return]
