"""JSON log lines, with every known secret struck out."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable
from typing import Any, TextIO
from urllib.parse import quote, unquote

#: Shorter strings are not struck out: they would hit innocent text.
LEAST_SECRET = 8


class JsonLog:
    """One JSON object per line.

    Attributes:
        stream: Where lines go.
        secrets: Texts that never appear: keys, passwords, parts of URLs.
    """

    def __init__(self, stream: TextIO, secrets: Iterable[str] = ()) -> None:
        self.stream = stream
        long = [s for s in secrets if len(s) >= LEAST_SECRET]
        # as they are, as JSON writes them, and as a URL does
        forms = {form for s in long for form in (s, json.dumps(s)[1:-1], quote(s, safe=""), quote(s), unquote(s))}
        self.secrets = sorted(forms, key=len, reverse=True)

    def __call__(self, event: str, **fields: Any) -> None:
        """Writes one line."""
        text = json.dumps({"time": round(time.time(), 3), "event": event, **fields}, default=_plain)
        for secret in self.secrets:
            text = text.replace(secret, "***")
        # a full disk or a reader that has gone must not end the watch
        with contextlib.suppress(OSError):
            self.stream.write(text + "\n")
            self.stream.flush()


def _plain(value: object) -> object:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
