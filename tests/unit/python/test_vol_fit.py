"""Fits: quotes of a known smile give it back, arbitrage in the quotes does not survive, and real chains fit well."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bulkhead.chain.errors import BadInput
from bulkhead.risk.scales import DAY, YEAR
from bulkhead.risk.svi import SviSlice, total_variance_float
from bulkhead.vol import options, surface
from bulkhead.vol.fit import fit_chain, fit_expiry
from bulkhead.vol.fit import surface as build
from bulkhead.vol.options import Chain, expiry
from bulkhead.vol.publish import plan
from bulkhead.vol.surface import HOUR, SurfaceError
from tests.worlds import market_data

NOW = 1_799_928_000 // DAY * DAY + 12 * 3600
ROOT = Path(__file__).resolve().parents[3]
DATA = market_data.FOLDER / "deribit"
TRUE = (0.02, 0.18, -0.35, 0.03, 0.15)


def quotes(days: int, level: float = 1.0, parameters=TRUE, spread: float = 2.5) -> options.Expiry:
    """Quotes that lie on a smile with total variance in proportion to time."""
    at = NOW // DAY * DAY + HOUR + days * DAY
    tau = (at - NOW) / YEAR
    a, b, rho, m, sigma = parameters
    scale = tau / (30 / 365) * level
    deviation = float(np.sqrt(total_variance_float((a * scale, b * scale, rho, m, sigma), 0.0)))
    k = np.linspace(-spread, spread, 21) * deviation
    w = total_variance_float((a * scale, b * scale, rho, m, sigma), k)
    return expiry(at, 2000.0, tau, (2000 * np.exp(k)).tolist(), np.sqrt(w / tau).tolist())


def chain(*days: int, level: float = 1.0) -> Chain:
    return Chain("ETH", NOW, tuple(quotes(day, level) for day in days))


@pytest.mark.parametrize("days", [3, 14, 30])
def test_fit_expiry__quotes_on_a_smile__found_within_a_hundredth_of_a_vol_point(days):
    given = quotes(days)
    tau = (given.at - NOW) / YEAR
    found = fit_expiry(given, tau)
    fitted = np.sqrt(total_variance_float(found.floats(), given.k) / tau)
    assert np.abs(fitted - given.iv).max() < 1e-4


def test_fit_chain__quotes_with_calendar_arbitrage__fit_has_none():
    crossed = dataclasses.replace(chain(7, 30), expiries=(quotes(7, 6.0), quotes(30, 1.0)))
    fits = fit_chain(crossed)
    surface.check(build(crossed, 1, fits))
    assert np.abs(fits[1].inner).max() > 0.05  # and it shows in the error


def test_fit_chain__quotes_with_a_negative_density__fit_has_none():
    kinked = quotes(30)
    bent = dataclasses.replace(kinked, iv=kinked.iv + 0.4 * (np.abs(kinked.k) < 0.03))
    wild = dataclasses.replace(chain(30), expiries=(bent,))
    surface.check(build(wild, 1, fit_chain(wild)))


def test_plan__first_publication__all_the_way():
    made = plan(chain(1, 7, 30, 90), 1, NOW, None, 1000)
    assert made.share == 1.0
    assert made.surface.expiries == tuple(q.at for q in chain(1, 7, 30, 90).expiries)
    assert made.surface.sigma_atm() / 1e18 == pytest.approx(float(np.interp(0, quotes(30).k, quotes(30).iv)), rel=0.01)


def test_plan__quotes_far_from_what_is_in_force__as_far_as_the_cap_goes():
    before = plan(chain(7, 30, 90), 1, NOW, None, 1000).surface
    later = dataclasses.replace(chain(7, 30, 90, level=4.0), made_at=NOW + 1800)  # twice the vol
    made = plan(later, 1, NOW + 1800, before, 1000)
    assert 0 < made.share < 0.3
    surface.check(made.surface, before, 1000)
    assert made.surface.sigma_atm() > before.sigma_atm()
    with pytest.raises(SurfaceError, match="surface/too-fast"):
        surface.check(build(later, 1, fit_chain(later), NOW + 1800), before, 1000)


def test_plan__quotes_lack_an_expiry_in_force__it_is_carried_on():
    before = plan(chain(7, 30, 90), 1, NOW, None, 1000).surface
    later = dataclasses.replace(chain(30, 90), made_at=NOW + 1800)
    made = plan(later, 1, NOW + 1800, before, 1000)
    assert made.surface.expiries == before.expiries
    # the fit of what is carried on is as good as that of quotes
    assert abs(made.surface.slices[0].floats()[0] / before.slices[0].floats()[0] - 1) < 0.2


def test_plan__minutes_after_a_jump__still_something_to_publish():
    before = plan(chain(7, 30), 1, NOW, None, 100).surface
    made = plan(dataclasses.replace(chain(7, 30, level=9.0), made_at=NOW + 10), 1, NOW + 10, before, 100)
    assert made.share < 0.05


def test_read__not_a_chain__one_sentence(tmp_path):
    with pytest.raises(BadInput, match="There is no option chain"):
        options.read(tmp_path / "none.csv", "ETH")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="it has no column currency"):
        options.read(tmp_path / "bad.csv", "ETH")


def test_fit_chain__a_real_one__within_the_goal():
    path = DATA / "deribit_chain_20260114T0922Z.csv.gz"
    if not path.exists():
        pytest.skip(f"no market data at {path}: set BULKHEAD_DATA to the data folder")
    (found,) = options.read(path, "BTC")
    part = dataclasses.replace(found, expiries=found.expiries[3:9])
    fits = fit_chain(part)
    assert len(fits) == 6
    for fit in fits:
        error = np.abs(fit.inner) * 100
        assert np.median(error) <= 0.5
        assert np.percentile(error, 95) <= 1.5
    surface.check(build(part, 1, fits))


def test_slice__from_floats__nearest_integers():
    assert SviSlice.from_floats(1.4e-12, 2.6e-12, -0.5, 1e-9, 0.2) == SviSlice(1, 3, -(5 * 10**8), 1, 2 * 10**8)
