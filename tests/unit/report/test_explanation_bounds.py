"""What is explained and what is refused, at the bound and a step beyond it; a vault that has nothing to explain."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import NO_PRICE
from bulkhead.client import explanation as module
from bulkhead.client.explanation import Market, explain_book, explain_vault
from bulkhead.risk.marks import MAX_TENOR, MAX_VOL, MIN_VOL
from bulkhead.risk.volatility import OracleWord
from bulkhead.risk.words import WAD, Kind, Leg, RiskWord
from tests.keeper.states import cell, vault

DAY = 86_400
FLOOR = Decimal(OracleWord().sigma_floor_bps) / 10_000


def wad(number: int) -> Decimal:
    return Decimal(number).scaleb(-18)


@pytest.mark.parametrize(
    ("most", "beyond"),
    [
        ({"vol": wad(MAX_VOL)}, {"vol": wad(MAX_VOL + 1)}),
        ({"vol": wad(MIN_VOL)}, {"vol": wad(MIN_VOL - 1)}),
        ({"sigma": wad(MAX_VOL)}, {"sigma": wad(MAX_VOL + 1)}),
        ({"sigma": wad(MIN_VOL)}, {"sigma": wad(MIN_VOL - 1)}),
        ({"vol_ratio": 1000}, {"vol_ratio": wad(1000 * WAD + 1)}),
        ({"vol_ratio": wad(1)}, {"vol_ratio": 0}),
        ({"spot": wad(1)}, {"spot": 0}),
        ({"spot": wad(module.MAX_PRICE - 1)}, {"spot": wad(module.MAX_PRICE)}),
        ({"days": Decimal(1) / DAY + Decimal("1e-9")}, {"days": Decimal(1) / (DAY + 1)}),
        ({"days": Decimal(MAX_TENOR - 1) / DAY + Decimal("1e-9")}, {"days": Decimal(MAX_TENOR) / DAY}),
    ],
    ids=lambda one: ", ".join(one),
)
def test_market__number_at_its_bound__is_taken_and_a_step_beyond_is_not(most, beyond):
    fields = {"spot": 2000, "vol": "0.6", **most}
    assert Market(**fields).snapshot().seconds > 0
    with pytest.raises(BadInput, match="must lie between|is not a tenor"):
        Market(**{**fields, **beyond}).snapshot()


def test_market__no_sigma__is_the_vol_and_never_below_the_floor():
    high, low = Market(2000, FLOOR + 1).snapshot(), Market(2000, FLOOR / 2).snapshot()
    assert high.sigma == high.sigma_now == high.surface_near == int((FLOOR + 1) * WAD)
    assert low.sigma == low.sigma_now == int(FLOOR * WAD) == 2 * low.surface_near
    # one that is named is taken as it is
    named = Market(2000, FLOOR + 1, sigma=FLOOR / 2, days=2, vol_ratio=3).snapshot()
    assert named.sigma == int(FLOOR / 2 * WAD) and named.seconds == 2 * DAY and named.vol_ratio == 3 * WAD


def test_explain_book__collateral__may_be_nothing_and_not_less():
    assert explain_book([("put:1900", 1)], Market(2000, "0.6"), 0).position.collateral == 0
    with pytest.raises(BadInput, match="a vault holds 0 or more"):
        explain_book([("put:1900", 1)], Market(2000, "0.6"), wad(-1))


def test_explain_book__what_an_engine_refuses__is_a_sentence(monkeypatch):
    def refuses(position: Any) -> Any:
        raise ValueError("es/out-of-range")

    monkeypatch.setattr(module, "explain", refuses)
    with pytest.raises(BadInput) as refused:
        explain_book([("put:1900", 1)], Market(2000, "0.6"), 100)
    assert str(refused.value) == module._refusal("es/out-of-range")


def told(monkeypatch: pytest.MonkeyPatch, view: Any, seconds: int = DAY) -> Any:
    """`explain_vault` of what a chain says."""
    shot = replace(cell().snapshot, seconds=seconds, sigma=WAD // 2, sigma_now=WAD // 2, surface_near=WAD // 2)
    cells = {(1, 0): replace(cell(), snapshot=shot)}
    chain: Any = SimpleNamespace(rpc=SimpleNamespace(block_number=lambda: 7))
    monkeypatch.setattr(module, "read_vaults", lambda c, ids, block: [view] if block == 7 else [])
    monkeypatch.setattr(module, "read_cells", lambda c, keys, block: cells if block == 7 else {})
    monkeypatch.setattr(module, "risk_of", lambda *a: RiskWord())
    return explain_vault(chain, 1)


HELD = vault(1, legs=(Leg(Kind.PUT, 160 * 10**8, -(10**6)),))


def test_explain_vault__that_holds_legs_at_a_price__is_explained(monkeypatch):
    found = told(monkeypatch, HELD)
    assert found.position.legs == HELD.legs and found.position.collateral == HELD.collateral
    assert found.standing.maintenance_margin > 0


@pytest.mark.parametrize(
    ("changes", "seconds", "sentence"),
    [
        ({"legs": ()}, DAY, "has no legs"),
        ({"status": NO_PRICE}, DAY, "has no price|has expired"),
        ({}, 0, "has expired|has no price"),
    ],
)
def test_explain_vault__nothing_to_explain__says_why(monkeypatch, changes, seconds, sentence):
    with pytest.raises(BadInput, match=sentence):
        told(monkeypatch, replace(HELD, **changes), seconds)


def test_explain_vault__that_nobody_has__is_what_the_chain_says(monkeypatch):
    with pytest.raises(BadInput, match="no such"):
        told(monkeypatch, BadInput("no such vault"))
