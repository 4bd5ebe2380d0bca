"""docs/margin.md: what it says is what the models give, and what the models give follows from the text."""

from __future__ import annotations

import re

import pytest

from benchmarks import margin as page
from bulkhead.risk import exact, margin
from bulkhead.risk.words import WAD, Model


def test_page__is_what_the_command_writes():
    written = (page.ROOT / "docs" / "margin.md").read_text()
    assert written == page.page(), "run: python -m benchmarks.margin --docs"


def test_es__worked_example__mean_of_the_worst_losses_and_the_floor():
    """From the text alone: 24 losses, their weights, 1 % of mass, 1 % of spot per short option."""
    assessed = exact.assess(page.SHORT_PUT, page.snapshot(), page.RISK)
    assert assessed.margin / WAD == pytest.approx(page.worst_mean(page.scenarios()) + 200, rel=1e-6)


def test_greeks__worked_example__sum_of_its_terms():
    terms = page.greek_terms()
    got = page.stand(page.SHORT_PUT, Model.GREEKS, page.snapshot())
    mm, im = got.maintenance_margin / WAD, got.initial_margin / WAD
    assert mm == pytest.approx(terms["move"] + terms["vega"] + terms["floor"], rel=1e-6)
    assert im == pytest.approx(1.25 * mm)
    assert terms["move"] == pytest.approx(terms["delta"] + terms["gamma"])


def test_static__worked_example__by_hand():
    # a = 15 % * 0.7/0.6 = 17.5 %, b = 11.667 % rounded up to 11.7 %; 10 * max(350 - 200, 0.117 * 1,800)
    got = page.stand(page.SHORT_PUT, Model.STATIC, page.snapshot())
    mm, im = got.maintenance_margin / WAD, got.initial_margin / WAD
    assert im == pytest.approx(2_106.0) and mm == pytest.approx(1_620.0)


def test_cap__worked_example__no_more_than_the_spread_can_lose():
    at = page.snapshot()
    assessed = exact.assess(page.PUT_SPREAD, at, page.RISK)
    assert assessed.v_min == -1_000 * WAD
    room = assessed.value - assessed.v_min
    tight = margin.resolve(exact.assess(page.PUT_SPREAD, page.snapshot(sigma=3.0), page.RISK), 0, page.RISK, at)
    assert tight.maintenance_margin == tight.initial_margin == room


def test_integrator_page__python__prints_health_and_prices(capsys):
    *_, program = re.findall(r"```python\n(.*?)```", (page.ROOT / "docs" / "integrator.md").read_text(), re.DOTALL)
    exec(program, {})
    vault = page.stand(page.SHORT_PUT, Model.ES, page.snapshot())
    health, prices = capsys.readouterr().out.split(" ", 1)
    assert float(health.strip("[]")) == pytest.approx((3_000 * WAD + vault.equity) / vault.maintenance_margin, rel=1e-6)
    down, up = (float(number) for number in re.findall(r"\[([\d.]+)\]", prices))
    # above, the floor of 1 % of spot for each of the ten puts alone outgrows the collateral
    assert 1_700 < down < 1_800 and up == pytest.approx(30_000)
