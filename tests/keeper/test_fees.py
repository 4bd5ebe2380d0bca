"""What gas may cost, step by step."""

from __future__ import annotations

from dataclasses import replace

from bulkhead.keeper.fees import GWEI, FeePolicy
from bulkhead.risk.words import WAD


def test_cap__share_of_the_gain__over_the_gas_it_needs():
    fees = FeePolicy(share=WAD // 2, coin_price=2000 * WAD, duty_cap=GWEI)
    # 100 quote are 0.05 coins, half of it over 130,000/1.3 gas
    assert fees.cap(100 * WAD, 130_000) == 25 * 10**15 // 100_000
    assert fees.cap(0, 130_000) == fees.duty_cap
    assert fees.cap(10**9 * WAD, 130_000) == fees.top_cap
    assert replace(fees, coin_price=0).cap(100 * WAD, 130_000) == fees.duty_cap


def test_first__cap_below_the_next_base_fee__does_not_send():
    fees = FeePolicy(tip=GWEI)
    assert fees.first(10 * GWEI, 100 * GWEI) == (21 * GWEI, GWEI)
    assert fees.first(10 * GWEI, 15 * GWEI) == (15 * GWEI, GWEI)
    assert fees.first(10 * GWEI, 12 * GWEI) is None


def test_bumped__both_fees__grow_by_an_eighth_and_follow_the_base_fee_up_to_the_cap():
    fees = FeePolicy(tip=GWEI)
    assert fees.bumped(16 * GWEI, 8 * GWEI, GWEI, 100 * GWEI) == (18 * GWEI, 9 * GWEI)
    assert fees.bumped(16 * GWEI, 8 * GWEI, 30 * GWEI, 100 * GWEI) == (61 * GWEI, 9 * GWEI)
    assert fees.bumped(16 * GWEI, 8 * GWEI, 90 * GWEI, 100 * GWEI) == (100 * GWEI, 9 * GWEI)
    assert fees.bumped(16 * GWEI, 8 * GWEI, GWEI, 17 * GWEI) is None


def test_suggested__tip_of_a_node__counts_between_floor_and_cap():
    fees = FeePolicy(tip_floor=GWEI, tip_cap=30 * GWEI)
    assert [fees.suggested(tip).tip for tip in (0, 25 * GWEI, 500 * GWEI)] == [GWEI, 25 * GWEI, 30 * GWEI]


def test_refused__tip_too_low__is_what_the_node_wants_or_the_double_from_then_on():
    fees = FeePolicy(tip_cap=30 * GWEI)
    assert fees.refused(GWEI, 25 * GWEI).suggested(0).tip == 25 * GWEI
    assert fees.refused(GWEI, 0).tip == 2 * GWEI
    assert 0 < fees.refused(0, 0).tip < GWEI
    assert fees.refused(GWEI, 500 * GWEI).tip == 30 * GWEI
    # a replacement pays it too
    assert fees.refused(GWEI, 25 * GWEI).bumped(40 * GWEI, GWEI, GWEI, 100 * GWEI) == (45 * GWEI, 25 * GWEI)


def test_first__suggestion_beyond_the_cap__is_underbid_down_to_a_usual_tip_and_to_the_floor():
    fees = FeePolicy(tip=100 * GWEI)
    # a duty is not kept back because others bid high
    assert fees.first(8 * GWEI, 50 * GWEI) == (50 * GWEI, 41 * GWEI)
    assert fees.first(8 * GWEI, 10 * GWEI) == (10 * GWEI, GWEI)
    assert fees.first(8 * GWEI, 10 * GWEI - 1) is None
    assert replace(fees, tip_floor=25 * GWEI).first(8 * GWEI, 33 * GWEI) is None
