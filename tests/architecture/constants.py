"""Integer constants of the Vyper sources, evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

from vyper.ast import nodes

from tests.architecture.sources import ROOT, Source

_IMPORT = re.compile(r"^from (contracts[\w.]*) import (\w+)(?: as (\w+))?$", re.MULTILINE)
_COMMENT = re.compile(r"#[^\n]*")
_FUNCTIONS = {
    "min_value": {"int256": -(2**255), "uint256": 0}.__getitem__,
    "max_value": {"int256": 2**255 - 1, "uint256": 2**256 - 1}.__getitem__,
}


@dataclass(frozen=True)
class Constant:
    """One definition.

    Attributes:
        name: As defined.
        value: The number.
        is_alias: It is nothing but a name for another module's constant.
    """

    name: str
    value: int
    is_alias: bool


@cache
def constants(name: str) -> dict[str, Constant]:
    """Integer constants of one source by name, e.g. of `contracts/math/scales.vy`."""
    source = Source(ROOT / name)
    known: dict[str, object] = {
        local or module: SimpleNamespace(**values(f"{package.replace('.', '/')}/{module}.vy"))
        for package, module, local in _IMPORT.findall(source.text)
    }
    known |= {"__builtins__": {}, "int256": "int256", "uint256": "uint256", **_FUNCTIONS}
    found = {}
    for declared in source.tree.get_children(nodes.VariableDecl):
        if not declared.is_constant or not re.fullmatch(r"u?int\d+", getattr(declared.annotation, "id", "")):
            continue
        text = _COMMENT.sub("", source.lines_of(declared)).split(" = ", 1)[1]
        # sources of this repository, with nothing but numbers, their operators and names
        value = eval(" ".join(text.split()), known)
        known[declared.target.id] = value
        is_alias = isinstance(declared.value, nodes.Attribute)
        found[declared.target.id] = Constant(declared.target.id, value, is_alias)
    return found


def values(name: str) -> dict[str, int]:
    """Numbers of one source's constants by name."""
    return {c.name: c.value for c in constants(name).values()}
