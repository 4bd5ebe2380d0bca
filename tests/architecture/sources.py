"""The Vyper sources, parsed once, for tests that read rather than run."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from vyper.ast import nodes
from vyper.ast.parse import parse_to_ast

ROOT = Path(__file__).resolve().parents[2]
_IMPORT = re.compile(r"^(?:from\s+([\w.]+)\s+import\s+(\w+)|import\s+([\w.]+))", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """One `.vy` or `.vyi` file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def room(self) -> str:
        """vaults, margin, oracle, ..., math, testing or interfaces."""
        return self.path.parent.name

    @property
    def is_deployable(self) -> bool:
        return self.path.suffix == ".vy" and self.path.stem[0].isupper()

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def tree(self) -> nodes.Module:
        return parse_to_ast(self.text, is_interface=self.path.suffix == ".vyi")

    @property
    def imports(self) -> list[str]:
        """Modules as written, e.g. contracts.vaults.leg."""
        return [f"{a}.{b}" if a else c for a, b, c in _IMPORT.findall(self.text)]

    @property
    def functions(self) -> list[nodes.FunctionDef]:
        return list(self.tree.get_children(nodes.FunctionDef))

    @property
    def externals(self) -> list[nodes.FunctionDef]:
        return [f for f in self.functions if "external" in {d.id for d in f.decorator_list if hasattr(d, "id")}]

    def lines_of(self, node: nodes.VyperNode) -> str:
        return "\n".join(self.lines[node.lineno - 1 : node.end_lineno])


@cache
def sources() -> tuple[Source, ...]:
    """All Vyper files that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "*.vy", "*.vyi"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return tuple(Source(ROOT / name) for name in sorted(listed) if (ROOT / name).exists())


def product() -> list[Source]:
    """What is deployed to a real chain, and its modules."""
    return [s for s in sources() if s.path.suffix == ".vy" and s.room != "testing"]


def contracts() -> list[Source]:
    """What is deployed to a real chain, without its modules."""
    return [s for s in product() if s.is_deployable]
