"""Random vaults through a made-up crash on the real contracts: every flag, take and payment equals the mirrors."""

from __future__ import annotations

from benchmarks import crash_chain
from bulkhead.replay.price_paths.rounds import Round

#: Thursday 12 March 2020, 04:00 UTC: four hours before an expiry.
START = 1_583_985_600


def test_play__random_vaults_in_a_crash__equal_both_mirrors():
    falling = [Round(START + 900 * i, int(200e8 * 0.95**i)) for i in range(6)]
    found = crash_chain.play(falling, count=10, symbol="ETH", seed=1)
    assert not found["failed"], found["wrong"]
    assert found["flags"] >= 5 and found["takes"] >= 5 and found["settled"] >= 5 and not found["refused"]
    assert found["distance"] < 1e-9
    # the fall beats some of them: insurance and the winners bear it
    assert found["insurance"] > 0 and 0.8 < found["recovery"] < 1


def test_play__price_comes_back_before_takes_pay__flags_are_refreshed_and_end():
    answers = [200, 184, 170, 200, 204]
    fall_and_rise = [Round(START + 120 * i, int(answer * 1e8)) for i, answer in enumerate(answers)]
    found = crash_chain.play(fall_and_rise, count=10, symbol="ETH", seed=1)
    assert not found["failed"], found["wrong"]
    assert found["flags"] and found["refreshed"] and not found["refused"]
