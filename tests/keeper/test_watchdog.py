"""A keeper that is unwell for too long ends, and says so; systemd hears that a healthy one lives."""

from __future__ import annotations

import errno
import socket
import sqlite3
import time

import pytest

from bulkhead.chain.errors import BadInput
from bulkhead.keeper.journal import Journal, _cure
from bulkhead.keeper.telemetry import Health
from bulkhead.keeper.watchdog import TEMPORARY, Watchdog


def test_watchdog__complaint_that_lasts__ends_the_process():
    health, ended, said = Health(), [], []
    dog = Watchdog(health, 30.0, lambda event, **fields: said.append((event, fields["reason"])), ended.append)
    now = time.monotonic()
    dog.look(now)
    health.cannot_send = "nothing can be sent"
    dog.look(now + 1)
    dog.look(now + 30)
    assert ended == []
    # well again in between: it counts anew
    health.cannot_send = ""
    dog.look(now + 31)
    health.cannot_send = "nothing can be sent"
    dog.look(now + 32)
    dog.look(now + 61)
    assert ended == []
    dog.look(now + 62)
    assert ended == [TEMPORARY] and said == [("restarting", "nothing can be sent")]


def test_watchdog__never_to_end__does_not():
    health, ended = Health(), []
    health.cannot_send = "the disk is full"
    dog = Watchdog(health, 0.0, lambda *_, **__: None, ended.append)
    for at in (1.0, 10.0**6):
        dog.look(at)
    assert ended == []


def test_watchdog__healthy__tells_systemd(tmp_path, monkeypatch):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(path)
        heard.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        health = Health()
        dog = Watchdog(health, 0.0, lambda *_, **__: None)
        dog.look(time.monotonic())
        assert heard.recv(100) == b"WATCHDOG=1"
        health.cannot_send = "no"
        dog.look(time.monotonic())
        heard.settimeout(0.1)
        with pytest.raises(TimeoutError):
            heard.recv(100)


def test_journal__damaged__is_a_sentence_with_its_cure(tmp_path):
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(BadInput, match="is damaged .* move it away") as found:
        Journal(path, "chain", "0x01")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (sqlite3.OperationalError("attempt to write a readonly database"), "give its folder to the keeper's user"),
        (PermissionError(errno.EACCES, "Permission denied"), "give its folder to the keeper's user"),
        (sqlite3.OperationalError("database or disk is full"), "make room on its disk"),
        (OSError(errno.ENOSPC, "No space left on device"), "make room on its disk"),
        (sqlite3.OperationalError("database is locked"), "Each keeper wants its own"),
    ],
)
def test_journal__that_cannot_be_opened__has_a_cure(error, cure):
    assert cure in _cure("journal.sqlite", error)
