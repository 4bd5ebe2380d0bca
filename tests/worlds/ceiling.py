"""The ceiling on the ES model beside the model, on a node, and random vaults to compare them on."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from eth_abi import encode

from bulkhead.chain import anvil, compiler
from bulkhead.chain.abi import Abi
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.contract import Contract
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.risk.words import NODES, WEIGHTS, Kind, Leg, RiskWord, Snapshot
from tests.worlds.engine_cases import random_legs, random_risk, random_snapshot, with_smile

ROOT = Path(__file__).resolve().parents[2]
BATCH = 40
#: Token words: 6 decimals and quote; 18 decimals, coins, in units of 0.001.
LINEAR, COINS = 6 << 160, 18 << 160 | 1 << 169 | 3 << 170


class Ceiling(NamedTuple):
    """Both ES engines and the harness on a node."""

    harness: Contract
    engines: dict[bool, str]


@contextmanager
def made() -> Iterator[Ceiling]:
    """Both on a node of their own."""
    artifacts = compiler.compile_contracts(ROOT, ["EsEngine", "InverseEsEngine", "CeilingHarness"])
    nodes = encode(["int256[12]", "uint256[12]"], [NODES, WEIGHTS])
    with Anvil() as chain:
        sender = Sender(chain.rpc, account_from_key(anvil.key(0)))
        at = {name: sender.create(artifact.bytecode + nodes)[0] for name, artifact in artifacts.items()}
        harness = Contract(chain.rpc, Abi("CeilingHarness", artifacts["CeilingHarness"].abi), at["CeilingHarness"])
        yield Ceiling(harness, {False: at["EsEngine"], True: at["InverseEsEngine"]})


class Case(NamedTuple):
    """One vault at one moment."""

    legs: list[Leg]
    snapshot: Snapshot
    risk: RiskWord


def case(seed: int) -> Case:
    """Any vault: of one kind of leg, one side or mixed, flat or with a smile, in the window or far from it."""
    draw = random.Random(seed)
    snapshot = random_snapshot(draw)
    if draw.random() < 0.4:
        snapshot = with_smile(draw, snapshot)
    legs = random_legs(draw, draw.choice([1, 1, 2, 3, 4, draw.randint(5, 16)]), snapshot.spot)
    only = draw.choice([None, None, None, Kind.CALL, Kind.PUT, Kind.FUTURE, Kind.CASH])
    legs = [leg for leg in legs if only is None or leg.kind == only] or legs
    if draw.random() < 0.3:
        legs = [dataclasses.replace(leg, quantity=-abs(leg.quantity)) for leg in legs]
    risk = dataclasses.replace(
        random_risk(draw),
        kappa_calm_bps=draw.randint(11_000, 30_000),
        kappa_stress_bps=30_000,
        proximity_bps=draw.choice([0, draw.randint(0, 5_000)]),
        lambda_bps=draw.choice([0, draw.randint(0, 10_000)]),
        liquidity_scale=draw.choice([0, 1, draw.randint(1, 10**6), draw.randint(1, 10**12 - 1)]),
    )
    return Case(legs, snapshot, risk)


def compared(ceiling: Ceiling, cases: list[Case], inverse: bool) -> Iterator[tuple[Case, Any]]:
    """Each vault with what the harness says of it."""
    for start in range(0, len(cases), BATCH):
        some = cases[start : start + BATCH]
        found = ceiling.harness.call(
            "compare",
            ceiling.engines[inverse],
            [[leg.pack() for leg in c.legs] for c in some],
            [c.snapshot.words() for c in some],
            [c.risk.pack() for c in some],
            COINS if inverse else LINEAR,
        )
        yield from zip(some, found, strict=True)
