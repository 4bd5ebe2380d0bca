"""Whoever calls a function finds out what it does without reading its body."""

from __future__ import annotations

import pytest

from tests.architecture.sources import Source, contracts

DESCRIBED = contracts()


@pytest.mark.parametrize("source", DESCRIBED, ids=lambda s: s.name)
def test_externals__have_notices(source: Source):
    bare = [f.name for f in source.externals if f.doc_string is None or "@notice" not in f.doc_string.value]
    assert not bare, f"{source.name}: no @notice on {bare}"


@pytest.mark.parametrize("source", DESCRIBED, ids=lambda s: s.name)
def test_externals__describe_arguments_and_results(source: Source):
    missing = []
    for function in source.externals:
        text = function.doc_string.value if function.doc_string else ""
        missing += [f"{function.name}: {a.arg}" for a in function.args.args if f"@param {a.arg} " not in text]
        if function.returns is not None and "@return " not in text:
            missing.append(f"{function.name}: its result")
    assert not missing, f"{source.name}: not described: {missing}"
