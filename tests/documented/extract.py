"""The commands that README and docs name: blocks of a shell, and code in a line that begins as a command does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
#: What a command begins with.
_PROGRAM = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:make|bulkhead|python3?|ape|anvil|pytest|node|npm|pip|uv|docker|pre-commit|bash|\.) (?!--?$)\S"
)
#: Programs that are commands by themselves; `bulkhead` and `anvil` alone are names.
_SHELLS = ("", "bash", "sh")


@dataclass(frozen=True)
class Command:
    """A command, or a block of a shell whose lines share variables.

    Attributes:
        page: Where it stands.
        text: As written; a command in a line without its line breaks.
        block: Whether it is a block.
    """

    page: str
    text: str
    block: bool = False


def pages() -> list[Path]:
    """README and docs; decisions and the changelog speak of what was."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "STYLE.md")]
    return [*top, ROOT / "deployments" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _is_shell(kind: str, text: str) -> bool:
    return kind in _SHELLS and any(_PROGRAM.match(line) for line in text.splitlines())


def commands_of(page: Path) -> list[Command]:
    """Commands of a page, in order and each once."""
    name, text = page.relative_to(ROOT).as_posix(), page.read_text()
    blocks = [Command(name, body, block=True) for kind, body in _FENCE.findall(text) if _is_shell(kind, body)]
    spans = (" ".join(code.split()) for code in _CODE.findall(_FENCE.sub("", text)))
    return list(dict.fromkeys([*blocks, *(Command(name, code) for code in spans if _PROGRAM.match(code))]))


def commands() -> list[Command]:
    """All of them."""
    return [command for page in pages() for command in commands_of(page)]
