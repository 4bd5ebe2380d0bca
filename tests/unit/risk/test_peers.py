"""Other venues' margin rules against the numbers that their own tests assert."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bulkhead.risk import peers
from bulkhead.risk.peers.portfolio import Scenarios
from bulkhead.risk.peers.positions import YEAR
from bulkhead.risk.words import Kind
from tests.worlds import market_data

ROOT = Path(__file__).resolve().parents[3]
DATA = market_data.FOLDER / "peers"


def cases(name: str) -> list[dict[str, Any]]:
    file = DATA / name
    if not file.exists():
        pytest.skip(f"no peers' test cases: {file.name} is not in the data folder (BULKHEAD_DATA)")
    return json.loads(gzip.decompress(file.read_bytes()))["cases"]


def positions(legs: list[tuple[bool, float, float, float]], spot: float, forward: float, seconds: float, rate=0.0):
    """One position of (is call, strike, amount, vol) legs."""
    one = np.ones(1)
    return peers.Positions(
        owner=np.zeros(len(legs), np.int64),
        kind=np.array([Kind.CALL if leg[0] else Kind.PUT for leg in legs], np.int64),
        strike=np.array([leg[1] for leg in legs]),
        quantity=np.array([leg[2] for leg in legs]),
        iv=np.array([leg[3] for leg in legs]),
        spot=one * spot,
        forward=one * forward,
        seconds=one * seconds,
        rate=one * rate,
    )


def expiry_of(leg: dict[str, Any]) -> Any:
    return leg.get("expiry", leg.get("seconds_to_expiry", leg.get("days_to_expiry")))


def plain(inputs: dict[str, Any]) -> bool:
    """Options of one underlying and one expiry, in full confidence: what our positions can say."""
    legs = inputs["legs"]
    perps = inputs.get("perps") or {}
    base = inputs.get("base") or {}
    return bool(
        legs
        and len({(leg.get("underlying"), expiry_of(leg)) for leg in legs}) == 1
        and not any((perps if isinstance(perps, dict) else {}).values())
        and not any((base if isinstance(base, dict) else {}).values())
        and not inputs.get("perp_position")
        and not inputs.get("base_position")
        and not inputs.get("perp_unrealised_usd")
        and inputs.get("stable_usd", 1.0) >= 0.98
    )


def merged(legs: list[tuple[bool, float, float, float]]) -> list[tuple[bool, float, float, float]]:
    """Legs of one series netted, as a ledger would."""
    net: dict[tuple[bool, float, float], float] = {}
    for call, strike, amount, vol in legs:
        net[call, strike, vol] = net.get((call, strike, vol), 0.0) + amount
    return [(call, strike, amount, vol) for (call, strike, vol), amount in net.items() if amount]


def net(requirement: np.ndarray, value: np.ndarray, cash: float) -> float:
    """A venue's net margin: equity less what we say it must be."""
    return float(cash + value[0] - requirement[0])


def standard_cases() -> Iterator[tuple[str, Any, Any, float, dict[str, float]]]:
    for case in cases("derive_cases.json.gz"):
        inputs = case["inputs"]
        if case["kind"] != "srm_margin" or not plain(inputs):
            continue
        given, first = inputs["params"], inputs["legs"][0]
        name = first["underlying"]
        rule = peers.DeriveStandard(
            given["maxSpotReq"], given["minSpotReq"], given["mmCallSpotReq"], given["mmPutSpotReq"],
            given["MMPutMtMReq"], (given["unpairedIMScale"], given["unpairedMMScale"]), given["mmOffsetScale"],
        )  # fmt: skip
        if "markets" in inputs:
            market = inputs["markets"][name]
            forward, sure = market["fwd"][str(expiry_of(first))]
            if min(sure, market["spotc"], *market["volc"].values()) < given["oracle_threshold"]:
                continue
            spot, seconds = market["spot"], expiry_of(first)
            legs = [(leg["is_call"], leg["strike_usd"], leg["amount"], leg["vol"]) for leg in inputs["legs"]]
        else:
            if any(
                min(v.values()) < given["oracle_threshold"] if isinstance(v, dict) else v < given["oracle_threshold"]
                for v in inputs["confidences"].values()
            ):
                continue
            spot, seconds = inputs["spot_usd"][name], first["days_to_expiry"] * 86400
            forwards = inputs["forward_minus_spot_usd"][name]
            dates = {"20230104": 3, "20230111": 10, "20230118": 17, "20230227": 57, "20230804": 215,
                     "20230811": 222, "20230818": 229, "20230825": 236}  # fmt: skip
            near = min(dates, key=lambda d: abs(dates[d] - first["days_to_expiry"]))
            forward = spot + forwards[near]
            legs = [(leg["is_call"], leg["strike_usd"], leg["amount"], inputs["vol_all"]) for leg in inputs["legs"]]
        yield case["id"], rule, positions(merged(legs), spot, forward, seconds), inputs["cash_usd"], case["expected"]


def test_derive_standard__venues_own_cases__same_margins():
    checked = 0
    for name, rule, position, cash, expected in standard_cases():
        got, value = rule(position), position.value()
        for ours, key in ((got.initial, "initial_margin_usd"), (got.maintenance, "maintenance_margin_usd")):
            margin = net(ours, value, cash)
            if key in expected:
                assert margin == pytest.approx(expected[key], rel=1e-3, abs=1e-6), (name, key)
            else:
                # the venue's test truncates to whole dollars
                assert abs(margin - expected[key + "_int"]) < 1.001, (name, key, margin, expected)
        checked += 1
    assert checked >= 30
    print(f"{checked} cases of Derive's standard margin")


def test_derive_portfolio__venues_own_cases__same_margins():
    checked = 0
    for case in cases("derive_cases.json.gz"):
        inputs = case["inputs"]
        if case["kind"] != "pmrm_v1_margin" or not plain(inputs):
            continue
        given, first = inputs["params"], inputs["legs"][0]
        if any(leg["vol_confidence"] < given["confThreshold"] for leg in inputs["legs"]):
            continue
        fixed = 0.0
        if "feeds" in inputs:
            feeds = inputs["feeds"]
            found = next(e for e in feeds["exp"] if e["key"] == first["seconds_to_expiry"])
            spot, seconds, forward, rate = feeds["spot"], found["sec"], found["var"], found["rate"]
            fixed, sure = found["fix"], min(found["fc"], found["rc"], feeds["spotc"])
            if feeds["stable"] < given["pegThr"]:
                continue
        else:
            spot, rate, sure = inputs["spot_usd"], inputs["rate"], inputs["spot_conf"]
            forward, average = inputs["forwards"][first["expiry"]]
            sure, seconds = min(sure, average), inputs["days_to_expiry"][first["expiry"]] * 86400
        if fixed or sure < given["confThreshold"]:
            continue
        rule = peers.DerivePortfolio(
            moves=(0.85, 0.90, 0.95, 1.0, 1.05, 1.10, 1.15), up=given["vUp"], down=given["vDn"],
            short_power=given["pShort"], long_power=given["pLong"], day_floor=given["dteFloor"] / 86400,
            initial=given["imFactor"], option=given["optionPercent"], future=given["perpPercent"],
            discount=given["baseDisc"], rate_multiple=given["rMult"], rate_add=given["rAdd"],
            basis=(given["bDn"], given["bUp"]), basis_add=given["bAdd"], basis_multiple=given["bMult"],
        )  # fmt: skip
        legs = [(leg["is_call"], leg["strike_usd"], leg["amount"], leg["vol"]) for leg in inputs["legs"]]
        position = positions(merged(legs), spot, forward, seconds, rate)
        got, value, expected = rule(position), position.value(), case["expected"]
        if "forward_contingency_usd" in expected:
            assert rule.forward_contingency(position)[0] == pytest.approx(expected["forward_contingency_usd"], abs=1e-8)
        for ours, key in ((got.initial, "initial_margin_usd"), (got.maintenance, "maintenance_margin_usd")):
            margin = net(ours, value, inputs["cash_usd"])
            if key in expected:
                assert margin == pytest.approx(expected[key], abs=1e-8), (case["id"], key)
            else:
                assert abs(margin - expected[key + "_int"]) < 1.001, (case["id"], key, margin, expected)
        checked += 1
    assert checked >= 25
    print(f"{checked} cases of Derive's portfolio margin")


def second_portfolio_cases() -> Iterator[tuple[dict[str, Any], peers.DerivePortfolio2, Any]]:
    """Cases of options of one expiry without rates (which discount), with the rule of their parameters."""
    file = json.loads(gzip.decompress((DATA / "derive_cases.json.gz").read_bytes())) if DATA.exists() else {}
    for case in cases("derive_cases.json.gz"):
        inputs = case["inputs"]
        if case["kind"] != "pmrm_2_margin" or not plain(inputs) or inputs["collaterals"]:
            continue
        feed = inputs["option_feeds"][0]
        sure = min(feed["ForwardConfidence"], feed["RateConfidence"], feed["OptionVolConfidences"], inputs["spot_conf"])
        given = file["pmrm2_param_sets"][inputs["params_ref"]]
        other, margin = given["OtherContingency"], given["Margin"]
        if feed["FeedExpiry"] < 1800:
            continue  # part of the forward is fixed
        if sure < other["CONF_THRESHOLD"] or inputs["stable_usd"] < other["PEG_LOSS_THRESHOLD"] or feed["Rate"] < 0:
            continue
        shocks, skew, basis = given["VolShock"], given["SkewShock"], given["BasisContingency"]
        plain_moves = file["pmrm2_scenario_sets"][inputs["scenarios_ref"]]
        by = {
            kind: [(s["SpotShock"], s["DampeningFactor"]) for s in plain_moves if s["VolShockDirection"] == kind]
            for kind in ("Up", "Down", "None", "LINEAR", "ABS")
        }
        if {m for m, _ in by["Down"]} != {m for m, _ in by["None"]} or by["LINEAR"] + by["ABS"] != [(1, 1.0)] * 2:
            continue
        both = {m for m, _ in by["Down"]}
        up = [one for one in by["Up"] if one[0] not in both]
        rule = peers.DerivePortfolio2(
            both=Scenarios.of(*sorted(both)), up=Scenarios(tuple(m for m, _ in up), tuple(d for _, d in up)),
            vols=(shocks["VOLRANGEUP"], shocks["VOLRANGEDOWN"]),
            powers=(shocks["SHORTTERMPOWER"], shocks["LONGTERMPOWER"]), day_floor=shocks["DTE_FLOOR"],
            least_vol=shocks["MIN_VOL_EVAL_SHOCKED"],
            factors=(margin["IM_LOSS_FACTOR"], margin["MM_LOSS_FACTOR"]),
            option=(other["IM_OPTION_PERCENT"], other["MM_OPTION_PERCENT"]),
            future=(other["IM_PERP_PERCENT"], other["MM_PERP_PERCENT"]),
            discount=(margin["BASE_STATIC_DISCOUNT"], margin["BASE_STATIC_DISCOUNT_NEG"]),
            rates=(
                (margin["LONG_RATE_MULTSCALE"], margin["LONG_RATE_ADDSCALE"]),
                (margin["SHORT_RATE_MULTSCALE"], margin["SHORT_RATE_ADDSCALE"]),
            ),
            basis=(basis["SCENARIO_SPOT_DOWN"], basis["SCENARIO_SPOT_UP"]),
            basis_add=basis["BASIS_CONT_ADD_FACTOR"], basis_multiple=basis["BASIS_CONT_MULT_FACTOR"],
            skew=((skew["LINEAR_SCALE_CAP"], skew["LINEAR_CBASE"]), (skew["ABS_SCALE_CAP"], skew["ABS_CBASE"])),
            skew_width=(
                skew["VOL_PARAM_STATIC"], skew["VOL_PARAM_SCALE"], skew["MIN_WIDTH_SCALE"], skew["MIN_K_STAR"]
            ),
        )  # fmt: skip
        legs = [(leg["is_call"], leg["strike_usd"], leg["amount"], leg["vol_from_svi"]) for leg in inputs["legs"]]
        yield (
            case,
            rule,
            positions(
                merged(legs), inputs["spot_usd"], feed["Forward"], inputs["legs"][0]["seconds_to_expiry"], feed["Rate"]
            ),
        )


def test_derive_second_portfolio__venues_own_cases__same_margins():
    checked = 0
    for case, rule, position in second_portfolio_cases():
        got, expected = rule(position), case["expected"]
        # this venue discounts its marks
        value = position.value() * np.exp(-position.rate * position.seconds / YEAR)
        assert value[0] == pytest.approx(expected["option_mtm_usd"], rel=1e-8)
        for ours, key in ((got.initial, "initial_margin_usd"), (got.maintenance, "maintenance_margin_usd")):
            margin = net(ours, value, case["inputs"]["cash_usd"])
            assert margin == pytest.approx(expected[key], rel=1e-8, abs=1e-6), (case["id"], key)
        checked += 1
    assert checked >= 20
    print(f"{checked} cases of Derive's second portfolio margin")


def opyn_cases(*topics: str) -> list[dict[str, Any]]:
    return [c for c in cases("peers_cases.json.gz") if c["system"] in ("Opyn v2", "Rysk") and c["topic"] in topics]


def test_opyn_table__venues_own_cases__same_collateral():
    checked = 0
    for case in opyn_cases("naked-margin"):
        given, tolerance = case["inputs"], case["tolerance"]
        kind, _, token = given.get("kind", f"{given.get('option')}/{given.get('collateral')}").upper().partition("/")
        rule = peers.OpynTable(shock=given["spot_shock"])
        share = given.get("upper_bound", given.get("upper_bound_28d"))
        spot = np.array([float(given["spot"])])
        each = rule.naked(
            np.array([Kind.PUT if kind == "PUT" else Kind.CALL]), np.array([float(given["strike"])]), spot, share
        )
        total = each[0] * given["short_amount"] / (spot[0] if token == "WETH" else 1.0)
        want = case["expected"]["margin"]
        assert total == pytest.approx(want, rel=tolerance.get("rel", 0), abs=tolerance.get("abs", 1e-9)), case["id"]
        checked += 1
    assert checked >= 10


def test_opyn_table__bucket__first_not_before_expiry():
    shares = peers.OpynTable().share(np.array([5.0, 7.0, 10.0, 14.0, 400.0]) * 86400)
    assert list(shares[:4]) == [0.1678, 0.1678, 0.237, 0.237] and shares[4] == peers.OpynTable().table[-1][1]


def test_least_payoff__opyns_put_spreads__same_collateral():
    checked = 0
    for case in opyn_cases("put-spread-margin"):
        given, expected = case["inputs"], case["expected"]
        if not {"short_amount", "short_strike", "long_amount", "long_strike", "collateral_usdc"} <= set(given):
            continue
        legs = [
            (False, float(given[side + "_strike"]), sign * float(given[side + "_amount"]), 0.5)
            for side, sign in (("short", -1), ("long", 1))
            if given[side + "_amount"]
        ]
        if not legs or "excess_or_deficit" not in expected:
            continue
        need = -positions(merged(legs), 200.0, 200.0, 86400.0).least_payoff()[0] if legs else 0.0
        excess = given["collateral_usdc"] - need
        sign = 1 if expected["is_excess"] else -1
        assert excess == pytest.approx(sign * expected["excess_or_deficit"], abs=case["tolerance"]["abs"]), case["id"]
        checked += 1
    assert checked >= 5


@pytest.mark.parametrize(
    ("call", "strike", "opens", "keeps"),
    [
        (True, 2000.0, 0.15, 0.075),  # at the money
        (True, 2080.0, 0.11, 0.075),  # 4 % out of the money: 0.15 - 0.04
        (True, 2600.0, 0.10, 0.075),  # far out: the floor
        (False, 1900.0, 0.10, 0.075),  # 5 % out: 0.15 - 0.05
        (False, 6000.0, 0.15, 0.15),  # 4,000 in the money: 7.5 % of the mark, and never less to open
    ],
)
def test_deribit_standard__short_option__shares_of_spot_beyond_the_mark(call, strike, opens, keeps):
    position = positions([(call, strike, -2.0, 0.0)], 2000.0, 2000.0, 30 * 86400.0)
    got = peers.DeribitStandard()(position)
    assert got.initial[0] == pytest.approx(2 * opens * 2000.0)
    assert got.maintenance[0] == pytest.approx(2 * keeps * 2000.0)


def test_rules__long_option_paid_up__needs_no_more_than_its_mark():
    position = positions([(True, 2100.0, 1.0, 0.6)], 2000.0, 2000.0, 30 * 86400.0)
    value = position.value()[0]
    for name, rule in peers.RULES.items():
        if name == "Derive PMRM":  # discounts a long option and multiplies its loss: it asks for more than the mark
            continue
        got = rule(position)
        assert 0 <= got.maintenance[0] <= got.initial[0] <= value + 1e-9, name


def test_derive_standard__net_short_calls_beside_long_ones__cost_forward_beyond_the_worst_payoff():
    """Ten calls short, nine and a half long a little above: spreads need their width, the rest 1.2 or 1.1 forwards."""
    legs = [(True, 2000.0, -10.0, 0.5), (True, 2010.0, 9.5, 0.5)]
    held = positions(legs, spot=2000, forward=2100, seconds=30 * 86_400)
    found = peers.DeriveStandard()(held)
    bare = peers.DeriveStandard(unpaired=(0.0, 0.0))(held)
    assert found.initial[0] - bare.initial[0] == pytest.approx(1.2 * 2100 * 0.5)
    assert found.maintenance[0] - bare.maintenance[0] == pytest.approx(1.1 * 2100 * 0.5)
    # as many long as short: nothing is unpaired
    even = positions([legs[0], (True, 2010.0, 10.0, 0.5)], spot=2000, forward=2100, seconds=30 * 86_400)
    value = float((even.quantity * even.prices()).sum())
    assert peers.DeriveStandard()(even).initial[0] == pytest.approx(10 * 10 + value)


def test_derive_standard__future_that_moves_no_worst_payoff__costs_its_share_of_spot():
    """A future of quantity 0.4 beside a long call that is paid up: 10 % to open, 6.5 % to keep."""
    call = positions([(True, 2000.0, 1.0, 0.5)], spot=2000, forward=2100, seconds=30 * 86_400)
    value = call.value()[0]
    for quantity in (0.4, -0.4):
        both = positions([(True, 2000.0, 1.0, 0.5), (True, 0.0, quantity, 0.0)], 2000, 2100, 30 * 86_400)
        both = replace(both, kind=np.array([Kind.CALL, Kind.FUTURE], np.int64))
        found, bare = peers.DeriveStandard()(both), peers.DeriveStandard(future=(0.0, 0.0))(both)
        assert found.initial[0] - bare.initial[0] == pytest.approx(0.10 * 2000 * 0.4)
        assert found.maintenance[0] - bare.maintenance[0] == pytest.approx(0.065 * 2000 * 0.4)
        assert bare.initial[0] >= value


def test_flat_ratio__short_option__surplus_over_its_mark():
    position = positions([(False, 1900.0, -3.0, 0.6)], 2000.0, 2000.0, 30 * 86400.0)
    got = peers.FlatRatio(1.5)(position)
    assert got.maintenance[0] == pytest.approx(-0.5 * position.value()[0])
    assert got.initial[0] == pytest.approx(1.25 * got.maintenance[0])
