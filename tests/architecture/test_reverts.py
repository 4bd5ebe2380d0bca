"""Every refusal has a name, every name has a test."""

from __future__ import annotations

import re
from functools import cache

import pytest
from vyper.ast import nodes

from tests.architecture.sources import ROOT, Source, product

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")


@cache
def text_of_tests() -> str:
    return "\n".join(p.read_text() for p in sorted((ROOT / "tests").rglob("*.py")))


def refusals(source: Source) -> list[tuple[nodes.VyperNode, nodes.VyperNode | None]]:
    found = [(node, node.msg) for node in source.tree.get_descendants(nodes.Assert)]
    found += [(node, node.exc) for node in source.tree.get_descendants(nodes.Raise)]
    return found


@pytest.mark.parametrize("source", product(), ids=lambda s: s.name)
def test_refusal__is_a_literal_or_tagged_unreachable(source: Source):
    for node, reason in refusals(source):
        where = f"{source.name}:{node.lineno}"
        if reason is None:
            assert re.search(r"# dev: INV-\d\d", source.lines_of(node)), f"{where}: a bare assert without its invariant"
            continue
        if isinstance(reason, nodes.Name):
            # a plan made by a module carries its reason; the literal is where the plan is made
            assert reason.id == "reason", f"{where}: the reason is neither a literal nor a plan's"
            continue
        assert isinstance(reason, nodes.Str), f"{where}: the reason is not a literal"
        assert NAME.fullmatch(reason.value), f"{where}: {reason.value!r} is not module/kebab-reason"


@pytest.mark.parametrize("source", product(), ids=lambda s: s.name)
def test_refusal__is_short_and_named_by_a_test(source: Source):
    names = {text.value for text in source.tree.get_descendants(nodes.Str) if NAME.fullmatch(text.value)}
    long = sorted(name for name in names if len(name) > 32)
    assert not long, f"{source.name}: more than 32 characters: {long}"
    untested = sorted(
        name for name in names if f'"{name}"' not in text_of_tests() and f"'{name}'" not in text_of_tests()
    )
    assert not untested, f"{source.name}: no test names {untested}"
