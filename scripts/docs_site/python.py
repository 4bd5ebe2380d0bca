"""The Python package's reference, out of its docstrings, read without being run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import griffe

#: What somebody writes programs with.
MODULES = (
    "bulkhead.client.bulkhead", "bulkhead.client.vaults", "bulkhead.client.orders", "bulkhead.client.stops",
    "bulkhead.client.quote_requests", "bulkhead.client.markets", "bulkhead.client.mandates", "bulkhead.client.preview",
    "bulkhead.client.card", "bulkhead.client.amounts", "bulkhead.orders", "bulkhead.pricing",
    "bulkhead.chain.connection", "bulkhead.chain.vaults_from_logs", "bulkhead.chain.lens", "bulkhead.chain.words",
    "bulkhead.chain.errors", "bulkhead.risk.words", "bulkhead.risk.exact", "bulkhead.risk.margin",
    "bulkhead.risk.marks", "bulkhead.risk.liquidation_price", "bulkhead.history.client", "bulkhead.history.models",
    "bulkhead.history.export",
)  # fmt: skip


def page(module: Any) -> str:
    """The page of one module."""
    lines = [f"# {module.path}", "", *_text(module)]
    for member in module.members.values():
        if member.is_alias or member.name.startswith("_") or not member.docstring:
            continue
        lines += _member(member, "##")
        if member.is_class:
            for inner in member.members.values():
                if not inner.is_alias and inner.is_function and not inner.name.startswith("_") and inner.docstring:
                    lines += _member(inner, "###", f"{member.name}.")
    return "\n".join(lines)


def _member(member: Any, level: str, prefix: str = "") -> list[str]:
    lines = [f"{level} {prefix}{member.name}", ""]
    if member.is_function:
        given = [p for p in member.parameters if p.name not in ("self", "cls")]
        shown = ", ".join(_parameter(p) for p in given)
        result = f" -> {member.returns}" if member.returns else ""
        lines += ["```python", f"{member.name}({shown}){result}", "```", ""]
    return lines + _text(member)


def _parameter(parameter: Any) -> str:
    kind = f": {parameter.annotation}" if parameter.annotation is not None else ""
    default = f" = {parameter.default}" if parameter.default is not None else ""
    return f"{parameter.name}{kind}{default}"


def _text(member: Any) -> list[str]:
    lines: list[str] = []
    if member.docstring is None:
        return lines
    for section in member.docstring.parsed:
        kind = section.kind.value
        if kind == "text":
            lines += [section.value, ""]
        elif kind in ("parameters", "attributes"):
            lines += [*(f"- `{one.name}`: {' '.join(one.description.split())}" for one in section.value), ""]
        elif kind == "raises":
            told = (f"- raises `{one.annotation}`: {' '.join(one.description.split())}" for one in section.value)
            lines += [*told, ""]
        elif kind in ("returns", "yields"):
            lines += [*(f"- {kind}: {' '.join(one.description.split())}" for one in section.value), ""]
    return lines


def pages(root: Path) -> dict[str, str]:
    """Page of every module by name."""
    loader = griffe.GriffeLoader(search_paths=[str(root)], docstring_parser=griffe.Parser.google)
    package = loader.load("bulkhead")
    return {name: page(package[name.removeprefix("bulkhead.")]) for name in MODULES}
