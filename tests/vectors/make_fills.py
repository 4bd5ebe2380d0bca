"""Writes fills.json: what fills cost and legs pay in both kinds of market, for every implementation of these rules.

Run `python -m tests.vectors.make_fills` after a change of a rule; a test compares file and code.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from bulkhead import orders, pricing
from bulkhead.chain.lens import CellView
from bulkhead.client.deficits import tolerated_for
from bulkhead.orders import Order, PremiumStyle
from bulkhead.pricing import Fees
from bulkhead.risk import payoff
from bulkhead.risk.scales import MICRO
from bulkhead.risk.words import LINEAR, WAD, Kind, Leg, Series, Snapshot, Status, Units
from tests.vectors.make_orders import EXPIRY, SIGNER

COINS = Units(inverse=True, digits=3)
KINDS = {"dollars": (LINEAR, 6), "coins": (COINS, 18)}
#: As markets are listed with.
FEES = Fees(taker_bps=3, maker_bps=0, cap_bps=1250)
BEFORE = Snapshot(
    spot=1_946 * WAD, forward=1_951 * WAD + 37, seconds=9 * 86_400, sigma=5 * WAD // 10, sigma_now=5 * WAD // 10,
    vol_ratio=WAD, status=Status.FRESH | Status.ACTIVE, surface_near=6 * WAD // 10,
)  # fmt: skip
#: Two fifths of the settlement window have passed.
WITHIN = replace(BEFORE, seconds=720, window_share=4 * WAD // 10, window_average=1_930 * WAD + 11)
MOMENTS = {"before": BEFORE, "within the window": WITHIN}
#: Fields of a snapshot that these rules read.
FIELDS = ("spot", "forward", "window_share", "window_average")


def _series(kind: Kind, strike: int = 0) -> Series:
    return Series(1, kind, EXPIRY, strike * 10**8)


def _orders(units: Units) -> dict[str, Order]:
    common: dict[str, Any] = {
        "maker_vault": 1,
        "signer": SIGNER,
        "expiry": EXPIRY - 3600,
        "salt": 1,
        "inverse": units.inverse,
    }
    price = WAD * 31 // 1000 + 7 if units.inverse else 61 * WAD + 7
    future = Kind.CASH if units.inverse else Kind.FUTURE
    size = 7 * MICRO + 3
    of_future = {
        "price": 513 * WAD // 10**6 + 1 if units.inverse else 1_955 * WAD,
        "size": 1_946 * MICRO + 1 if units.inverse else size,
        "premium_style": PremiumStyle.DEFERRED,
    }
    call, put = _series(Kind.CALL, 2_000), _series(Kind.PUT, 1_900)
    return {
        "a call is sold": orders.build(legs=[(call, 1)], is_bid=False, price=price, size=size, **common),
        "a call is bought": orders.build(legs=[(call, 1)], is_bid=True, price=price, size=size, **common),
        "a cheap call, whose fee is capped": orders.build(
            legs=[(call, 1)], is_bid=False, price=price // 200, size=size, **common
        ),
        "a straddle on deferred premium": orders.build(
            legs=[(call, 1), (put, 2)], is_bid=False, price=3 * price, size=size, premium_style=PremiumStyle.DEFERRED,
            **common,
        ),
        "futures are sold": orders.build(legs=[(_series(future), 1)], is_bid=False, **of_future, **common),
        "futures are bought": orders.build(legs=[(_series(future), 1)], is_bid=True, **of_future, **common),
    }  # fmt: skip


def _leg(leg: Leg) -> dict[str, str]:
    return {"kind": leg.kind.name.lower(), "strike": str(leg.strike), "quantity": str(leg.quantity)}


def _fill(name: str, order: Order, moment: str, kind: str) -> dict[str, Any]:
    units, decimals = KINDS[kind]
    snapshot = MOMENTS[moment]
    one = pricing.legs_of(order, MICRO)
    found = pricing.terms(order, order.size, decimals, FEES, snapshot, units=units)
    legs, cash = found.received(not order.is_bid)
    return {
        "name": f"{name}, {kind}, {moment}",
        "counts": kind,
        "moment": moment,
        "order": order.to_json(),
        "mark": str(pricing.mark(one, snapshot, units)),
        "notional": str(pricing.notional(pricing.legs_of(order, order.size), snapshot, units)),
        "taker": {
            "legs": [_leg(leg) for leg in sorted(legs, key=lambda leg: leg.key)],
            "cash": str(cash),
            "fee": str(found.taker_fee),
        },
    }


def _packages() -> dict[str, list[Leg]]:
    def leg(kind: Kind, strike: int, contracts: int) -> Leg:
        return Leg(kind, strike * 10**8, contracts * MICRO)

    return {
        "covered call": [leg(Kind.CALL, 2_200, -1)],
        "short put": [leg(Kind.PUT, 1_800, -1)],
        "cash-secured put": [leg(Kind.PUT, 1_800, -1), leg(Kind.CASH, 0, 1_800)],
        "long call": [leg(Kind.CALL, 2_200, 1)],
        "inverse future, long": [leg(Kind.FUTURE, 0, 1), leg(Kind.CASH, 0, -1_946)],
        "inverse future, short": [leg(Kind.FUTURE, 0, -1), leg(Kind.CASH, 0, 1_946)],
        "iron condor": [
            leg(Kind.PUT, 1_600, 1), leg(Kind.PUT, 1_800, -1), leg(Kind.CALL, 2_300, -1), leg(Kind.CALL, 2_500, 1),
        ],
        "call spread": [leg(Kind.CALL, 2_000, 1), leg(Kind.CALL, 2_200, -1)],
    }  # fmt: skip


#: Settlement prices at which packages are looked at [1e-8 quote].
PRICES = tuple(price * 10**8 for price in (1, 900, 1_800, 1_946, 2_250, 9_000))


def _payoff(name: str, legs: list[Leg], kind: str) -> dict[str, Any]:
    inverse = KINDS[kind][0].inverse
    worst = payoff.max_loss(legs, inverse)

    def paid(price: int) -> int:
        total = payoff.payoff(legs, price)
        return total * 10**8 // price if inverse else total

    return {
        "name": f"{name}, {kind}",
        "counts": kind,
        "legs": [_leg(leg) for leg in legs],
        "worst": None if worst == payoff.UNBOUNDED else str(worst),
        "pays": {str(price): str(paid(price)) for price in PRICES},
    }


def _token_word(units: Units, decimals: int) -> str:
    return str(
        int(SIGNER, 16) | decimals << 160 | 1 << 168 | int(units.inverse) << 169 | units.digits << 170 | 1 << 176
    )


def _tolerated(units: Units, contracts: int) -> str:
    """Of a cell whose cap leaves 5 tokens of the insurance."""
    cell = CellView((1, EXPIRY), BEFORE, 0, 0, 0, 0, 0, 18, 1, 0, insured=5 * WAD, units=units)
    return str(tolerated_for(cell, [Leg(Kind.CALL, 2_000 * 10**8, contracts * MICRO)]))


def build() -> dict[str, Any]:
    """The whole document."""
    return {
        "about": "What fills cost and legs pay, in dollars and in coins; integers are decimal strings.",
        "fees": {"taker_bps": str(FEES.taker_bps), "maker_bps": str(FEES.maker_bps), "cap_bps": str(FEES.cap_bps)},
        "kinds": {
            name: {
                "token_word": _token_word(units, decimals), "decimals": decimals, "inverse": units.inverse,
                "unit": str(units.unit),
                "tolerated": {str(contracts): _tolerated(units, contracts) for contracts in (1, 9_000)},
            }
            for name, (units, decimals) in KINDS.items()
        },
        "moments": {
            name: {
                **{field: str(getattr(snapshot, field)) for field in FIELDS}, "settling": str(snapshot.settling()[1]),
            }
            for name, snapshot in MOMENTS.items()
        },
        "fills": [
            _fill(name, order, moment, kind)
            for kind, (units, _) in KINDS.items()
            for moment in MOMENTS
            for name, order in _orders(units).items()
        ],
        "payoffs": [_payoff(name, legs, kind) for kind in KINDS for name, legs in _packages().items()],
    }  # fmt: skip


if __name__ == "__main__":
    path = Path(__file__).with_name("fills.json")
    path.write_text(json.dumps(build(), indent=1) + "\n")
    print(f"wrote {path.name}")
