"""Stops, takes of profit and trailing stops at their bounds: without a node, from a vault and a price."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead import orders, pricing
from bulkhead.chain.errors import BadInput
from bulkhead.client import stops as module
from bulkhead.client.stops import GAP, Position, Stops
from bulkhead.orders import Flags, OrderLeg, PremiumStyle
from bulkhead.risk.words import WAD, Kind, Leg, Series
from tests.keeper.states import EXPIRY, cell, vault

MAX = 2**256 - 1
SPOT = 200
LONG = vault(1, legs=(Leg(Kind.CALL, 180 * 10**8, 2 * 10**6),))
SHORT = vault(1, legs=(Leg(Kind.CALL, 220 * 10**8, -(10**6)),))
PRICED = replace(cell(), snapshot=pricing.flat(replace(cell().snapshot, seconds=7 * 86_400), WAD // 2))


class Signing:
    """Orders that are only built."""

    def order_of(self, view: Any, legs: Any, **fields: Any) -> Any:
        return SimpleNamespace(maker_vault=view.vault_id, legs=legs, **fields)

    def sign_order(self, order: Any) -> Any:
        return SimpleNamespace(order=order)


@pytest.fixture
def stops(monkeypatch):
    def made(view: Any = LONG, priced: Any = PRICED) -> Stops:
        monkeypatch.setattr(module, "read_cells", lambda chain, keys: {view.cell: priced})
        account: Any = SimpleNamespace(chain=SimpleNamespace(rpc=SimpleNamespace(timestamp=lambda: 77)))
        vaults: Any = SimpleNamespace(view=lambda vault_id: view)
        signing: Any = Signing()
        return Stops(account, vaults, signing)

    return made


def wad(number: int) -> Decimal:
    return Decimal(number).scaleb(-18)


# --- what is held -----------------------------------------------------------------------------------------------------


def test_position__legs__are_one_package_and_its_number(stops):
    legs = (Leg(Kind.PUT, 150 * 10**8, -6 * 10**6), Leg(Kind.CALL, 180 * 10**8, 4 * 10**6), Leg(Kind.CASH, 0, 9))
    found = stops(vault(1, legs=legs)).position(1)
    parts = {Series.unpack(leg.series).kind: leg.ratio for leg in found.legs}
    assert found.packages == 2 * 10**6 and parts == {Kind.PUT: -3, Kind.CALL: 2}
    assert [leg.series for leg in found.legs] == sorted(leg.series for leg in found.legs)
    assert found.style is PremiumStyle.UPFRONT
    assert found.value() == pricing.mark(
        [replace(leg, quantity=leg.quantity // 2) for leg in legs[:2]], PRICED.snapshot
    )


@pytest.mark.parametrize(("count", "fits"), [(orders.MAX_LEGS, True), (orders.MAX_LEGS + 1, False)])
def test_position__more_legs_than_an_order_has__are_refused(stops, count, fits):
    legs = tuple(Leg(Kind.CALL, (180 + i) * 10**8, 10**6) for i in range(count))
    made = stops(vault(1, legs=legs))
    if fits:
        assert len(made.position(1).legs) == count
    else:
        with pytest.raises(BadInput, match="split it first"):
            made.position(1)


def test_position__nothing_to_close_or_no_price__is_refused(stops):
    with pytest.raises(BadInput, match="no option and no future"):
        stops(vault(1, legs=(Leg(Kind.CASH, 0, 5),))).position(1)
    with pytest.raises(BadInput, match="not active"):
        stops(LONG, replace(PRICED, snapshot=replace(PRICED.snapshot, status=1))).position(1)


def test_position__with_a_future__is_closed_on_deferred_premium(stops):
    pair = (Leg(Kind.FUTURE, 0, 10**6), Leg(Kind.CALL, 180 * 10**8, 10**6))
    assert stops(vault(1, legs=pair)).position(1).style is PremiumStyle.DEFERRED


# --- stops ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "side", "fine", "refused", "why"),
    [
        (LONG, "below", wad(SPOT * WAD - 1), SPOT, "would close at once"),
        (SHORT, "above", "200.000001", SPOT, "would close at once"),
        (LONG, "below", 150, 0, "a trigger above 0"),
        (LONG, "below", 150, -1, "a trigger above 0"),
        (SHORT, "above", 250, 150, "would close at once"),
        (LONG, "below", 150, 250, "would close at once"),
    ],
)
def test_stop__trigger__on_the_side_where_the_price_is_not(stops, view, side, fine, refused, why):
    order = stops(view).stop(1, **{side: fine}).order
    trigger = int(Decimal(fine) * WAD)
    band = (0, trigger) if side == "below" else (trigger, MAX)
    assert (order.spot_min, order.spot_max) == band
    with pytest.raises(BadInput, match=why):
        stops(view).stop(1, **{side: refused})


@pytest.mark.parametrize(("view", "side", "where"), [(LONG, "above", 250), (SHORT, "below", 150)])
def test_stop__where_the_position_gains__is_a_take_of_profit(stops, view, side, where):
    with pytest.raises(BadInput, match="the wrong side for a stop"):
        stops(view).stop(1, **{side: where})


def test_stop__where_the_position_is_worth_exactly_as_much__is_refused(monkeypatch):
    for there, refused in ((10, True), (9, False)):
        monkeypatch.setattr(Position, "value", lambda self, spot=None, there=there: 10 if spot is None else there)
        position = Position(LONG, PRICED, (), 1)
        if refused:
            with pytest.raises(BadInput, match="the wrong side"):
                module._trigger(position, 150, None)
        else:
            assert module._trigger(position, 150, None) == (150 * WAD, True)
            assert module._trigger(position, None, 250) == (250 * WAD, False)


def test_stop__one_side_is_named__and_no_more(stops):
    for sides in ({}, {"below": 150, "above": 250}):
        with pytest.raises(BadInput, match="give one of the two"):
            stops().stop(1, **sides)


@pytest.mark.parametrize(("view", "side", "trigger", "far"), [(LONG, "below", 150, 75), (SHORT, "above", 250, 375)])
def test_stop__worst_price__is_the_mark_after_a_gap_less_the_slip(stops, view, side, trigger, far):
    assert GAP == 2
    made = stops(view)
    position = made.position(1)
    order = made.stop(1, **{side: trigger}, slip=200, patience=60).order
    floor = position.value(far * WAD) - far * WAD // 50
    assert (order.price, order.slip, order.patience) == (floor, 200, 60)
    assert order.flags == Flags.REDUCE_ONLY | Flags.TOGETHER and not order.is_bid and order.opens is False
    assert made.stop(1, **{side: trigger}, worst=-7).order.price == -7 * WAD


@pytest.mark.parametrize(
    ("size", "signed"), [(None, 2 * 10**6), (2, 2 * 10**6), ("0.000001", 1), ("2.000001", 0), (0, 0)]
)
def test_size__no_more_than_is_held_and_not_nothing(stops, size, signed):
    if signed:
        assert stops().stop(1, below=150, size=size).order.size == signed
    else:
        with pytest.raises(BadInput, match="sell at most those|at most|above"):
            stops().stop(1, below=150, size=size)


def test_take_profit__above_what_it_is_worth__and_not_at_it(stops):
    made = stops()
    worth = made.position(1).value()
    order = made.take_profit(1, wad(worth + 1), salt=5, good_for=60).order
    assert (order.price, order.salt, order.good_for) == (worth + 1, 5, 60) and not hasattr(order, "slip")
    with pytest.raises(BadInput, match="stands above that"):
        made.take_profit(1, wad(worth))


# --- trailing ---------------------------------------------------------------------------------------------------------


def level(**changes: Any) -> Any:
    """A stop of the long call at 150, or of the short one at 250."""
    base = orders.Order(
        maker_vault=1, signer="0x" + "01" * 20, legs=(OrderLeg(Series(1, Kind.CALL, EXPIRY, 180 * 10**8).pack(), 1),),
        is_bid=False, price=0, size=1, expiry=EXPIRY, slip=300, patience=60, spot_max=150 * WAD,
        flags=Flags.REDUCE_ONLY | Flags.TOGETHER,
    )  # fmt: skip
    return SimpleNamespace(order=replace(base, **changes))


@pytest.mark.parametrize(
    ("old", "distance", "band"),
    [
        (level(), 49, {"spot_max": 151 * WAD}),
        (level(), 50, None),
        (level(), 51, None),
        (level(spot_min=250 * WAD, spot_max=MAX), 49, {"spot_min": 249 * WAD}),
        (level(spot_min=250 * WAD, spot_max=MAX), 50, None),
        (level(spot_min=250 * WAD, spot_max=MAX), 51, None),
    ],
)
def test_trail__only_to_a_better_level(stops, old, distance, band):
    found = stops().trail(old, distance)
    if band is None:
        assert found is None
    else:
        assert found.order == replace(old.order, **band, since=77)


@pytest.mark.parametrize("changes", [{"flags": Flags.REDUCE_ONLY}, {"flags": Flags.TOGETHER}, {"spot_max": MAX}])
def test_trail__order_that_is_no_stop__is_refused(stops, changes):
    with pytest.raises(BadInput, match="no stop that could trail"):
        stops().trail(level(**changes), 10)
    for distance in (0, -1):
        with pytest.raises(BadInput, match="a distance above 0"):
            stops().trail(level(), distance)
