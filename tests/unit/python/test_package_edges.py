"""Where one unit, one state or one name more changes what the package says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead import pricing
from bulkhead.chain.errors import BadInput
from bulkhead.client.card import new_risk
from bulkhead.client.signed_order import SignedOrder
from bulkhead.orders import Domain
from bulkhead.risk import exact, margin
from bulkhead.risk.liquidation_price import exact_prices
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord, Series, Snapshot
from tests.keeper.states import cell, vault
from tests.unit.python.test_order_building import DOMAIN, make

SPOT = Snapshot(2000 * WAD, 2000 * WAD, 10 * 86400, 6 * 10**17, surface_near=7 * 10**17, status=3)
SHORT = (Leg(Kind.PUT, 1800 * 10**8, -(10**6)),)


@pytest.mark.parametrize(("more", "now"), [(-1, True), (0, False), (1, False)])
def test_exact_prices__equity_equal_to_mm__is_not_liquidatable_yet(more, now):
    risk = RiskWord()
    bare = margin.resolve(exact.assess(SHORT, SPOT, risk), 0, risk, SPOT)
    enough = bare.maintenance_margin - bare.equity + more
    standing = margin.resolve(exact.assess(SHORT, SPOT, risk), enough, risk, SPOT)
    assert standing.equity - standing.maintenance_margin == more
    found = exact_prices(SHORT, SPOT, risk, enough)
    assert (found == (SPOT.spot, SPOT.spot)) is now


def test_terms__package_worth_nothing__costs_its_taker_a_tenth_of_the_rate():
    """Far out of the money at a price of 0: the cap by price and mark alone would ask nothing."""
    far = Series(1, Kind.PUT, 2_000_000_000, 10 * 10**8)
    order = make(legs=[(far, 1)], price=0)
    fees = pricing.Fees(taker_bps=30, maker_bps=30, cap_bps=1250)
    found = pricing.terms(order, 10**6, 6, fees, SPOT)
    # 30 bps of a notional of 2,000, of that a tenth; the maker's has no such floor
    assert (found.taker_fee, found.maker_fee) == (600_000, 0)


@pytest.mark.parametrize(
    ("other", "passes"),
    [
        (DOMAIN, True),
        (Domain(DOMAIN.chain_id, DOMAIN.exchange.upper().replace("0X", "0x")), True),
        (Domain(DOMAIN.chain_id, "0x" + "e8" * 20), False),
        (Domain(DOMAIN.chain_id + 1, DOMAIN.exchange), False),
    ],
)
def test_check__order_of_another_exchange_or_chain__is_refused(other, passes):
    """Two deployments on one chain share everything but the Exchange's address."""
    signed = SignedOrder(make(), b"", other.chain_id, other.exchange)
    if passes:
        signed.check_domain(DOMAIN)
    else:
        with pytest.raises(BadInput, match="was signed for the Exchange"):
            signed.check_domain(DOMAIN)


@pytest.mark.parametrize(("sigma", "now"), [(6, 12), (12, 6)])
def testnew_risk__static_vault__takes_the_larger_of_both_vols(sigma, now):
    prices = replace(SPOT, sigma=sigma * WAD // 10, sigma_now=now * WAD // 10)
    larger = replace(SPOT, sigma=12 * WAD // 10, sigma_now=12 * WAD // 10)
    where = replace(cell(), risk=RiskWord().pack())
    static = replace(vault(1), model=Model.STATIC)
    assert new_risk(static, replace(where, snapshot=prices)) == new_risk(static, replace(where, snapshot=larger))
    smaller = replace(SPOT, sigma=6 * WAD // 10, sigma_now=6 * WAD // 10)
    assert new_risk(static, replace(where, snapshot=prices)) != new_risk(static, replace(where, snapshot=smaller))
