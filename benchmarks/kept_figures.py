"""The command line of a benchmark whose figures are kept in a file and shown on a page that is written from it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Figures = TypeVar("Figures")


@dataclass(frozen=True)
class Benchmark(Generic[Figures]):
    """What is measured, and where it goes.

    Attributes:
        doc: Help of the command.
        measure: Measures.
        table: The figures as they are printed.
        text: The figures as they are kept.
        kept: Where they are kept.
        expected_files: Pages and their text, from what is kept.
    """

    doc: str | None
    measure: Callable[[], Figures]
    table: Callable[[Figures], str]
    text: Callable[[Figures], str]
    kept: Path
    expected_files: Callable[[], Mapping[Path, str]]

    def run(self, arguments: Sequence[str] | None = None) -> int:
        """Measures and prints; writes what is asked for."""
        parser = argparse.ArgumentParser(description=self.doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
        parser.add_argument(
            "--snapshot", action="store_true", help="keep what was measured, and write the page from it"
        )
        options = parser.parse_args(arguments)
        figures = self.measure()
        print(self.table(figures))
        if options.json:
            options.json.write_text(self.text(figures))
        if options.snapshot:
            self.kept.write_text(self.text(figures))
            for path, content in self.expected_files().items():
                path.write_text(content)
        return 0
