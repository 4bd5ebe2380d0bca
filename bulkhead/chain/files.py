"""Files that somebody names: what cannot be read is a sentence, whatever the name is and whatever lies there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
