"""Vaults that are opened at their initial margin in a calm week and left alone: how many a rule liquidates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bulkhead.risk.batch import Book, Floats
from bulkhead.risk.crash.rules import Rule, stamped
from bulkhead.risk.crash.tape import DAY, Tape, expiries_after

WEEK = 7 * DAY
#: A week is calm when no hour in it, from close to close, moved by more than this, and the week by no more than that.
CALM_HOUR, CALM_WEEK = 0.02, 0.05


def calm_weeks(at: Floats, close: Floats, since: int, until: int) -> list[int]:
    """Indices at which calm weeks begin, without overlap, between two moments [unix seconds].

    Args:
        at: Stamps of hourly closes.
        close: The closes.
        since: First moment.
        until: Last moment.
    """
    found, hours = [], WEEK // 3600
    index = int(np.searchsorted(at, since))
    while index + hours < len(at) and at[index + hours] <= until:
        part = close[index : index + hours + 1]
        moved = np.abs(np.diff(np.log(part))).max()
        if moved <= CALM_HOUR and part.max() / part.min() - 1 <= CALM_WEEK:
            found.append(index)
            index += hours
        else:
            index += 24
    return found


def liquidated(book: Book, tape: Tape, rule: Rule) -> tuple[int, int]:
    """(vaults that could be liquidated at some round before they expire, vaults that needed a margin)."""
    expiries = expiries_after(int(tape.at[0]))
    book = stamped(book, float(tape.sigma[0]))
    need = rule(book, tape.cells(0, expiries), opening=True)
    collateral = np.maximum(np.ceil((need.initial - need.value) * 1e6) / 1e6, 0.0)
    counted = need.initial > 0
    fell = np.zeros(len(book), np.bool_)
    for index in range(len(tape)):
        open_ = np.flatnonzero((expiries[book.cell] > tape.at[index]) & counted & ~fell & (collateral < -book.least))
        if not len(open_):
            break
        now = rule(book.take(open_), tape.cells(index, expiries))
        fell[open_] = collateral[open_] + now.value < now.maintenance
    return int(fell.sum()), int(counted.sum())


def share(outcomes: Sequence[tuple[int, int]]) -> float:
    """Of all vaults of several weeks, how many were liquidated."""
    return sum(fell for fell, _ in outcomes) / max(sum(count for _, count in outcomes), 1)
