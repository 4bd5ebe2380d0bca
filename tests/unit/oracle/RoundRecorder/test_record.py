"""A history for feeds that keep none: what becomes a round, and what a bad source can do (nothing)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boa
import pytest
from eth_abi import encode

from tests.contracts import deployer
from tests.worlds.oracle import PHASE, START, UNIT, Mode


class Recorded:
    """A source whose history is never asked, and its recorder."""

    def __init__(self) -> None:
        boa.env.timestamp = START
        self.source = deployer("MockAggregator").deploy(8, "TEST / USD")
        self.source.push(2000 * UNIT, START - 5)
        self.recorder = deployer("RoundRecorder").deploy(self.source.address)

    def push(self, price: int, age: int = 0) -> None:
        self.source.push(price * UNIT, boa.env.timestamp - age)

    def newest(self) -> tuple[Any, ...]:
        return self.recorder.latestRoundData()


@pytest.fixture
def world() -> Iterator[Recorded]:
    with boa.env.anchor():
        yield Recorded()


def test_deploy__an_answer_is_there__the_first_round(world):
    assert world.newest() == (PHASE | 1, 2000 * UNIT, START - 5, START - 5, PHASE | 1)
    assert world.recorder.source() == world.source.address
    assert world.recorder.decimals() == 8


def test_deploy__no_answer_yet__no_round(world):
    recorder = deployer("RoundRecorder").deploy(deployer("MockAggregator").deploy(8, "NEW / USD").address)
    with boa.reverts("recorder/no-round"):
        recorder.latestRoundData()
    assert not recorder.record()


def test_record__new_answer__a_round_under_its_own_stamp_once(world):
    boa.env.timestamp += 100
    world.push(2100, age=30)
    assert world.recorder.record(sender=boa.env.generate_address("anyone"))
    (event,) = world.recorder.get_logs()
    assert (event.number, event.answer, event.updated_at) == (2, 2100 * UNIT, boa.env.timestamp - 30)
    stamp = boa.env.timestamp - 30
    assert world.newest() == (PHASE | 2, 2100 * UNIT, stamp, stamp, PHASE | 2)
    assert world.recorder.getRoundData(PHASE | 1)[1] == 2000 * UNIT
    # the same update, an hour later, and an older one
    boa.env.timestamp += 3600
    assert not world.recorder.record()
    world.push(1900, age=7200)
    assert not world.recorder.record()


def test_views__answer_that_nobody_recorded__the_round_that_it_would_be(world):
    """Whoever only looks sees what whoever records sees: the same id, answer and stamp."""
    boa.env.timestamp += 100
    world.push(2100, age=30)
    seen = world.newest()
    assert seen[:2] == (PHASE | 2, 2100 * UNIT) and world.recorder.getRoundData(PHASE | 2) == seen
    with boa.reverts("recorder/no-round"):
        world.recorder.getRoundData(PHASE | 3)
    assert world.recorder.record()
    assert world.newest() == world.recorder.getRoundData(PHASE | 2) == seen


def test_record__not_called_between_two_updates__the_first_is_lost(world):
    boa.env.timestamp += 100
    world.push(2100, age=50)
    world.push(2200, age=10)
    assert world.recorder.record()
    assert world.newest()[:2] == (PHASE | 2, 2200 * UNIT)


@pytest.mark.parametrize("mode", [Mode.REVERTS, Mode.ZERO, Mode.NEGATIVE, Mode.INCOMPLETE, Mode.FUTURE, Mode.BURNS_GAS])
def test_record__bad_source__nothing_kept_nothing_broken(world, mode):
    boa.env.timestamp += 100
    world.push(2100)
    world.source.set_mode(mode)
    assert world.newest()[1] == 2000 * UNIT
    assert not world.recorder.record()
    assert world.newest()[1] == 2000 * UNIT
    world.source.set_mode(0)
    assert world.recorder.record()


@pytest.mark.parametrize("length", [0, 32, 128, 159])
def test_record__answer_too_short__nothing_kept(world, length):
    boa.env.timestamp += 100
    hostile = deployer("HostileAggregator").deploy()
    recorder = deployer("RoundRecorder").deploy(hostile.address)
    whole = encode(["uint256"] * 5, [1, 2000 * UNIT, START, START, 1])
    hostile.set_answer(whole[:length])
    assert not recorder.record()
    hostile.set_answer(whole)
    assert recorder.record()


@pytest.mark.parametrize("answer", [2**127, 2**255, 2**256 - 1])
def test_record__absurd_answer__nothing_kept(world, answer):
    hostile = deployer("HostileAggregator").deploy()
    recorder = deployer("RoundRecorder").deploy(hostile.address)
    hostile.set_answer(encode(["uint256"] * 5, [1, answer, START, START, 1]))
    assert not recorder.record()


def test_record__answered_in_an_earlier_round__nothing_kept(world):
    hostile = deployer("HostileAggregator").deploy()
    recorder = deployer("RoundRecorder").deploy(hostile.address)
    hostile.set_answer(encode(["uint256"] * 5, [7, 2000 * UNIT, START, START, 6]))
    assert not recorder.record()


def test_record__source_changed_its_decimals__nothing_kept(world):
    boa.env.timestamp += 100
    world.push(2100)
    other = deployer("MockAggregator").deploy(18, "TEST / USD")
    code = boa.env.get_code(world.source.address)
    boa.env.set_code(world.source.address, boa.env.get_code(other.address))
    assert world.source.decimals() == 18
    assert not world.recorder.record()
    boa.env.set_code(world.source.address, code)
    assert world.recorder.record()


def test_record__too_little_gas__reverts_instead_of_missing_a_round(world):
    boa.env.timestamp += 100
    world.push(2100)
    world.source.set_mode(Mode.BURNS_GAS)
    for gas in (60_000, 90_000, 105_000):
        with boa.reverts("recorder/gas"):
            world.recorder.record(gas=gas)
    assert not world.recorder.record(gas=400_000)


def test_get_round_data__unknown__reverts(world):
    for id_ in (0, 1, PHASE, PHASE | 2, 2 * PHASE | 1):
        with boa.reverts("recorder/no-round"):
            world.recorder.getRoundData(id_)
