"""bulkhead.orders: building, JSON, and the same reasons as the contract."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_account import Account

from bulkhead import orders, signatures
from bulkhead.orders import Domain, Order, OrderError, OrderLeg
from bulkhead.risk.words import Kind, Series

EXPIRY = 1767945600
KEY = "0x" + "11" * 32
SIGNER = Account.from_key(KEY).address
CALL = Series(1, Kind.CALL, EXPIRY, 2000 * 10**8)
PUT = Series(1, Kind.PUT, EXPIRY, 2000 * 10**8)
DOMAIN = Domain(31337, "0x" + "e7" * 20)


def make(**changes: Any) -> Order:
    """An order whose form holds, but for the changes."""
    values: dict[str, Any] = {
        "maker_vault": 1, "signer": SIGNER, "legs": [(PUT, -1), (CALL, 1)], "is_bid": True, "price": -(10**18),
        "size": 10**6, "expiry": EXPIRY - 60,
    }  # fmt: skip
    return orders.build(**{**values, **changes})


def test_build__legs_in_any_order__are_sorted() -> None:
    order = make()
    assert [leg.series for leg in order.legs] == [CALL.pack(), PUT.pack()]
    assert make().salt != make().salt


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"legs": []}, "order/no-legs"),
        ({"legs": [(Series(1, Kind.CALL, EXPIRY, k), 1) for k in range(1, 6)]}, "order/no-legs"),
        ({"legs": [(CALL, 1), (CALL, 1)]}, "order/legs-unsorted"),
        ({"legs": [(CALL, 0)]}, "order/out-of-range"),
        ({"size": 0}, "order/out-of-range"),
        ({"price": 2**127 + 1}, "order/out-of-range"),
        ({"legs": [(1 << 112 | 9 << 104, 1)]}, "order/bad-series"),
        ({"legs": [(CALL, 1), (Series(1, Kind.PUT, EXPIRY + 1, 1), 1)]}, "order/wrong-cell"),
        ({"legs": [(Series(1, Kind.CASH, EXPIRY), 1)]}, "order/only-cash"),
        ({"slip": 10_001}, "order/out-of-range: slip is at most 10,000 bps"),
        ({"slip": 1, "patience": 3_601, "spot_min": 1}, "order/out-of-range: patience is at most 3,600 s"),
        ({"slip": 1, "iv": 1}, "order/slip-with-iv: .* not by both"),
        ({"patience": 1, "spot_min": 1}, "order/patience-without-bounds: .* needs both"),
        ({"patience": 1, "slip": 1}, "order/patience-without-bounds: .* needs both"),
        ({"flags": orders.Flags.TOGETHER, "salt": 0}, "order/together-without-salt: .* salt that is not 0"),
    ],
)
def test_build__form_that_does_not_hold__says_the_contracts_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(OrderError, match=reason):
        make(**changes)


@pytest.mark.parametrize(("filled", "size", "reducible", "reason"), [
    (0, 5, 3, "exchange/reduce-only"), (0, 11, 3, "exchange/above-remainder"), (0, 1, 0, "exchange/reduce-only"),
    (0, 2, 3, "exchange/below-min-fill"), (0, 3, 3, ""), (8, 2, 3, ""), (8, 3, 3, "exchange/above-remainder"),
])  # fmt: skip
def test_size_refusal__reduce_only__counts_against_what_still_reduces(
    filled: int, size: int, reducible: int, reason: str
) -> None:
    order = make(size=10, min_fill=4, flags=orders.Flags.REDUCE_ONLY)
    assert orders.size_refusal(order, filled, size, reducible) == reason


def test_series__pack_and_unpack__are_inverse() -> None:
    assert Series.unpack(CALL.pack()) == CALL
    with pytest.raises(ValueError, match="leg/"):
        Series(1, Kind.CALL, EXPIRY)
    with pytest.raises(ValueError, match="leg/"):
        Series(1, Kind.FUTURE, EXPIRY, 1)
    with pytest.raises(ValueError, match="leg/"):
        Series(2**16, Kind.CALL, EXPIRY, 1)


def test_json__round_trip__keeps_every_digit() -> None:
    order = make(salt=2**256 - 1, max_fee=2**256 - 2)
    assert Order.from_json(json.loads(json.dumps(order.to_json()))) == order


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("price", "1.5"),
        ("price", 1.5),
        ("price", True),
        ("size", -1),
        ("flags", 256),
        ("is_bid", 1),
        ("signer", "0x1"),
        ("slip", -1),
        ("patience", 2**256),
        ("max_deficit", "0.1"),
        ("since", None),
    ],
)
def test_json__wrong_field__is_named(field: str, content: object) -> None:
    with pytest.raises(OrderError, match=field):
        Order.from_json({**make().to_json(), field: content})


def test_json__missing_or_unknown_field__is_named() -> None:
    data = make().to_json()
    with pytest.raises(OrderError, match="unknown field 'more'"):
        Order.from_json({**data, "more": 1})
    del data["salt"]
    with pytest.raises(OrderError, match="without field 'salt'"):
        Order.from_json(data)


def test_sign__both_forms__recover_the_signer() -> None:
    order = make()
    signature = orders.sign(order, DOMAIN, KEY)
    assert orders.recover(order, DOMAIN, signature) == SIGNER
    assert signatures.expand(signatures.compact(signature)) == signature
    changed = orders.with_changes(order, price=0)
    assert orders.recover(changed, DOMAIN, signature) != SIGNER
    with pytest.raises(OrderError):
        orders.with_changes(order, prize=0)
    for bad in (b"", bytes(66)):
        with pytest.raises(signatures.SignatureError):
            signatures.expand(bad)
    with pytest.raises(signatures.SignatureError):
        signatures.compact(signature[:64])
    with pytest.raises(signatures.SignatureError, match="malleable"):
        signatures.compact(signature[:32] + b"\xff" * 32 + signature[64:])


def test_to_tuple__is_in_the_order_of_the_type() -> None:
    order = make()
    assert order.to_tuple()[3] == [(leg.series, leg.ratio) for leg in order.legs]
    assert len(order.to_tuple()) == len(orders.TYPES["Order"])
    assert OrderLeg(1, 1) == OrderLeg(1, 1)
