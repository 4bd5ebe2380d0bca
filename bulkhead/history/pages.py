"""Cursors: where a list goes on, bound to the question that was asked."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from bulkhead.chain.errors import BadInput

#: Entries of a page, by default and at most.
USUAL, MOST = 50, 500


@dataclass(frozen=True)
class Place:
    """The last entry of a page: (block, log index), or (0, id)."""

    block: int
    index: int


def mark_of(question: str, filters: Mapping[str, object]) -> str:
    """What tells one question from another."""
    text = question + "".join(f"&{name}={value}" for name, value in sorted(filters.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def cursor_of(mark: str, place: Place) -> str:
    """A place as text."""
    return base64.urlsafe_b64encode(f"{mark}.{place.block}.{place.index}".encode()).decode().rstrip("=")


def place_of(mark: str, cursor: str) -> Place:
    """The place that a cursor of this question names.

    Raises:
        BadInput: It is no cursor, or one of another question.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        told, block, index = text.split(".")
        place = Place(int(block), int(index))
    except (ValueError, UnicodeError):
        raise BadInput("The cursor is none of this service.") from None
    if not (0 <= place.block < 2**63 and 0 <= place.index < 2**63) or cursor_of(told, place) != cursor:
        raise BadInput("The cursor is none of this service.")
    if told != mark:
        raise BadInput("The cursor belongs to another question: keep the filters while you turn pages.")
    return place
