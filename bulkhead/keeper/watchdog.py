"""Ends a keeper that has been unwell for too long, so that whoever runs it starts it again, and tells systemd it lives.

In a thread of its own: an event loop that hangs cannot say so.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

from bulkhead.keeper.outcomes import Report
from bulkhead.keeper.telemetry import Health

#: Seconds between looks.
EVERY = 1.0
#: Exit status of a keeper that ends itself: a temporary failure, in the words of sysexits.
TEMPORARY = 75


def notify(text: str) -> None:
    """Tells systemd, where it started this process as `Type=notify`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.sendto(text.encode(), address)
    except OSError:
        return


class Watchdog:
    """Looks at a keeper's health.

    Attributes:
        health: What it looks at.
        seconds: How long a complaint may last, 0 for ever.
    """

    def __init__(self, health: Health, seconds: float, report: Report, end: Callable[[int], object] = os._exit) -> None:
        self.health, self.seconds = health, seconds
        self._report, self._end = report, end
        self._done = threading.Event()
        self._unwell_since = 0.0

    def start(self) -> None:
        """Starts to look."""
        notify("READY=1")
        threading.Thread(target=self._run, daemon=True, name="watchdog").start()

    def stop(self) -> None:
        """Looks no more: the keeper ends by itself."""
        self._done.set()

    def _run(self) -> None:
        while not self._done.wait(EVERY):
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Looks once."""
        complaint = self.health.complaint()
        if not complaint:
            self._unwell_since = 0.0
            notify("WATCHDOG=1")
            return
        self._unwell_since = self._unwell_since or now
        if self.seconds and now - self._unwell_since >= self.seconds:
            self._report("restarting", reason=complaint)
            self._end(TEMPORARY)
