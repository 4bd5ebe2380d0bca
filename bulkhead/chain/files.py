"""Files that somebody names: what cannot be read is a sentence, whatever the name is and whatever lies there."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bulkhead.chain.errors import BadInput


def is_file(path: Path | str) -> bool:
    """Whether something is there that can be read as a file."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # too long a name, or a zero byte within it
        return False


def read_bytes(path: Path | str) -> bytes:
    """Content of a file.

    Raises:
        BadInput: There is none, or it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise BadInput(f"There is no file {path}.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:  # a zero byte within the name
        raise BadInput(f"{str(path)!r} is not the name of a file.") from None


def read_text(path: Path | str) -> str:
    """Text of a file in UTF-8, with or without a mark of that.

    Raises:
        BadInput: There is none, or it is no text.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no text in UTF-8.") from None


def parse_json(text: str, where: str) -> Any:
    """Content of a JSON text; `where` is what errors call it.

    Raises:
        BadInput: It is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} is not JSON: {error}.") from None


def read_toml(path: Path | str) -> dict[str, Any]:
    """Content of a TOML file.

    Raises:
        BadInput: There is none, or it is something else.
    """
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not TOML: {error}.") from None


def first_fault(error: ValidationError, count_from: int = 0) -> tuple[str, str, bool]:
    """(where, what, whether there is no such setting) of the first thing that a model refused.

    Args:
        error: What the model said.
        count_from: Number of the first entry of a list.
    """
    first = error.errors()[0]
    where = ".".join(str(part + count_from if isinstance(part, int) else part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ").removesuffix(".")
    return where, said, first["type"] == "extra_forbidden"


def write_whole(path: Path, text: str, mode: int = 0o666) -> None:
    """Writes a file at once or not at all: one that is read by others is never half of what it is to be.

    Args:
        path: The file.
        text: Its content.
        mode: Who may read and write it, less what the system takes away.

    Raises:
        BadInput: A sentence that names the file.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.touch(mode=mode)
        part.write_text(text)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
