"""Every engine against its integer mirror on 2,000 random vaults: flat vols and smiles, all parameters, edges too.

The contracts run on a node, many vaults a call: in process one assessment of 16 legs takes a tenth of a second.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from eth_abi import encode

from bulkhead.chain import anvil, compiler
from bulkhead.chain.abi import Abi
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.contract import Contract
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.risk import exact
from bulkhead.risk.words import NODES, WAD, WEIGHTS, Kind, Leg, Model, RiskWord, Snapshot
from tests.worlds.engine_cases import calm, random_legs, random_risk, random_snapshot, with_smile

ROOT = Path(__file__).resolve().parents[2]
BATCH = 40
_NODES = (["int256[12]", "uint256[12]"], [NODES, WEIGHTS])
CONSTRUCTED = {"EsEngine": _NODES, "InverseEsEngine": _NODES, "EngineHarness": ([], [])}
#: Of each model, 2,000 in all.
VAULTS = {Model.ES: 680, Model.GREEKS: 680, Model.STATIC: 640}


class Case(NamedTuple):
    """One vault at one moment."""

    legs: list[Leg]
    snapshot: Snapshot
    risk: RiskWord
    collateral: int


class Engines(NamedTuple):
    """The three engines of each numeraire and the harness on a node."""

    harness: Contract
    by_model: dict[bool, dict[Model, str]]


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    artifacts = compiler.compile_contracts(
        ROOT, ["EsEngine", "InverseEsEngine", "GreeksEngine", "StaticEngine", "EngineHarness"]
    )
    with Anvil() as chain:
        sender = Sender(chain.rpc, account_from_key(anvil.key(0)))

        def create(name: str, *arguments: object) -> str:
            types, arguments = CONSTRUCTED.get(name, (["address"], list(arguments)))
            return sender.create(artifacts[name].bytecode + encode(types, arguments))[0]

        by_model: dict[bool, dict[Model, str]] = {}
        for inverse, name in ((False, "EsEngine"), (True, "InverseEsEngine")):
            es = create(name)
            made = (es, create("GreeksEngine", es), create("StaticEngine", es))
            by_model[inverse] = dict(zip(Model, made, strict=True))
        harness = Contract(chain.rpc, Abi("EngineHarness", artifacts["EngineHarness"].abi), create("EngineHarness"))
        yield Engines(harness, by_model)


def case(seed: int) -> Case:
    draw = random.Random(seed)
    snapshot = random_snapshot(draw)
    if draw.random() < 0.5:
        snapshot = with_smile(draw, snapshot)
    count = draw.randint(5, 16) if seed % 8 == 0 else draw.randint(1, 4)
    collateral = draw.choice([exact.FORCE_FULL, exact.FORCE_FULL, draw.randint(0, 10**24)])
    return Case(random_legs(draw, count, snapshot.spot), snapshot, random_risk(draw), collateral)


def columns(cases: list[Case]) -> list[list[object]]:
    return [
        [[leg.pack() for leg in c.legs] for c in cases],
        [c.snapshot.words() for c in cases],
        [c.risk.pack() for c in cases],
        [c.collateral for c in cases],
    ]


KINDS = pytest.mark.parametrize("inverse", [False, True], ids=["linear", "inverse"])


def compare(engines: Engines, model: Model, cases: list[Case], inverse: bool) -> None:
    for start in range(0, len(cases), BATCH):
        some = cases[start : start + BATCH]
        found = engines.harness.call("assess", engines.by_model[inverse][model], *columns(some))
        for c, words in zip(some, found, strict=True):
            mirrored = exact.assess(c.legs, c.snapshot, c.risk, c.collateral, model, inverse)
            assert list(words.values()) == mirrored.words(), c


@KINDS
@pytest.mark.parametrize("model", list(Model), ids=lambda m: m.name)
def test_assess__random_vaults__contract_equals_mirror(engines, model, inverse):
    compare(engines, model, [case(1_000_000 * (model + 1) + i) for i in range(VAULTS[model])], inverse)


@KINDS
def test_terms__random_vaults__contract_equals_mirror_and_make_up_the_margin(engines, inverse):
    cases = [case(seed) for seed in range(2 * BATCH)]
    for start in range(0, len(cases), BATCH):
        some = cases[start : start + BATCH]
        found = engines.harness.call("terms", engines.by_model[inverse][Model.GREEKS], *columns(some)[:3])
        for c, words in zip(some, found, strict=True):
            terms = exact.terms(c.legs, c.snapshot, c.risk, inverse)
            assert list(words.values()) == list(dataclasses.astuple(terms))
            assert terms.margin == exact.assess(c.legs, c.snapshot, c.risk, model=Model.GREEKS, inverse=inverse).margin
            assert min(terms.delta + terms.gamma, terms.vega, terms.decay, terms.floor, terms.es) >= 0


def corners() -> list[Case]:
    """The edges of the stated domain, every combination of them."""
    found = []
    for price in (WAD // 100, 10**7 * WAD):
        for ratio in (1, 1000, 10**6):
            strike = max(price * ratio // 1000 // 10**10, 1)
            for seconds in (1, 1800, 3 * 31_536_000):
                for iv, sigma in ((10**15, 10**15), (10**19, 10**19)):
                    for share in (0, WAD // 2, WAD * 7199 // 7200) if seconds <= 1800 else (0,):
                        snapshot = dataclasses.replace(
                            calm(), spot=price, forward=price, seconds=seconds, sigma=sigma, surface_near=iv,
                            window_share=share, window_average=price if share else 0,
                        )  # fmt: skip
                        legs = [Leg(Kind.CALL, strike, -(2**63 - 1)), Leg(Kind.PUT, strike, 2**63 - 1)]
                        legs += [Leg(Kind.FUTURE, 0, -(2**63 - 1)), Leg(Kind.CASH, 0, 1)]
                        risk = RiskWord(greeks_move=60, horizon_seconds=48 * 3600, static_otm=1000, static_future=1000)
                        found.append(Case(legs, snapshot, risk, exact.FORCE_FULL))
    return found


@KINDS
@pytest.mark.parametrize("model", list(Model), ids=lambda m: m.name)
def test_assess__corners_of_the_domain__no_input_reverts_and_mirror_agrees(engines, model, inverse):
    compare(engines, model, corners(), inverse)
