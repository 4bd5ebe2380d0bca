"""Text that a generator owns inside a file written by hand: between two marks, compared or rewritten."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


#: What a mark stands between, in code and in Markdown.
CODE, MARKDOWN = ("# ", ""), ("<!-- ", " -->")


def with_block(text: str, name: str, body: str, generator: str, comment: tuple[str, str] = CODE) -> str:
    """The text with the body of one block replaced; marks keep their indentation.

    Args:
        text: A file that holds the marks `# generated: begin NAME by python -m GENERATOR` and `# generated: end NAME`.
        name: Name of the block.
        body: What stands between the marks, without a newline at the end.
        generator: Module that writes the block.
        comment: What makes a mark a comment.

    Raises:
        ValueError: The text does not hold exactly one such block.
    """
    begin, end = (
        re.escape(f"{comment[0]}generated: {mark}{comment[1]}")
        for mark in (f"begin {name} by python -m {generator}", f"end {name}")
    )
    pattern = re.compile(rf"^( *{begin}\n).*?^( *{end})$", re.DOTALL | re.MULTILINE)
    found = pattern.findall(text)
    if len(found) != 1:
        raise ValueError(f"{len(found)} blocks {name} of {generator}, wants one.")
    return pattern.sub(lambda marks: f"{marks[1]}{body}\n{marks[2]}", text)


def block_of(text: str, name: str, generator: str, comment: tuple[str, str] = CODE) -> str:
    """What stands between the marks of one block, which `with_block` would replace."""
    rest = text.split(f"{comment[0]}generated: begin {name} by python -m {generator}{comment[1]}\n", 1)[1]
    return rest.split(f"\n{comment[0]}generated: end {name}{comment[1]}", 1)[0]


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
