"""What a committed generator writes is what is committed."""

from __future__ import annotations

import pytest

from benchmarks import access_lists, gas_page, generated, rollups
from scripts import generate_coefficients, generate_scenarios, typescript


@pytest.mark.parametrize(
    "generator", [access_lists, gas_page, rollups, generate_coefficients, generate_scenarios], ids=lambda g: g.__name__
)
def test_generator__run_again__gives_what_is_committed(generator):
    assert [path.name for path in generated.different(generator.expected_files())] == []


def test_block__marks_missing_or_twice__is_refused():
    block = "# generated: begin a by python -m b\nold\n# generated: end a\n"
    assert generated.with_block(block, "a", "new", "b") == block.replace("old", "new")
    for text in ("", block + block):
        with pytest.raises(ValueError, match="wants one"):
            generated.with_block(text, "a", "new", "b")


def test_typescript__generated_again__is_what_is_committed():
    assert typescript.drifted() == []
