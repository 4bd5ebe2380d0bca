"""What rollups charge: sizes after compression, and both rules of fees at prices one can follow."""

from __future__ import annotations

import random

import pytest

from benchmarks.rollups import (
    DENSE_OPERATIONS,
    GWEI,
    OPERATIONS,
    Prices,
    Published,
    dense,
    fastlz_size,
    forms,
    kept,
    table,
)


def test_fastlz_size__noise_and_repetition__are_told_apart():
    noise = random.Random(1).randbytes(1_000)
    # what repeats nothing is a run of literals, one byte for 32 of them
    assert fastlz_size(noise) == 1_000 + 32
    assert fastlz_size(bytes(1_000)) < 40
    twice = fastlz_size(noise + noise)
    assert 1_032 < twice < 1_100
    # abi words are mostly zeros
    words = b"".join(bytes(31) + bytes([i]) for i in range(1, 30))
    assert fastlz_size(words) < len(words) // 3


def test_fees__of_a_small_and_a_large_transaction__follow_their_rules():
    at = Prices("plain", execution=GWEI, base_fee=0, blob_fee=10**6, ether=1_000)
    small = Published(gas=100_000, data=4, fastlz=20, compressed=50)
    # 100 bytes at least, and 1.014213 blob units of each
    assert small.op_stack(at) == pytest.approx(1_000 * (100_000 * 10**9 + 101.4213 * 10**6) / 1e18)
    assert small.arbitrum(at) == pytest.approx(1_000 * (100_000 * 10**9 + 50 * 10**6) / 1e18)
    large = Published(gas=0, data=800, fastlz=600, compressed=400)
    assert large.op_stack(at) == pytest.approx(1_000 * (0.8365 * 600 - 42.5856) * 1.014213 * 1e6 / 1e18, rel=1e-6)
    base = Prices("base", execution=0, base_fee=GWEI, blob_fee=0, ether=1_000)
    assert large.op_stack(base) == pytest.approx(1_000 * (0.8365 * 600 - 42.5856) * 16 * 0.005227e9 / 1e18, rel=1e-6)
    assert large.arbitrum(base) == 0


def test_table__of_what_was_measured__names_every_operation():
    found = kept().operations
    assert tuple(found) == OPERATIONS
    assert len(table(found).splitlines()) == 2 + len(OPERATIONS)
    # the whole of a fill, signature and order, and what an OP-stack chain publishes of it
    assert found["fill_existing"].data < 1_500 and found["fill_existing"].fastlz < 700


def test_dense__words__keep_their_bytes_and_lose_their_fill():
    word = bytes(30) + b"\x01\x02"
    signature_end = b"\x1b" + bytes(31)
    assert dense(b"four" + word + bytes(32) + b"\xff" * 32) == b"four" + b"\x02\x01\x02" + b"\x00" + b"\x40"
    assert dense(b"four" + signature_end) == b"four" + b"\x01\x1b"
    noise = random.Random(2).randbytes(32)
    assert dense(b"four" + noise) == b"four" + b"\x20" + noise


def test_forms__of_what_was_measured__are_shorter_and_name_both():
    found = kept()
    assert tuple(found.dense) == DENSE_OPERATIONS and len(forms(found).splitlines()) == 2 + len(DENSE_OPERATIONS)
    for operation, less in found.dense.items():
        sent = found.operations[operation]
        assert less.data < sent.data // 2 and less.fastlz < sent.fastlz and less.gas == sent.gas
