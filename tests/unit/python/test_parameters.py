"""The parameter table: packing, refusals under the contract's names, and the page made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkhead.chain import parameters_page
from bulkhead.chain.errors import BadInput
from bulkhead.chain.listing import EMPTY, MarketListing
from bulkhead.chain.parameters import PARAMETERS, WORDS, ParameterSet
from bulkhead.risk.words import RiskWord

ROOT = Path(__file__).resolve().parents[3]


def test_word__risk__equals_the_margin_mirror():
    assert ParameterSet().word("risk") == RiskWord().pack()
    changed = ParameterSet.default(phi_bps=321, liquidity_scale=10**6, deposit=5 * 10**6)
    assert changed.word("risk") == RiskWord(phi_bps=321, liquidity_scale=10**6, deposit=5 * 10**6).pack()


def test_unpack__packed__is_the_same_set():
    changed = ParameterSet({p.name: p.greatest for p in PARAMETERS.values()})
    assert ParameterSet.unpack(changed.words) == changed


@pytest.mark.parametrize("word", [word for word, _ in WORDS])
def test_table__fields__do_not_overlap_and_hold_their_bounds(word):
    taken = 0
    for p in PARAMETERS.values():
        if p.word == word:
            mask = (2**p.bits - 1) << p.shift
            assert taken & mask == 0
            taken |= mask
            assert p.least <= p.default <= p.greatest < 2**p.bits
            assert len(p.name) <= 32
    assert taken < 2**256


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phi_bps": 1_001}, "parameters/too-large"),
        ({"deposit": 0}, "parameters/too-small"),
        ({"kappa": 1}, "parameters/unknown-name"),
        ({"kappa_calm_bps": 20_000}, "parameters/kappa-order"),
        ({"t1_seconds": 600}, "parameters/clock-order"),
    ],
)
def test_parameter_set__out_of_bounds__refuses_by_the_contracts_name(changes, reason):
    with pytest.raises(BadInput, match=reason):
        ParameterSet.default(**changes)


def test_parameter_set__incomplete__refuses():
    with pytest.raises(BadInput, match="is missing"):
        ParameterSet({"phi_bps": 200})


def test_listing__arguments__are_in_the_order_of_list_market():
    empty = EMPTY
    listing = MarketListing(3, "0x1", ("0x2", empty, empty), (3600, 0), ("0x3", empty, empty))
    market, token, units, engines, feeds, *words = listing.arguments
    assert (market, token, units) == (3, "0x1", (10_000, False, 0, 0))
    assert (engines, feeds) == (
        ["0x3", empty, empty],
        (("0x2", 3600, 50, 0, 0, 0), (empty, 0, 50, 0, 0, 0), empty, 0, 3),
    )
    assert tuple(words) == ParameterSet().words


def test_listing__price_market__names_it_and_nothing_else_of_prices():
    listing = MarketListing(3, "0x1", (EMPTY, EMPTY, EMPTY), (0, 0), ("0x3", EMPTY, EMPTY), price_market=1)
    *_, feeds, risk, trading, liquidation, oracle = listing.arguments
    none = (EMPTY, 0, 0, 0, 0, 0)
    assert (feeds, oracle) == ((none, none, EMPTY, 0, 1), 0)
    assert (risk, trading, liquidation) == ParameterSet().words[:3]


def test_page__committed__is_what_the_table_gives(tmp_path, capsys):
    assert parameters_page.main(["--check", str(ROOT / "docs" / "parameters.md")]) == 0, "run `make docs`"
    stale = tmp_path / "parameters.md"
    stale.write_text("old")
    assert parameters_page.main(["--check", str(stale)]) == 1
    assert parameters_page.main([str(stale)]) == 0
    assert parameters_page.main(["--check", str(stale)]) == 0
    assert parameters_page.main([]) == 2
    assert "make docs" in capsys.readouterr().err
