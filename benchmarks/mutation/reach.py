"""Which contracts a change of a Vyper file changes: those in which the changed function can be called.

Vyper leaves out of a contract what nothing in it calls. A contract that imports a file and never comes to the changed
function keeps its code, and its artifact is good for the changed tree too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vyper.ast import nodes as vy
from vyper.ast.parse import parse_to_ast

#: What stands outside of functions: constants, structs, storage.
OUTSIDE = ""
Place = tuple[str, str]


@dataclass
class _File:
    """One source: where its names come from, what each of its functions names, and the lines of each."""

    imports: dict[str, str]
    uses: dict[str, set[Place]] = field(default_factory=dict)
    lines: dict[str, tuple[int, int]] = field(default_factory=dict)


class Reach:
    """All contracts of a tree and what each of them calls.

    Attributes:
        contracts: Path of the source of each deployable contract, by name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, _File] = {}
        self.contracts = {
            path.stem: path.relative_to(root).as_posix() for path in sorted(root.glob("contracts/*/[A-Z]*.vy"))
        }
        self._reached: dict[str, set[Place]] = {}

    def _file(self, name: str) -> _File:
        if name not in self.files:
            tree = parse_to_ast((self.root / name).read_text())
            found = self.files[name] = _File(self._imports(tree))
            for node in tree.body:
                function = node.name if isinstance(node, vy.FunctionDef) else OUTSIDE
                found.uses.setdefault(function, set()).update(self._uses(node, name, found.imports))
                if function:
                    begin = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                    found.lines[function] = (begin, node.end_lineno)
        return self.files[name]

    def _imports(self, tree: vy.Module) -> dict[str, str]:
        found = {}
        for node in tree.get_children((vy.Import, vy.ImportFrom)):
            dotted = f"{node.module}.{node.name}" if isinstance(node, vy.ImportFrom) else node.name
            path = dotted.replace(".", "/") + ".vy"
            if (self.root / path).exists():
                found[node.alias or node.name.split(".")[-1]] = path
        return found

    @staticmethod
    def _uses(node: vy.VyperNode, name: str, imports: dict[str, str]) -> set[Place]:
        found = set()
        for one in node.get_descendants(vy.Attribute):
            base = getattr(one.value, "id", "")
            if base == "self":
                found.add((name, one.attr))
            elif base in imports:
                found.add((imports[base], one.attr))
        found |= {(name, one.id) for one in node.get_descendants(vy.Name)}
        return found

    def reached(self, contract: str) -> set[Place]:
        """(file, function) of everything that can run in a contract."""
        if contract not in self._reached:
            source = self.contracts[contract]
            own = self._file(source)
            waiting = [(source, function) for function in own.uses]
            seen: set[Place] = set()
            while waiting:
                place = waiting.pop()
                if place in seen:
                    continue
                seen.add(place)
                file = self._file(place[0])
                waiting += file.uses.get(place[1], ())
                # whatever is named of a file brings what the file does outside of functions
                waiting.append((place[0], OUTSIDE))
            self._reached[contract] = seen
        return self._reached[contract]

    def changed_by(self, file: str, line: int) -> list[str]:
        """Names of contracts whose code a change of a line can change, those of the same folder first."""
        lines = self._file(file).lines
        inside = next((name for name, (begin, end) in lines.items() if begin <= line <= end), OUTSIDE)
        found = [name for name in self.contracts if (file, inside) in self.reached(name)]
        folder = Path(file).parent
        return sorted(found, key=lambda name: (Path(self.contracts[name]).parent != folder, name != Path(file).stem))
