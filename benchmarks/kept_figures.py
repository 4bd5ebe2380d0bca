"""The command line of a benchmark whose figures are kept in a file and shown on a page that is written from it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

Figures = TypeVar("Figures")


def run(
    doc: str | None,
    arguments: Sequence[str] | None,
    measure: Callable[[], Figures],
    shown: Callable[[Figures], str],
    text: Callable[[Figures], str],
    kept: Path,
    expected_files: Callable[[], Mapping[Path, str]],
) -> int:
    """Measures and prints; writes what is asked for.

    Args:
        doc: Help of the command.
        arguments: Its arguments; None takes those of the process.
        measure: Measures.
        shown: The figures as a table.
        text: The figures as they are kept.
        kept: Where they are kept.
        expected_files: Pages and their text, from what is kept.

    Returns:
        Exit code.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--snapshot", action="store_true", help="keep what was measured, and write the page from it")
    options = parser.parse_args(arguments)
    figures = measure()
    print(shown(figures))
    if options.json:
        options.json.write_text(text(figures))
    if options.snapshot:
        kept.write_text(text(figures))
        for path, content in expected_files().items():
            path.write_text(content)
    return 0
