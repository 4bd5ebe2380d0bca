"""What a program is at, for people who wait: one line on a terminal once something takes more than two seconds.

Whatever may take long says so with `doing`; who is in charge of the terminal wraps it all in `shown`. Without that, and
where standard error is no terminal, nothing is ever written.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

#: What takes longer than this is shown [seconds].
PATIENCE = 2.0
#: Between two looks at what is going on [seconds].
TICK = 0.25
#: Most characters of the line on a terminal that does not say how wide it is.
WIDTH = 79


@dataclass(eq=False)
class Activity:
    """Something that may take long.

    Attributes:
        text: What it is, as people say it.
        since: When it began [seconds of `time.monotonic`].
        done: Steps taken.
        steps: Steps there are, 0 for unknown.
    """

    text: str
    since: float = field(default_factory=time.monotonic)
    done: int = 0
    steps: int = 0

    def step(self, text: str | None = None) -> None:
        """One more step is taken; the next may have a text of its own."""
        self.done += 1
        if text is not None:
            self.text = text

    def line(self, now: float) -> str:
        """What is shown."""
        share = f" {self.done}/{self.steps}" if self.steps else ""
        return f"{self.text}{share}, {now - self.since:.0f} s"


#: What is going on, the innermost last. One program has one terminal.
_activities: list[Activity] = []


@contextmanager
def doing(text: str, steps: int = 0) -> Iterator[Activity]:
    """Names what happens inside.

    Args:
        text: What it is, for instance "waiting for a receipt".
        steps: Steps that it takes, told by `Activity.step`; 0 when there are none to count.
    """
    activity = Activity(text, steps=steps)
    _activities.append(activity)
    try:
        yield activity
    finally:
        _activities.remove(activity)


def current(now: float, patience: float = PATIENCE) -> Activity | None:
    """The innermost activity that has taken longer than people like to wait without a word."""
    return next((one for one in reversed(list(_activities)) if now - one.since > patience), None)


class Line:
    """The line on a terminal: written over, and taken away before anything else is written."""

    def __init__(self, stream: TextIO, width: int) -> None:
        self._stream = stream
        self._width = width
        self._shown = ""
        self._lock = threading.Lock()

    def show(self, text: str) -> None:
        """Writes the line in place of the one before."""
        with self._lock:
            fits = text if len(text) <= self._width else text[: self._width - 1] + "…"
            self._stream.write("\r" + fits.ljust(len(self._shown)))
            self._stream.flush()
            self._shown = fits

    def clear(self) -> None:
        """Takes the line away."""
        with self._lock:
            if self._shown:
                self._stream.write("\r" + " " * len(self._shown) + "\r")
                self._stream.flush()
                self._shown = ""


_lines: list[Line] = []


def clear() -> None:
    """Takes the line away, so that something else can be written; it comes back when the wait goes on."""
    for line in _lines:
        line.clear()


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size((WIDTH + 1, 24)).columns - 1


@contextmanager
def shown(text: str, stream: TextIO | None = None, patience: float = PATIENCE, tick: float = TICK) -> Iterator[None]:
    """Shows what happens inside once it takes long, if the stream is a terminal.

    Args:
        text: What it is as a whole.
        stream: Where to write; standard error.
        patience: What takes longer is shown [seconds].
        tick: Between two looks [seconds].
    """
    out = sys.stderr if stream is None else stream
    if not out.isatty() or _lines:
        yield
        return
    line, over = Line(out, _columns()), threading.Event()

    def watch() -> None:
        while not over.wait(tick):
            now = time.monotonic()
            activity = current(now, patience)
            if activity is not None:
                line.show(activity.line(now))

    watcher = threading.Thread(target=watch, name="progress", daemon=True)
    _lines.append(line)
    try:
        with doing(text):
            watcher.start()
            yield
    finally:
        over.set()
        watcher.join()
        line.clear()
        _lines.remove(line)
