"""Random vaults through a made-up crash on the real contracts: every flag, take and payment equals the mirrors."""

from __future__ import annotations

from benchmarks import crash_chain
from bulkhead.replay.rounds import Round

#: Thursday 12 March 2020, 04:00 UTC: four hours before an expiry.
START = 1_583_985_600


def test_play__random_vaults_in_a_crash__equal_both_mirrors():
    falling = [Round(START + 900 * i, int(200e8 * 0.95**i)) for i in range(6)]
    found = crash_chain.play(falling, count=4, symbol="ETH", seed=1)
    assert not found["failed"], found["wrong"]
    assert found["flags"] >= 2 and found["takes"] >= 2 and found["settled"] >= 4
    assert found["distance"] < 1e-9
    assert found["recovery"] == 1.0
