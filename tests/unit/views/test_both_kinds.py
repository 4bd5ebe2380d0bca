"""Every lens tells of a vault in a market that counts coins what the exact mirror does, as in one that counts quote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boa
import pytest

from bulkhead.chain.words import Terms
from bulkhead.orders import Order, OrderLeg
from bulkhead.risk import explain as mirror
from bulkhead.risk import greeks, margin
from bulkhead.risk.liquidation_price import exact_prices
from bulkhead.risk.margin import resolve
from bulkhead.risk.words import WAD, Kind, Leg, Model, RiskWord, Series, Units
from tests.evm import Env
from tests.worlds.system import EMPTY, Market, System, call, cash, future, put, weekly, with_markets

EXPIRY = weekly(2)
UNBOUNDED = 2**256 - 1
#: (decimals, digits of a coin's unit; None for a market that counts quote), of markets from 1 on.
MARKETS = ((6, None), (8, None), (18, None), (6, 3), (8, 5), (18, 3))
#: What a vault sells: options of both sides and both legs without a strike, one of which is money.
BOOKS = {
    "shorts": [put(1800, 2), call(2200, 1), future(0.25), cash(-250)],
    "mixed": [put(1900, 3), put(1600, -3), call(2100, -1), call(2400, 2)],
    "longs": [call(2000, -1), put(2300, -1)],
}
SPOT = 1950


@dataclass(frozen=True)
class Kept:
    """A market of one kind, and how much a vault in it is worth."""

    market: Market
    units: Units

    def amount(self, quote: float) -> float:
        """So many quote, or coins of that worth at 2,000."""
        return quote / 2000 if self.units.inverse else quote


@pytest.fixture(scope="module")
def deployed() -> Iterator[System]:
    with boa.swap_env(Env()):
        yield with_markets(*MARKETS)


@pytest.fixture
def system(deployed: System) -> Iterator[System]:
    with boa.env.anchor():
        yield deployed


@pytest.fixture(params=range(len(MARKETS)), ids=[f"{'coins' if d else 'quote'}-{n}" for n, d in MARKETS])
def kept(request: pytest.FixtureRequest, system: System) -> Kept:
    _, digits = MARKETS[request.param]
    return Kept(system.markets[request.param], Units(digits is not None, digits or 0))


@pytest.fixture(params=list(Model), ids=lambda model: model.name)
def model(request: pytest.FixtureRequest) -> Model:
    found: Model = request.param
    return found


@pytest.fixture
def people() -> tuple[str, str]:
    """A trader and a rich maker."""
    return str(boa.env.generate_address("trader")), str(boa.env.generate_address("maker"))


def held(
    system: System, kept: Kept, people: tuple[str, str], legs: list[int], quote: float, model: Model
) -> tuple[int, mirror.Position]:
    """A vault that has given the legs away to a rich maker for nothing, and what the mirror is asked of it."""
    trader, maker = people
    vault_id = system.open(trader, kept.amount(quote), kept.market, model)
    rich = system.open(maker, kept.amount(1_000_000), kept.market)
    system.novate(vault_id, rich, legs, EXPIRY, market=kept.market)
    system.wait(60)
    system.push(SPOT, kept.market)
    return vault_id, position(system, kept, vault_id, model)


def position(system: System, kept: Kept, vault_id: int, model: Model) -> mirror.Position:
    """What the mirror is asked."""
    risk = RiskWord.unpack(system.clearinghouse.market(kept.market.index).risk)
    if model == Model.STATIC:
        risk = risk.stamped(Terms.unpack(system.clearinghouse.load(vault_id).vault.terms).stamp)
    collateral = system.state(vault_id).collateral
    prices = system.snapshot(EXPIRY, kept.market)
    return mirror.Position(tuple(system.legs(vault_id)), prices, risk, collateral, model, kept.units)


@pytest.mark.parametrize("book", BOOKS.values(), ids=list(BOOKS))
def test_explain_profile_and_position__of_either_kind__are_the_mirrors(system, kept, people, model, book):
    vault_id, where = held(system, kept, people, book, 9_000, model)
    known = mirror.explain(where, spots := (-50, -5, 0, 20, 100), vols := (-30, 0, 100))
    told = system.RiskLens.explain(vault_id)
    found = known.assessment
    assert (told.value, told.v_min, told.margin) == (found.value, found.v_min, found.margin)
    assert told.cap == (UNBOUNDED if known.room is None else known.room)
    assert told.equity == known.standing.equity and told.target == known.standing.target
    assert told.maintenance_margin == known.standing.maintenance_margin
    assert told.initial_margin == known.initial_margin
    steps = [part.amount for part in known.initial_parts]
    first = told.initial
    assert [first.base, first.concentration, first.proximity, first.cap, first.other] == steps
    _check_terms(told.terms, known, where)

    points = [(where.snapshot.spot * (100 + spot) // 100, 100 * vol) for vol in vols for spot in spots]
    levels = [(cell.equity, cell.maintenance_margin) for cell in known.grid]
    assert [tuple(level) for level in system.RiskLens.profile(vault_id, points).levels] == levels
    if model != Model.STATIC:
        # of legs only thought of; a STATIC vault has the ratios of its own day
        legs = [leg.pack() for leg in where.legs]
        thought = (kept.market.index, EXPIRY, int(model), legs, where.collateral)
        assert [tuple(level) for level in system.RiskLens.profile_of(thought, points).levels] == levels

    (shown,) = system.PositionLens.positions([vault_id]).positions
    assert shown.equity == known.standing.equity and shown.value == found.value
    assert shown.maintenance_margin == known.standing.maintenance_margin
    # what may be left after an action, which asks for the proximity of that equity
    assert shown.initial_margin == told.after_action
    assert [leg.mark for leg in shown.legs] == [line.price for line in known.legs]
    assert [leg.iv for leg in shown.legs] == [line.iv or 0 for line in known.legs]
    # what the marks of single contracts leave
    whole = sum(leg.mark * leg.quantity for leg in shown.legs) // WAD
    assert abs(whole - found.value) <= sum(abs(leg.quantity) for leg in shown.legs) // WAD + len(shown.legs)
    for name in ("delta", "gamma", "vega", "theta"):
        total = sum(getattr(leg, name) for leg in shown.legs)
        assert total == pytest.approx(getattr(found, name), rel=1e-9, abs=10**8), name


def _check_terms(terms: Any, known: mirror.Explanation, where: mirror.Position) -> None:
    """The terms of a margin are the mirror's."""
    parts = {part.name: part for part in known.parts}
    if where.model == Model.STATIC:
        longs = parts.get("value of the long options")
        assert terms.longs == (0 if longs is None else longs.amount)
        assert terms.shorts + terms.longs == known.assessment.margin
        return
    own = greeks.terms(where.legs, where.snapshot, where.risk, where.inverse)
    if where.model == Model.GREEKS:
        assert (terms.delta, terms.gamma, terms.vega) == (own.delta, own.gamma, own.vega)
        assert (terms.decay, terms.floor, terms.es_share) == (own.decay, own.floor, own.es)
        return
    assert terms.floor == parts["floor of short options"].amount == own.floor
    decay = parts.get("decay")
    assert terms.decay_counts == (decay is not None and decay.counts)
    assert terms.tail == (0 if terms.decay_counts else parts["expected shortfall"].amount)
    if not terms.decay_counts:
        assert terms.decay == own.decay


@pytest.mark.parametrize("quote", [1_500, 3_000])
def test_edges__of_either_kind__lie_on_both_sides_of_the_mirrors(system, kept, people, model, quote):
    vault_id, where = held(system, kept, people, [put(1900, 1), call(2200, 1)], quote, model)
    wanted = exact_prices(where.legs, where.snapshot, where.risk, where.collateral, model, units=kept.units)
    nearest = system.lens.liquidation_prices(vault_id)
    spot = where.snapshot.spot
    for found, exactly, none in zip(nearest, wanted, (0, UNBOUNDED), strict=True):
        assert found == none if exactly is None else abs(found - exactly) <= spot // 10**6 + 10**10
    brackets = [
        (max(edge * 102 // 100, edge + 1), edge) if edge < spot else (edge * 98 // 100, edge * 101 // 100)
        for edge in wanted
        if edge is not None
    ]
    assert brackets, "the vault has an edge"
    for bracket in system.RiskLens.liquidation_prices(vault_id, brackets).brackets:
        assert abs(bracket.safe - bracket.liquidatable) <= spot // 10**6
        gaps = []
        for at in (bracket.safe, bracket.liquidatable):
            moved = where.snapshot.at(at)
            standing = resolve(where.assess(moved), where.collateral, where.risk, moved, units=kept.units)
            gaps.append(standing.equity - standing.maintenance_margin)
        assert gaps[0] >= 0 > gaps[1]


def test_previews__of_either_kind__are_the_vault_that_opens(system, kept, people, model):
    trader, maker = people
    moved = [call(2_000, -1), put(1_800, -2)]
    paid = system.native(kept.amount(5_000), kept.market)
    seen = system.lens.preview_new(kept.market.index, int(model), EXPIRY, moved, paid)
    vault_id = system.open(trader, kept.amount(5_000), kept.market, model)
    before = system.lens.preview(vault_id, EXPIRY, moved, 0)
    rich = system.open(maker, kept.amount(1_000_000), kept.market)
    system.novate(rich, vault_id, moved, EXPIRY, market=kept.market)
    state, where = system.state(vault_id), position(system, kept, vault_id, model)
    assert before == state
    for name in ("equity", "value", "maintenance_margin", "initial_margin", "collateral", "v_min", "deposit", "delta"):
        assert getattr(seen, name) == getattr(state, name), name
    standing = resolve(where.assess(), where.collateral, where.risk, where.snapshot, units=kept.units)
    assert (state.equity, state.maintenance_margin) == (standing.equity, standing.maintenance_margin)
    asked = margin.required(where.legs, where.snapshot, where.risk, where.collateral, model, kept.units)
    assert state.initial_margin == asked


def test_trade_preview__of_a_vault_that_is_opened__is_by_the_markets_own_engine(system, kept, people, model):
    trader, maker = people
    desk = system.open(maker, kept.amount(1_000_000), kept.market)
    series = Series(kept.market.index, Kind.CALL, EXPIRY, 2200 * 10**8).pack()
    price = round(kept.amount(60) * 10**6) * 10**12
    bid = Order(
        maker_vault=desk, signer=maker, taker=EMPTY, legs=(OrderLeg(series, 1),), is_bid=True, price=price,
        size=10**7, expiry=system.now + 3600, salt=1,
    )  # fmt: skip
    deposit = system.native(kept.amount(2_500), kept.market)
    system.fund(trader, kept.amount(2_500), kept.market)
    size = 2 * 10**6
    told = system.TradeLens.preview((bid.to_tuple(), b"", size, trader, 0, int(model), deposit))
    # what the fill brings in: premium less the fee of the taker
    cash_in = deposit - told.total
    legs = [Leg(Kind.CALL, 2200 * 10**8, -size)]
    same = system.lens.preview_new(kept.market.index, int(model), EXPIRY, [legs[0].pack()], cash_in)
    for name in ("balance", "collateral", "value", "equity", "maintenance_margin", "initial_margin", "v_min", "delta"):
        assert getattr(told.after, name) == getattr(same, name), name
    prices = system.snapshot(EXPIRY, kept.market)
    assert told.price == price and told.premium == -(2 * price // 10 ** (18 - kept.market.decimals))
    (leg,) = told.after.legs
    mark = mirror.mark([Leg(Kind.CALL, 2200 * 10**8, 10**6)], prices, kept.units.inverse)
    assert leg.mark == mark and told.refusals.vault == ""


def test_markets__of_both_kinds__say_what_they_count(system, people):
    trader, maker = people
    coin = Kept(system.markets[-1], Units(True, 3))
    long, short = (system.open(one, kept_amount, coin.market) for one, kept_amount in ((trader, 2.0), (maker, 900.0)))
    system.novate(short, long, [call(2_200, 0.5), cash(-3_000), future(1.5)], EXPIRY, market=coin.market)
    found = system.MarketLens.markets(0, 8).markets
    assert [(one.inverse, one.unit) for one in found] == [
        (digits is not None, WAD // 10 ** (digits or 0)) for _, digits in MARKETS
    ]
    assert [(one.open_interest, one.open_quote) for one in found] == [(0, 0)] * 5 + [(10**6, 6_000 * 10**6)]
    packed = system.lens.market(6, EXPIRY)
    assert (packed.inverse, packed.unit) == (True, WAD // 1000)
    assert packed.open_interest == 10**6 | 6_000 * 10**6 << 128
