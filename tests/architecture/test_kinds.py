"""Rules ask which leg is money and which is the future of a market, never for the number of a kind."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT, Source, product

#: Where a kind's number is what is asked for: what a series is, and what it pays in quote whatever the market counts.
WHAT_A_KIND_IS = {
    "contracts/vaults/leg.vy": "the predicates themselves, and the form of a series id",
    "contracts/vaults/series.vy": "only options have a strike on the grid",
    "contracts/exchange/order.vy": "the form of a signed series",
    "contracts/views/names.vy": "the name of a kind",
    "contracts/math/payoff.vy": "the payoff of a kind in quote",
    "contracts/margin/marks.vy": "the mark of a kind in quote",
    "contracts/margin/GreeksEngine.vy": "the delta of a kind in quote",
}
#: A comparison of a kind with CASH or FUTURE, or with a number.
_COMPARES = r"\s*(?:[=!<>]=|[<>])\s*"
_KIND = r"(?:leg_?s?_?\.)?(?:CASH|FUTURE)\b"
COMPARED = re.compile(rf"{_COMPARES}{_KIND}|\b{_KIND}{_COMPARES}|(?:\bkind|_kind\([^()]*\)){_COMPARES}\d")


#: The same in Python, where a mirror or a scenario says what a kind is.
WHAT_A_KIND_IS_IN_PYTHON = {
    "bulkhead/chain/words.py": "the payoff of a kind in quote",
    "bulkhead/client/price_unit.py": "what a package can be worth in quote, in coins at most",
    "bulkhead/replay/offers.py": "plans of dollar markets",
    "bulkhead/risk/batch/book.py": "payoff, mark and slope of a kind in quote",
    "bulkhead/risk/crash/population.py": "how random positions are made up",
    "bulkhead/risk/crash/rules.py": "the notional that a peer's rule counts",
    "bulkhead/risk/explain.py": "the name of a kind",
    "bulkhead/risk/frontier/pairs.py": "how pairs of positions are made up",
    "bulkhead/risk/marks.py": "the mark of a kind in quote",
    "bulkhead/risk/payoff.py": "the payoff of a kind in quote",
    "bulkhead/risk/peers/portfolio.py": "the rules of others, in dollars",
    "bulkhead/risk/peers/positions.py": "payoff and notional of a kind, in quote or in coins",
    "bulkhead/risk/series_grid.py": "only options have a strike on the grid",
    "bulkhead/risk/words.py": "the predicates themselves, and the form of a series",
}
_OF_PYTHON = r"Kind\.(?:CASH|FUTURE)\b"
COMPARED_IN_PYTHON = re.compile(
    rf"(?:[=!<>]=|[<>]|\bis(?: not)?\b|\bin\b)\s*\(?[^()=]*?{_OF_PYTHON}|{_OF_PYTHON}\s*(?:[=!<>]=|[<>])"
)


def python_compares(text: str) -> bool:
    """Whether Python code asks for the number of a kind."""
    return any(COMPARED_IN_PYTHON.search(line.split("#")[0]) for line in text.splitlines())


@pytest.mark.parametrize("path", sorted((ROOT / "bulkhead").rglob("*.py")), ids=lambda path: path.stem)
def test_python__kind_of_a_leg__is_asked_for_by_a_predicate(path):
    name = str(path.relative_to(ROOT))
    said = "ask Kind.is_money, is_delta, has_lot or is_option, or say here what of the kind is meant"
    assert python_compares(path.read_text()) == (name in WHAT_A_KIND_IS_IN_PYTHON), f"{name}: {said}"


@pytest.mark.parametrize(
    "line", ["if leg.kind is not Kind.CASH:", "kind in (Kind.FUTURE, 0)", "if Kind.CASH == kind:", "k != Kind.CASH"]
)
def test_python_compares__numbers_of_a_kind__are_seen(line: str):
    assert python_compares(line)


def compares(line: str) -> bool:
    """Whether a line of code asks for the number of a kind; a feed's FUTURE is a stamp."""
    code = line.split("#")[0]
    return "feeds" not in code and bool(COMPARED.search(code))


@pytest.mark.parametrize("source", product(), ids=lambda s: s.name)
def test_rules__kind_of_a_leg__is_asked_for_by_a_predicate(source: Source):
    if source.name in WHAT_A_KIND_IS or source.name.startswith("contracts/oracle/"):
        return
    found = [line.strip() for line in source.lines if compares(line)]
    assert not found, f"{source.name}: {found}: ask leg._is_money, _is_delta, _has_lot or _is_option"


def test_kinds__every_exception__is_still_one():
    compared = {source.name for source in product() if any(compares(line) for line in source.lines)}
    assert set(WHAT_A_KIND_IS) <= compared


@pytest.mark.parametrize(
    "line", ["if kind == leg.CASH:", "if leg._kind(word) != leg.FUTURE:", "if kind == 3:", "elif legs_.CASH == kind:"]
)
def test_compares__numbers_of_a_kind__are_seen(line: str):
    assert compares(line)
