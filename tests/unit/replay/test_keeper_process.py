"""Waiting for a line of a keeper that runs as another program: it may come, come late, or never."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.chain.errors import BulkheadError
from bulkhead.replay.keepers import KeeperProcess

TICK = {"event": "tick", "block": 7}


class News:
    """What the reader tells; each time that somebody waits for it the next thing happens."""

    def __init__(self, *happens: Callable[[], bool]) -> None:
        self.happens = list(happens)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    def wait(self, timeout: float) -> bool:
        return self.happens.pop(0)()


def waiting(runs: bool, reads: bool) -> Any:
    """A keeper whose program runs or has ended, and whose last lines are still being read or have been."""
    keeper: Any = object.__new__(KeeperProcess)
    keeper.lines = [{"event": "started"}]
    keeper.process = SimpleNamespace(poll=lambda: None if runs else 0)
    keeper._reader = SimpleNamespace(is_alive=lambda: reads)
    return keeper


def comes(keeper: Any) -> Callable[[], bool]:
    def told() -> bool:
        keeper.lines.append(TICK)
        return True

    return told


@pytest.mark.parametrize(("runs", "reads"), [(True, True), (True, False), (False, True)])
def test_wait_for__line_that_may_still_come__is_waited_for(runs, reads):
    """Of a program that has ended too, while its last lines are still being read."""
    keeper = waiting(runs, reads)
    keeper._news = News(lambda: True, comes(keeper))
    assert keeper.wait_for_look(7) == (TICK, 2)


def test_wait_for__program_and_reader_have_ended__says_so():
    keeper = waiting(False, False)
    keeper._news = News()
    with pytest.raises(BulkheadError, match="has ended"):
        keeper.wait_for_look(7)
    # what has been read before counts all the same
    keeper.lines.append(TICK)
    assert keeper.wait_for_look(7) == (TICK, 2)
    with pytest.raises(BulkheadError, match="has ended"):
        keeper.wait_for_look(7, start=2)


def test_wait_for__program_that_says_nothing__is_not_waited_for_for_ever():
    keeper = waiting(True, True)
    keeper._news = News(lambda: False)
    with pytest.raises(BulkheadError, match="nothing new"):
        keeper.wait_for_look(7)


def test_wait_for__program_ends_while_one_waits__is_told_as_that():
    keeper = waiting(True, True)

    def ends() -> bool:
        keeper.process = SimpleNamespace(poll=lambda: 0)
        keeper._reader = SimpleNamespace(is_alive=lambda: False)
        return False

    keeper._news = News(ends)
    with pytest.raises(BulkheadError, match="has ended"):
        keeper.wait_for_look(7)
