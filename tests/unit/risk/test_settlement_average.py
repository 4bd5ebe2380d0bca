"""The settlement average on feeds small enough to sum by hand."""

from __future__ import annotations

import pytest

from bulkhead.risk.settlement_average import (
    History,
    NoPriceInForceError,
    average_price,
    counted_rounds,
    last_in_force,
    price_seconds,
    round_at,
)
from bulkhead.risk.volatility import Round

START = 1_000_000
END = START + 100
PHASE = 2**64


def feed(*rounds: tuple[int, int, int]) -> History:
    """Rounds as (id, price, seconds after the start)."""
    return History.of([Round(id, price, START + at) for id, price, at in rounds])


def test_price_seconds__one_round_before_the_window__its_price_throughout() -> None:
    assert price_seconds(feed((PHASE + 1, 7, -500)), START, END) == 700


def test_price_seconds__rounds_inside__each_from_its_stamp_on() -> None:
    history = feed((PHASE + 1, 10, -5), (PHASE + 2, 20, 30), (PHASE + 3, 40, 90), (PHASE + 4, 99, 100))
    assert price_seconds(history, START, END) == 10 * 30 + 20 * 60 + 40 * 10
    assert price_seconds(history, START, START + 50) == 10 * 30 + 20 * 20


def test_average_price__rounds_down() -> None:
    assert average_price(feed((1, 10, -5), (2, 11, 50)), START, END) == 10


def test_average_price__no_window__the_price_in_force() -> None:
    assert average_price(feed((1, 10, -5), (2, 11, 0), (3, 12, 1)), START, START) == 11


def test_round_at__stamped_at_the_start__counts_from_there() -> None:
    assert round_at(feed((1, 10, -5), (2, 20, 0), (3, 30, 1)), START).id == 2


def test_counted_rounds__stamps_go_back__those_rounds_do_not_count() -> None:
    history = feed((1, 10, -5), (2, 20, 40), (3, 30, 20), (4, 40, 40), (5, 50, 60))
    assert [reading.id for reading in counted_rounds(history, START)] == [1, 2, 4, 5]


def test_counted_rounds__stamp_goes_back_over_the_start__the_sum_starts_there() -> None:
    history = feed((1, 10, -5), (2, 20, 40), (3, 30, -1), (4, 40, 60))
    assert [reading.id for reading in counted_rounds(history, START)] == [3, 4]


def test_counted_rounds__unreadable_rounds__the_one_before_stays_in_force() -> None:
    assert price_seconds(feed((1, 10, -5), (2, 0, 40), (3, 30, 50)), START, END) == 10 * 50 + 30 * 50


def test_counted_rounds__round_ahead_of_the_end__hides_what_is_behind_it() -> None:
    history = feed((1, 10, -5), (2, 20, 200), (3, 30, 50))
    assert price_seconds(history, START, END) == 1000


def test_counted_rounds__newest_id__later_ones_do_not_exist() -> None:
    history = feed((1, 10, -5), (2, 20, 50))
    assert price_seconds(History(history.rounds, 1), START, END) == 1000


def test_counted_rounds__phase_changes_inside__older_one_ends_at_the_stamp_of_the_new_ones_first() -> None:
    history = feed((PHASE + 8, 10, -5), (PHASE + 9, 20, 30), (PHASE + 10, 30, 70), (2 * PHASE + 3, 40, 60))
    assert price_seconds(history, START, END) == 10 * 30 + 20 * 30 + 40 * 40


def test_counted_rounds__new_phase_ran_before_the_window__only_it_counts() -> None:
    history = feed((PHASE + 8, 10, -5), (PHASE + 9, 20, 30), (2 * PHASE + 1, 30, -50), (2 * PHASE + 2, 40, 50))
    assert price_seconds(history, START, END) == 30 * 50 + 40 * 50


def test_counted_rounds__eight_unreadable_ids__end_an_older_phase_but_not_the_newest() -> None:
    old = [(PHASE + 1, 10, -5), (PHASE + 9, 20, 10), (PHASE + 18, 99, 20)]
    new = [(2 * PHASE + 1, 40, 50), (2 * PHASE + 30, 50, 90)]
    assert [r.id for r in counted_rounds(feed(*old, *new), START)] == [PHASE + 1, PHASE + 9, new[0][0], new[1][0]]


def test_counted_rounds__nothing_at_the_start__an_error() -> None:
    for history in (feed(), feed((1, 10, 1)), feed((1, 0, -5), (2, 10, 5))):
        with pytest.raises(NoPriceInForceError):
            counted_rounds(history, START)


def test_last_in_force__at_a_moment__the_last_that_counts() -> None:
    history = feed((1, 10, -5), (2, 20, 40), (3, 30, 41), (4, 40, 20))
    assert [last_in_force(history, START, START + at).price for at in (0, 39, 40, 41, 99)] == [10, 10, 20, 30, 30]
