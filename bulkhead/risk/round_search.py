"""Where the sum of a settlement window starts: the id of the round in force then, in whatever phase of the feed it is.

A proxy numbers its rounds `phase << 64 | round of the aggregator`, so neither how many rounds an older phase has nor
where in it a moment lies can be computed. Both are found by reading: doubling the round until a phase has ended, then
parting what is left. The search itself reads nothing. It asks for ids and is told stamps, so that it can be driven by
posts to a node or by a list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence

from bulkhead.risk.settlement_average import END_OF_PHASE, PHASE_BITS

#: Places looked at in one post, each with as many ids in a row as may be unreadable within a phase.
PLACES = 6
#: No aggregator has had as many rounds: one each second makes 2^40 in 35,000 years.
MOST_ROUNDS = 1 << 40
#: Posts of one search. One phase of a million rounds takes about 12.
MOST_POSTS = 200

#: Asks for ids, is sent their stamps [unix seconds] (0: the round cannot be read or its answer does not count), returns
#: the id found or None.
Search = Generator[list[int], Sequence[int], int | None]


def find_start(newest: int, start: int) -> Search:
    """The highest id, in the newest phase that has one, of a round stamped at or before `start`.

    Exact where stamps go forward and no more than seven ids in a row are missing. Where they do not, the round found
    is at or before the start and the next 16 are later: what the contract takes for a start, and corrects as it walks.

    Args:
        newest: Id of the feed's newest round.
        start: Beginning of the window [unix seconds].
    """
    current = newest >> PHASE_BITS
    for phase in range(current, min(current, 1) - 1, -1):
        base = phase << PHASE_BITS
        last = newest - base if phase == current else None
        found = yield from _in_phase(base, last, start)
        if found is not None:
            return found
    return None


def find(search: Search, stamp_of: Callable[[int], int]) -> int | None:
    """Runs a search on a reader of single rounds."""
    return find_in_parts(search, lambda ids: [stamp_of(id) for id in ids])


def find_in_parts(search: Search, stamps_of: Callable[[list[int]], Sequence[int]]) -> int | None:
    """Runs a search on a reader of many rounds at once; what that raises ends it."""
    try:
        ids = next(search)
        for _ in range(MOST_POSTS):
            ids = search.send(stamps_of(ids))
    except StopIteration as end:
        return _result(end)
    return None


async def find_in_posts(search: Search, stamps_of: Callable[[list[int]], Awaitable[Sequence[int]]]) -> int | None:
    """`find_in_parts` for a reader that is waited for."""
    try:
        ids = next(search)
        for _ in range(MOST_POSTS):
            ids = search.send(await stamps_of(ids))
    except StopIteration as end:
        return _result(end)
    return None


def _result(end: StopIteration) -> int | None:
    found: int | None = end.value
    return found


def _in_phase(base: int, last: int | None, start: int) -> Search:
    """The search within one phase; `last` is its last round where that is known."""
    first, stamp = (yield from _look(base, [1], last))[0]
    if stamp > start or not (stamp or last):
        return None
    held, beyond = (first if stamp else 0), 0
    if last is None:
        held, beyond = yield from _double(base, held, start)
    else:
        beyond = last + 1
    held = yield from _part(base, held, beyond, start, last)
    return (yield from _settle(base, held, start, last)) if held else None


def _look(base: int, places: list[int], last: int | None) -> Generator[list[int], Sequence[int], list[tuple[int, int]]]:
    """(round, stamp) of the first readable round at or behind each place, (place, 0) where eight in a row are not."""
    runs = [list(range(n, n + END_OF_PHASE if last is None else min(n + END_OF_PHASE, last + 1))) for n in places]
    asked = sorted({n for run in runs for n in run})
    stamps = dict(zip(asked, (yield [base + n for n in asked]), strict=True))
    readable = [[n for n in run if stamps[n]] for run in runs]
    return [(ns[0], stamps[ns[0]]) if ns else (place, 0) for place, ns in zip(places, readable, strict=True)]


def _double(base: int, held: int, start: int) -> Generator[list[int], Sequence[int], tuple[int, int]]:
    """(a round at or before the start, a round behind all such ones) of a phase whose length is not known."""
    place = held
    while place < MOST_ROUNDS:
        asked = [place << k for k in range(1, PLACES + 1)]
        for place, (n, stamp) in zip(asked, (yield from _look(base, asked, None)), strict=True):
            if stamp > start or not stamp:
                return held, place
            held = n
    return held, place


def _part(base: int, held: int, beyond: int, start: int, last: int | None) -> Generator[list[int], Sequence[int], int]:
    """Narrows (held, beyond) down to the last round at or before the start."""
    places = PLACES
    while beyond - held > 1:
        step = -(-(beyond - held) // (places + 1))
        before = (held, beyond)
        asked = list(range(held + step, beyond, step))
        for place, (n, stamp) in zip(asked, (yield from _look(base, asked, last)), strict=True):
            if place >= beyond:
                break
            if stamp > start or n >= beyond or (not stamp and last is None):
                # nothing between the place and the round that answered for it can be read
                beyond = place
            elif stamp:
                held = n
        if (held, beyond) != before:
            places = PLACES
        elif step == 1:
            break
        else:
            places *= 2
    return held


def _settle(base: int, held: int, start: int, last: int | None) -> Generator[list[int], Sequence[int], int]:
    """Steps over rounds out of order: on, while one of the next sixteen is at or before the start."""
    while True:
        end = held + 2 * END_OF_PHASE + 1
        asked = list(range(held + 1, end if last is None else min(end, last + 1)))
        if not asked:
            return base + held
        stamps = yield [base + n for n in asked]
        more = [n for n, stamp in zip(asked, stamps, strict=True) if 0 < stamp <= start]
        if not more:
            return base + held
        held = more[-1]
