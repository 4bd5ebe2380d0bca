"""Tasks beside a loop end, also when a library swallows their cancellation."""

from __future__ import annotations

import asyncio

import pytest

from bulkhead.chain import background
from bulkhead.chain.background import end


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(background, "AGAIN_SECONDS", 0.01)


async def for_ever(swallows: int = 0) -> None:
    """A loop that takes so many cancellations for timeouts of its own."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not swallows:
                raise
            swallows -= 1


async def failing() -> None:
    raise ValueError("lost")


async def done() -> int:
    return 1


@pytest.mark.parametrize("swallows", [0, 1, 3])
def test_end__task_that_swallows_cancellations__is_cancelled_until_it_ends(swallows):
    async def play() -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(for_ever(swallows)), asyncio.create_task(for_ever())]
        await asyncio.sleep(0)
        await end(tasks)
        return tasks

    assert all(task.cancelled() for task in asyncio.run(play()))


def test_end__tasks_that_ended_by_themselves__keep_what_they_gave_and_raise_nothing():
    async def play() -> tuple[int, BaseException | None]:
        failed, well = asyncio.create_task(failing()), asyncio.create_task(done())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await end([failed, well])
        await end([])
        return well.result(), failed.exception()

    found, error = asyncio.run(play())
    assert found == 1 and isinstance(error, ValueError)
