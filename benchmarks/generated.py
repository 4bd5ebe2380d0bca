"""Text that a generator owns inside a file written by hand: between two marks, compared or rewritten."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def with_block(text: str, name: str, body: str, generator: str) -> str:
    """The text with the body of one block replaced; marks keep their indentation.

    Args:
        text: A file that holds the marks `# generated: begin NAME by python -m GENERATOR` and `# generated: end NAME`.
        name: Name of the block.
        body: What stands between the marks, without a newline at the end.
        generator: Module that writes the block.

    Raises:
        ValueError: The text does not hold exactly one such block.
    """
    begin = re.escape(f"# generated: begin {name} by python -m {generator}")
    end = re.escape(f"# generated: end {name}")
    pattern = re.compile(rf"^( *{begin}\n).*?^( *{end})$", re.DOTALL | re.MULTILINE)
    found = pattern.findall(text)
    if len(found) != 1:
        raise ValueError(f"{len(found)} blocks {name} of {generator}, wants one.")
    return pattern.sub(lambda marks: f"{marks[1]}{body}\n{marks[2]}", text)


def different(files: dict[Path, str]) -> list[Path]:
    """Files whose text is not the given one."""
    return [path for path, text in files.items() if not path.exists() or path.read_text() != text]


def run(files: dict[Path, str], description: str | None = None) -> int:
    """Writes what differs, or with `--check` only says so; the exit code is 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="say what differs and write nothing")
    check = parser.parse_args().check
    stale = different(files)
    for path in stale:
        print(f"{'differs:' if check else 'writes'} {path.relative_to(ROOT)}")
        if not check:
            path.write_text(files[path])
    return 1 if stale and check else 0
