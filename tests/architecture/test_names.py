"""The names of the field in Python: nothing of a theatre."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import ROOT

#: Words that once stood for participants, many vaults, a local market and the like.
FORBIDDEN = {"cast", "crowd", "hands", "asking", "proofs"}
#: Words of somebody else: a type of Arrow's columns is changed by `cast`.
GIVEN = {"benchmarks/coins.py": {"cast"}}
FOLDERS = ("bulkhead", "benchmarks", "scripts", "tests")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def names_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_file__has_names_of_the_field(path):
    # constants in capitals mirror those of the contracts
    names = {name.strip("_") for name in names_of(ast.parse(path.read_text())) if not name.isupper()}
    found = {path.stem, *(name.lower() for name in names)} & FORBIDDEN - GIVEN.get(str(path.relative_to(ROOT)), set())
    assert not found, f"{path.name}: {found}"
