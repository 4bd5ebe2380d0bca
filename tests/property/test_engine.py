"""The integer mirror of the models against their theorems on random vaults; test_engines holds it against the chain."""

from __future__ import annotations

import dataclasses
import math
import os
import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from bulkhead.risk import exact
from bulkhead.risk.words import NODES, WAD, WEIGHTS, Kind, Leg, Model, RiskWord, Snapshot
from tests.worlds.engine_cases import calm, option, random_legs, random_snapshot, with_smile

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
RISK = RiskWord()
seeds = st.integers(0, 2**32 - 1)
examples = settings(max_examples=2_000 if LONG else 60, deadline=None)


def vault(seed: int, most: int = 16) -> tuple[list[Leg], Snapshot]:
    draw = random.Random(seed)
    snapshot = random_snapshot(draw)
    return random_legs(draw, draw.randint(1, most), snapshot.spot), snapshot


def notional(legs: list[Leg], snapshot: Snapshot) -> int:
    """Size of a vault [wad]: what an error of the maths may scale with."""
    return sum(
        abs(leg.quantity) * (WAD if leg.kind == Kind.CASH else max(snapshot.spot, leg.strike * 10**10)) // 10**6
        for leg in legs
    )


@examples
@given(seeds)
def test_pods__never_need_more_than_their_legs_alone(seed):
    """INV-07, before the max-loss cap: MM(pod) <= sum of MM(leg alone), to one wei per leg."""
    legs, snapshot = vault(seed, most=8)
    pod = exact.assess(legs, snapshot, RISK)
    alone = [exact.assess([leg], snapshot, RISK) for leg in legs]
    assert pod.margin <= sum(a.margin for a in alone) + len(legs)
    assert abs(pod.value - sum(a.value for a in alone)) <= len(legs)


@examples
@given(seeds)
def test_merging_two_vaults__never_needs_more(seed):
    draw = random.Random(seed)
    snapshot = random_snapshot(draw)
    legs = random_legs(draw, 6, snapshot.spot)
    both = exact.assess(legs, snapshot, RISK).margin
    assert both <= exact.assess(legs[:3], snapshot, RISK).margin + exact.assess(legs[3:], snapshot, RISK).margin + 2


@examples
@given(seeds, st.integers(2, 50))
def test_margin__is_homogeneous(seed, factor):
    legs, snapshot = vault(seed, most=4)
    one = exact.assess(legs, snapshot, RISK)
    many = exact.assess([dataclasses.replace(leg, quantity=leg.quantity * factor) for leg in legs], snapshot, RISK)
    assert abs(many.margin - one.margin * factor) <= factor + 1
    assert abs(many.value - one.value * factor) <= factor + 1
    if one.v_min == exact.UNBOUNDED:
        assert many.v_min == exact.UNBOUNDED
    else:
        assert many.v_min == one.v_min * factor


@examples
@given(seeds, st.integers(100, 300))
def test_margin__of_one_leg_grows_with_the_vol_that_scales_the_shocks(seed, percent):
    """A wider set of moves costs a single leg no less, up to the table's 1e-8 of spot."""
    legs, snapshot = vault(seed, most=1)
    wider = dataclasses.replace(snapshot, sigma=min(snapshot.sigma * percent // 100, exact.MAX_VOL))
    now, then = exact.assess(legs, snapshot, RISK).margin, exact.assess(legs, wider, RISK).margin
    assert then >= now - notional(legs, wider) // 10**7


@examples
@given(seeds)
def test_scenarios__price_error_of_one_leg__is_within_1e8_of_spot(seed):
    """Marks are exact, scenarios come from the table: an unmoved scenario must agree with the mark."""
    draw = random.Random(seed)
    spot = 2000.0
    strike = spot * math.exp(draw.gauss(0, 0.3))
    width = 10 ** draw.uniform(-3, 0.3)
    log_ratio, total_vol = exact.ln_ratio(int(spot * WAD), int(strike * WAD)), int(width * 2**64)
    inverse, cells = (exact.CELLS_PER_UNIT << 96) // total_vol, total_vol * exact.CELLS_PER_UNIT << 32
    d1 = log_ratio * inverse + (cells >> 1) + exact.CENTRE
    call = (spot * exact.phi_38(d1) - strike * exact.phi_38(d1 - cells)) / exact.PHI_ONE
    upper = math.log(spot / strike) / width + width / 2
    true = spot * norm.cdf(upper) - strike * norm.cdf(upper - width)
    assert abs(call - true) <= 1e-8 * spot


@examples
@given(st.lists(st.integers(-(10**30), 10**30), min_size=24, max_size=24), st.integers(1, 10**18))
def test_shortfall__equals_its_definition(losses, tail):
    """Brute force: sort all outcomes with their weights and average the worst until their mass is the tail."""
    left, total = tail, Fraction(0)
    outcomes = [(losses[i], (WEIGHTS[i // 2] + i % 2) // 2) for i in range(24)]
    for loss, weight in sorted(outcomes, reverse=True):
        used = min(weight, left)
        total += Fraction(loss) * used
        left -= used
    assert exact.shortfall(losses, WEIGHTS, tail) == max(0, math.ceil(total / tail))


def plain(legs: list[Leg], snapshot: Snapshot) -> tuple[float, float]:
    """The model of 5.1 and 5.2 in floating point, straight from the text."""
    spot, forward, iv = snapshot.spot / 1e18, snapshot.forward / 1e18, snapshot.surface_near / 1e18
    share, average = snapshot.window_share / 1e18, snapshot.window_average / 1e18
    # an average over the window has a third of the variance of its end
    time = snapshot.seconds - 2 * min(snapshot.seconds, snapshot.window_seconds) // 3
    years = time / 31_536_000
    move = snapshot.sigma / 1e18 * math.sqrt(min(14 * 3600, max(snapshot.seconds, 3600)) / 31_536_000)
    scale = math.sqrt(30 / max(time / 86_400, 2))

    def black(f: float, k: float, s: float) -> float:
        d1 = math.log(f / k) / s + s / 2
        return float(f * norm.cdf(d1) - k * norm.cdf(d1 - s))

    def worth(shock: float, vol: float, years: float = years) -> float:
        base = (spot if share else forward) * math.exp(shock)
        price = share * average + (1 - share) * base if share else base
        total = 0.0
        for leg in legs:
            quantity, strike = leg.quantity / 1e6, leg.strike / 1e8
            if leg.kind == Kind.CASH:
                total += quantity
            elif leg.kind == Kind.FUTURE:
                total += quantity * price
            else:
                inner = (strike - share * average) / (1 - share)
                call = max(price - strike, 0)
                if inner > 0 and 1 - share >= 0.01 and years > 0:
                    call = (1 - share) * black(base, inner, vol * math.sqrt(years))
                total += quantity * (call if leg.kind == Kind.CALL else call - price + strike)
        return total

    value, outcomes = worth(0, iv), []
    for z, p in zip(NODES, WEIGHTS, strict=True):
        up = max(iv, 0.4) * scale
        vols = (iv, iv + 0.4 * up) if abs(z) >= 3 * WAD else (max(iv * (1 - 0.15 * scale), 0.2 * iv), iv + 0.2 * up)
        outcomes += [(value - worth(z / 1e18 * move, vol), p / 2e18) for vol in vols]
    left, total = 0.01, 0.0
    for loss, weight in sorted(outcomes, reverse=True):
        total += loss * min(weight, left)
        left = max(left - weight, 0)
    short = sum(-leg.quantity for leg in legs if leg.kind <= Kind.PUT and leg.quantity < 0) / 1e6
    decay = value - worth(0, iv, max(time - 14 * 3600, 0) / 31_536_000)
    return value, max(total / 0.01, decay, 0) + 0.01 * spot * short


@examples
@given(seeds)
def test_assess__equals_the_model_in_floating_point(seed):
    legs, snapshot = vault(seed, most=6)
    got, (value, margin) = exact.assess(legs, snapshot, RISK), plain(legs, snapshot)
    size = notional(legs, snapshot) / 1e18
    assert abs(got.value / 1e18 - value) <= 1e-12 * size
    assert abs(got.margin / 1e18 - margin) <= 1e-7 * size


@examples
@given(seeds)
def test_max_loss__no_price_pays_less(seed):
    legs, snapshot = vault(seed)
    least = exact.max_loss(legs)
    if least == exact.UNBOUNDED:
        far = 10**16
        assert exact.payoff(legs, 2 * far) < exact.payoff(legs, far)
        return
    draw = random.Random(seed)
    prices = [int(snapshot.spot / 10**10 * 10 ** draw.uniform(-3, 3)) for _ in range(20)]
    assert least <= min(exact.payoff(legs, p) for p in prices)
    assert least in {exact.payoff(legs, p) for p in [0] + [leg.strike for leg in legs]}


@examples
@given(seeds)
def test_words__pack_and_unpack(seed):
    legs, snapshot = vault(seed)
    assert [Leg.unpack(leg.pack()) for leg in legs] == legs
    assert Snapshot.from_words(snapshot.words()) == snapshot
    assert RiskWord.unpack(RISK.pack()) == RISK


MODELS = list(Model)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
@examples
@given(seeds, st.integers(2, 50))
def test_margin__of_every_model__is_homogeneous(model, seed, factor):
    """A take scales a vault: its margins must scale with it, to one unit for each rounding."""
    legs, snapshot = vault(seed, most=4)
    many = [dataclasses.replace(leg, quantity=leg.quantity * factor) for leg in legs]
    one, scaled = exact.assess(legs, snapshot, RISK, model=model), exact.assess(many, snapshot, RISK, model=model)
    for name in ("margin", "initial"):
        assert abs(getattr(scaled, name) - getattr(one, name) * factor) <= 6 * factor


@examples
@given(seeds)
def test_greeks_terms__of_futures_and_cash__are_delta_alone(seed):
    draw = random.Random(seed)
    snapshot = random_snapshot(draw)
    quantity = draw.choice([-1, 1]) * draw.randint(1, 10**9)
    terms = exact.terms([Leg(Kind.FUTURE, 0, quantity), Leg(Kind.CASH, 0, 10**6)], snapshot, RISK)
    assert terms.delta > 0 and abs(terms.gamma) <= 1
    assert (terms.vega, terms.floor) == (0, 0)


@examples
@given(seeds)
def test_greeks_margin__is_never_below_the_share_of_es_nor_negative(seed):
    legs, snapshot = vault(seed, most=8)
    dynamic, greeks = (exact.assess(legs, snapshot, RISK, model=m) for m in (Model.ES, Model.GREEKS))
    assert greeks.margin * 10 >= dynamic.margin * 7 >= 0
    assert dataclasses.replace(greeks, margin=0) == dataclasses.replace(dynamic, margin=0)


def test_greeks_margin__strangle_hedged_to_no_greeks_at_all__is_still_asked_for():
    """Plain delta-gamma is blind between strikes; the moves see them."""
    legs = [option(Kind.CALL, 2300, -10), option(Kind.PUT, 1700, -10)]
    snapshot = calm(days=7)
    hedge = exact.assess(legs, snapshot, RISK)
    straddle = exact.assess([option(Kind.CALL, 2000, 1), option(Kind.PUT, 2000, 1)], snapshot, RISK)
    size = -hedge.gamma / straddle.gamma
    legs += [option(Kind.CALL, 2000, size), option(Kind.PUT, 2000, size)]
    flat = exact.assess(legs, snapshot, RISK, model=Model.GREEKS)
    assert abs(flat.gamma) < abs(hedge.gamma) // 100
    terms = exact.terms(legs, snapshot, RISK)
    assert terms.gamma > 40 * WAD


def test_greeks_margin__short_dated_five_delta_shorts__are_not_half_of_es():
    for days in (2, 4, 7):
        for kind, away in ((Kind.CALL, 1 + 0.12 * math.sqrt(days / 7)), (Kind.PUT, 1 - 0.12 * math.sqrt(days / 7))):
            legs, snapshot = [option(kind, 2000 * away, -10)], calm(days=days)
            greeks = exact.assess(legs, snapshot, RISK, model=Model.GREEKS)
            assert abs(greeks.delta) < 10 * WAD * 15 // 100
            assert greeks.margin * 10 >= exact.assess(legs, snapshot, RISK).margin * 7


@examples
@given(seeds)
def test_static_margin__by_hand__and_without_netting(seed):
    """Every leg alone, summed: short options, futures either way, long options at their value."""
    legs, snapshot = vault(seed, most=8)
    found = exact.assess(legs, snapshot, RISK, model=Model.STATIC)
    spot, shorts, longs = Fraction(snapshot.spot), Fraction(0), Fraction(0)
    for leg in legs:
        size, strike = Fraction(abs(leg.quantity), 10**6), leg.strike * 10**10
        if leg.kind == Kind.FUTURE:
            shorts += size * spot / 10
        elif leg.kind <= Kind.PUT and leg.quantity < 0:
            out = max(0, strike - spot) if leg.kind == Kind.CALL else max(0, spot - strike)
            unit = spot if leg.kind == Kind.CALL else min(spot, strike)
            shorts += size * max(spot * 15 / 100 - out, Fraction(unit) / 10)
        elif leg.kind <= Kind.PUT:
            longs += exact.mark([leg], snapshot)
    room = len(legs) * 10**8
    assert abs(found.initial - shorts - longs) <= room and abs(found.margin - shorts * 10 / 13 - longs) <= room


@examples
@given(seeds)
def test_static_margin__never_hears_of_vol_while_nothing_is_long(seed):
    legs, snapshot = vault(seed, most=6)
    legs = [leg for leg in legs if leg.kind > Kind.PUT or leg.quantity < 0]
    other = dataclasses.replace(snapshot, surface_near=3 * WAD, sigma=5 * WAD, sigma_now=5 * WAD)
    one, two = (exact.assess(legs, s, RISK, model=Model.STATIC) for s in (snapshot, other))
    assert (one.margin, one.initial) == (two.margin, two.initial)


@examples
@given(seeds)
def test_greeks__of_an_assessment__are_finite_differences_of_its_value(seed):
    """delta and gamma against spot, vega against the flat vol, theta against time; outside the settlement window."""
    draw = random.Random(seed)
    spot = 2000.0
    legs = [option(draw.choice([Kind.CALL, Kind.PUT]), spot * math.exp(draw.gauss(0, 0.15)), draw.uniform(1, 5) *
                   draw.choice([-1, 1])) for _ in range(3)]  # fmt: skip
    legs = list({leg.key: leg for leg in legs}.values())
    snapshot = calm(spot, days=draw.uniform(5, 200), iv=draw.uniform(0.2, 1.5))
    found = exact.assess(legs, snapshot, RISK)

    def worth(**change: int) -> int:
        return exact.mark(legs, dataclasses.replace(snapshot, **change))

    step = snapshot.spot // 10**4
    high, low = (snapshot.spot + step, snapshot.spot - step)
    up, down, here = worth(spot=high, forward=high), worth(spot=low, forward=low), worth()
    scale = 15 * WAD
    assert abs((up - down) * WAD // (2 * step) - found.delta) <= scale // 10**5
    assert abs((up - 2 * here + down) * WAD // step * WAD // step - found.gamma) <= scale // 10**6
    bump = WAD // 10**4
    vols = worth(surface_near=snapshot.surface_near + bump), worth(surface_near=snapshot.surface_near - bump)
    assert abs((vols[0] - vols[1]) * WAD // (2 * bump) - found.vega) <= 2000 * scale // 10**5
    later = worth(seconds=snapshot.seconds - 600) - worth(seconds=snapshot.seconds + 600)
    assert abs(later * 31_536_000 // 1200 - found.theta) <= 2000 * scale // 10**3


@examples
@given(seeds)
def test_value__put_call_parity__holds_to_a_unit_on_any_surface(seed):
    draw = random.Random(seed)
    snapshot = random_snapshot(draw)
    if draw.random() < 0.5:
        snapshot = with_smile(draw, snapshot)
    strike = max(int(snapshot.spot * 10 ** draw.uniform(-1, 1)) // 10**10, 1)
    legs = [Leg(Kind.CALL, strike, 10**6), Leg(Kind.PUT, strike, -(10**6))]
    forward = exact.setting_of(snapshot).forward
    assert abs(exact.mark(legs, snapshot) - (forward - strike * 10**10)) <= 1
    for leg, least, most in ((legs[0], forward - strike * 10**10, forward), (legs[1], strike * 10**10 - forward, None)):
        worth = abs(exact.mark([leg], snapshot))
        assert max(least, 0) - 1 <= worth <= (strike * 10**10 if most is None else most)


@examples
@given(seeds)
def test_call__grows_with_spot_vol_and_time_and_is_convex_in_strike(seed):
    draw = random.Random(seed)
    snapshot = calm(2000, days=draw.uniform(0.1, 400), iv=draw.uniform(0.05, 3))

    def call(at: Snapshot, strike: float) -> int:
        return exact.mark([option(Kind.CALL, strike, 1)], at)

    # whole cents, so that the middle strike is the middle
    strike, gap = round(draw.uniform(800, 4000), 2), round(draw.uniform(1, 300), 2)
    here, slack = call(snapshot, strike), 5_000
    high = snapshot.spot * 11 // 10
    assert call(dataclasses.replace(snapshot, spot=high, forward=high), strike) >= here - slack
    assert call(dataclasses.replace(snapshot, surface_near=snapshot.surface_near * 11 // 10), strike) >= here - slack
    assert call(dataclasses.replace(snapshot, seconds=snapshot.seconds * 2), strike) >= here - slack
    assert call(snapshot, strike - gap) + call(snapshot, strike + gap) >= 2 * here - 10 * slack
