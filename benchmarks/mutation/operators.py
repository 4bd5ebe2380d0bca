"""What a mutant changes: one token or one statement, on source spans of the syntax tree.

Python and Vyper share the operators. Both trees give spans; where a span does not hold the text that its node says, the
place is left out (Vyper's are wrong behind `staticcall` on continued lines).
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from vyper.ast import nodes as vy
from vyper.ast.parse import parse_to_ast

#: An operator as written, and what it becomes. Boundaries first: they are what tests miss.
SWAPS = {
    "<=": "<", "<": "<=", ">=": ">", ">": ">=", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "//", "//": "*",
    "/": "*", "%": "//", "&": "|", "|": "&", "^": "|", "<<": ">>", ">>": "<<", "and": "or", "or": "and", "in": "not in",
    "not in": "in", "is": "is not", "is not": "is", "**": "*",
}  # fmt: skip
#: Calls of two or more that have a twin.
TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change to one file.

    Attributes:
        file: Path from the root.
        start: First character that is replaced.
        end: One behind the last.
        text: What stands there then.
        original: What stood there.
        line: Line of the change, from 1.
        operator: Its kind.
    """

    file: str
    start: int
    end: int
    text: str
    original: str
    line: int
    operator: str

    def applied(self, source: str) -> str:
        """The file with the change."""
        assert source[self.start : self.end] == self.original
        return source[: self.start] + self.text + source[self.end :]

    @property
    def name(self) -> str:
        """One line that says it all."""
        before, after = (" ".join(part.split()) for part in (self.original, self.text))
        return f"{self.file}:{self.line} {self.operator}: {before!r} -> {after!r}"


class Places:
    """Offsets of one source file; columns count bytes in Python's tree and characters in Vyper's."""

    def __init__(self, file: str, source: str) -> None:
        self.file = file
        self.source = source
        self.lines = source.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        """Offset of a line, from 1, and a column in bytes."""
        text = self.lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode(errors="ignore"))
        return self.starts[line - 1] + column

    def span(self, node: Any) -> tuple[int, int]:
        """First offset of a node and the one behind its last."""
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def mutant(self, start: int, end: int, text: str, operator: str) -> Mutant:
        """A change of what lies between two offsets."""
        line = self.source.count("\n", 0, start) + 1
        return Mutant(self.file, start, end, text, self.source[start:end], line, operator)

    def between(self, left: Any, right: Any) -> Iterator[Mutant]:
        """The operator between two operands, swapped."""
        start, end = self.span(left)[1], self.span(right)[0]
        gap = self.source[start:end]
        token = gap.strip(" ()\n\\")
        if token in SWAPS and gap.count(token) == 1:
            begin = start + gap.index(token)
            yield self.mutant(begin, begin + len(token), SWAPS[token], "operator")

    def dropped(self, operands: list[Any]) -> Iterator[Mutant]:
        """One operand of `and`/`or` left out."""
        ends = [(self.span(left)[1], self.span(right)[1]) for left, right in pairwise(operands)]
        for start, end in [(self.span(operands[0])[0], self.span(operands[1])[0]), *ends]:
            if self.source[start:end].count("(") == self.source[start:end].count(")"):
                yield self.mutant(start, end, "", "operand")

    def number(self, node: Any, value: int) -> Iterator[Mutant]:
        """A number, one more; a number that is a whole literal as written."""
        start, end = self.span(node)
        if self.source[start:end] == str(value):
            yield self.mutant(start, end, str(value + 1), "number")

    def statement(self, node: Any, operator: str) -> Iterator[Mutant]:
        """A statement of its own lines, gone."""
        start, end = self.span(node)
        head = self.source[self.starts[node.lineno - 1] : start]
        if not head.strip():
            yield self.mutant(start, end, "pass", operator)

    def name(self, node: Any, name: str) -> Iterator[Mutant]:
        """A function with a twin."""
        start, end = self.span(node)
        if name in TWINS and self.source[start:end] == name:
            yield self.mutant(start, end, TWINS[name], "twin")


def _evaluated(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those of annotations, which say types to mypy and are not evaluated."""
    waiting = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns"):
                waiting += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, ast.AST)]


def _python(places: Places) -> Iterator[Mutant]:
    tree = ast.parse(places.source)
    for node in _evaluated(tree):
        match node:
            case ast.Compare(left=left, comparators=rights):
                for a, b in pairwise([left, *rights]):
                    yield from places.between(a, b)
            case ast.BinOp(left=left, right=right):
                yield from places.between(left, right)
            case ast.BoolOp(values=values):
                for a, b in pairwise(values):
                    yield from places.between(a, b)
                yield from places.dropped(values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield places.mutant(places.span(node)[0], places.span(operand)[0], "", "not")
            case ast.Constant(value=value) if type(value) is int:
                yield from places.number(node, value)
            case ast.Call(func=ast.Name(id=name) as function):
                yield from places.name(function, name)
            case ast.Raise() | ast.AugAssign() | ast.Delete():
                yield from places.statement(node, "statement")
            case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
                yield from places.statement(node, "statement")
            case _:
                pass


def _vyper(places: Places) -> Iterator[Mutant]:
    tree = parse_to_ast(places.source)
    for function in tree.get_children(vy.FunctionDef):
        for decorator in function.decorator_list:
            if getattr(decorator, "id", "") == "nonreentrant":
                start, end = places.span(decorator)
                yield places.mutant(start - 1, end, "", "lock")
    for node in tree.get_descendants():
        match node:
            case vy.Compare() | vy.BinOp():
                yield from places.between(node.left, node.right)
            case vy.BoolOp():
                for a, b in pairwise(node.values):
                    yield from places.between(a, b)
                yield from places.dropped(node.values)
            case vy.UnaryOp() if isinstance(node.op, vy.Not):
                yield places.mutant(places.span(node)[0], places.span(node.operand)[0], "", "not")
            case vy.Int() if not node.get_ancestor(vy.VariableDecl):
                yield from places.number(node, node.value)
            case vy.Call() if isinstance(node.func, vy.Name):
                yield from places.name(node.func, node.func.id)
            case vy.Assert() | vy.Log() | vy.AugAssign() | vy.Raise():
                yield from places.statement(node, "statement")
            case vy.Expr() if not isinstance(node.value, (vy.Str, vy.DocStr)):
                yield from places.statement(node, "statement")
            case vy.Assign() if isinstance(node.target, (vy.Attribute, vy.Subscript)):
                yield from places.statement(node, "statement")
            case _:
                pass


def mutants(root: Path, file: str) -> list[Mutant]:
    """Every mutant of a file, in the order of its text, each once.

    Args:
        root: The project.
        file: A `.py` or `.vy` file, as a path from the root.
    """
    source = (root / file).read_text()
    places = Places(file, source)
    made = _vyper(places) if file.endswith(".vy") else _python(places)
    found = {(m.start, m.end, m.text): m for m in made if m.text != m.original}
    return [found[key] for key in sorted(found)]
