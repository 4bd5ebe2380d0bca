"""`bulkhead explain` of a position that is only thought of: no chain, and each wrong input is one sentence."""

from __future__ import annotations

import dataclasses
import json
import re
from decimal import Decimal

import pytest
from click.testing import CliRunner

from bulkhead.cli import main
from bulkhead.client.explanation import Market, explain_book
from bulkhead.risk import exact, margin
from bulkhead.risk.explain import Position, explain, opening_collateral
from bulkhead.risk.margin import required
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord, Units

PRICES = ("--spot", "2000", "--vol", "0.6")


def run(*arguments: str):
    return CliRunner(mix_stderr=False).invoke(main, ["explain", *arguments], catch_exceptions=False)


@pytest.mark.parametrize("model", ["ES", "GREEKS", "STATIC"])
def test_explain__legs_without_a_chain__prints_every_step(model):
    done = run("-call:2200", "put:1800", *PRICES, "--days", "14", "--model", model, "--size", "2.5")
    assert done.exit_code == 0, done.stderr
    for text in ("-2.5 call 2200", "+2.5 put 1800", "maintenance margin", "initial margin", "Equity / MM"):
        assert text in done.stdout
    assert ("Scenarios of the tail" in done.stdout) == (model != "STATIC")


def test_explain__json__amounts_are_exact_and_add_up():
    shown = json.loads(run("-call:2200", "put:1800", *PRICES, "--json").stdout)
    found = explain_book([("-call:2200", 1), ("put:1800", 1)], Market(2000, "0.6"))
    assert Decimal(shown["maintenance_margin"]).scaleb(18) == found.standing.maintenance_margin
    assert Decimal(shown["equity"]) == Decimal(shown["collateral"]) + Decimal(shown["value"])
    assert len(shown["scenarios"]) == 24 and len(shown["grid"]) == len(found.grid)


def test_explain__html__one_file_with_plots_and_no_script(tmp_path):
    page = tmp_path / "deep" / "page.html"
    assert run("-call:2200", *PRICES, "--html", str(page)).exit_code == 0
    text = page.read_text()
    assert text.count("<svg") == 2 and "<script" not in text and "http:" not in text.replace("http://www.w3.org", "")
    assert not re.search(r"\b(nan|inf)\b", text)


@pytest.mark.parametrize("model", list(Model))
def test_explain_book__no_collateral_named__the_least_that_opens(model):
    found = explain_book([("-put:1900", 3), ("2*call:2300", 3)], Market(2000, "0.7", 5), None, model.name)
    position = found.position
    assert found.standing.equity >= found.initial_margin
    less = position.collateral - 1
    assert less + found.assessment.value < required(position.legs, position.snapshot, position.risk, less, model)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("call:2000",), "LEGS need --spot and --vol."),
        (("call:2000", "--spot", "2000"), "LEGS need --vol."),
        (("cal:2000", *PRICES), "is not a leg"),
        (("call:2000", "12", *PRICES), "'12' is not a leg"),
        (("call:2000", "call:2000", *PRICES), "named twice"),
        (("call:2000", *PRICES, "--size", "0"), "zero"),
        (("call:2000", *PRICES, "--days", "0"), "0 days to expiry is not a tenor"),
        (("call:2000", *PRICES, "--days", "99999"), "99999 days to expiry is not a tenor"),
        (("call:2000", "--spot", "0", "--vol", "0.6"), "The spot is 0"),
        (("call:2000", "--spot", "-5", "--vol", "0.6"), "The spot is -5"),
        (("call:2000", "--spot", "2000", "--vol", "60"), "The vol is 60: it must lie between"),
        (("call:2000", *PRICES, "--sigma", "0"), "sigma_m is 0"),
        (("call:2000", *PRICES, "--vol-ratio", "-1"), "The vol ratio is -1"),
        (("call:2000", *PRICES, "--collateral", "-5"), "The collateral is -5"),
        (("call:2000", *PRICES, "--model", "SPAN"), "is not a margin model"),
        (("7", "--spot", "2000"), "--spot is for LEGS; a vault has its own."),
    ],
)
def test_explain__wrong_input__one_sentence_and_no_file(tmp_path, arguments, sentence):
    page = tmp_path / "page.html"
    done = run(*arguments, "--html", str(page))
    assert done.exit_code == 1, done.stdout
    assert sentence in done.stderr and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not page.exists() and not done.stdout


def test_explain__page_that_cannot_be_written__is_refused_first(tmp_path):
    done = run("call:2000", *PRICES, "--html", str(tmp_path))
    assert done.exit_code == 1 and "is a folder" in done.stderr


@pytest.mark.parametrize("model", list(Model), ids=lambda m: m.name)
def test_explain__in_coins__parts_make_up_what_the_engines_of_coins_ask(model):
    units = Units(inverse=True, digits=3)
    legs = (
        Leg(Kind.PUT, 1_900 * 10**8, -3 * 10**6),
        Leg(Kind.CALL, 2_300 * 10**8, 2 * 10**6),
        Leg(Kind.CASH, 0, -500 * 10**6),
    )
    snapshot = Market(2000, "0.7", 5).snapshot()
    risk = RiskWord(liquidity_scale=100).stamped(175 | 117 << 10 | 117 << 20)
    position = Position(legs, snapshot, risk, WAD, model, units)
    held = opening_collateral(position)
    found = explain(dataclasses.replace(position, collateral=held))
    true = exact.assess(legs, snapshot, risk, model=model, inverse=True)
    standing = margin.resolve(true, held, risk, snapshot, units=units)
    assert found.assessment == true and found.standing == standing
    assert sum(part.amount for part in found.parts if part.counts) == true.margin
    assert sum(part.amount for part in found.initial_parts) == found.initial_margin
    assert sum(line.value for line in found.legs) == pytest.approx(true.value, abs=3)
    # the least with which it opens, to the wei
    assert held + true.value == margin.required(legs, snapshot, risk, held, model, units)
