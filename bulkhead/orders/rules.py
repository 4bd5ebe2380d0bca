"""What an order may look like, and which fills it allows: equal to `exchange/order` and `exchange/order_rules`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from eth_utils import to_checksum_address

from bulkhead.orders.order import MAX_UINT, Flags, Order, OrderError, OrderLeg
from bulkhead.risk.words import Series

MAX_LEGS = 4
#: Bounds of slip [bps of spot per contract] and of the time in which it grows to that [s].
MAX_SLIP = 10_000
MAX_PATIENCE = 3_600


def build(
    *,
    maker_vault: int,
    signer: str,
    legs: Iterable[tuple[Series | int, int]],
    is_bid: bool,
    price: int,
    size: int,
    expiry: int,
    inverse: bool = False,
    **other: Any,
) -> Order:
    """An order whose form the Exchange accepts: legs sorted, checked, and a random salt.

    Args:
        maker_vault: Vault that trades.
        signer: Its owner.
        legs: (series, ratio) pairs in any order.
        is_bid: The maker buys the package.
        price: Per package [wad token].
        size: Packages [1e-6].
        expiry: Last second at which the order is good [unix seconds].
        inverse: The market counts coins.
        **other: Any other field of `Order`.

    Raises:
        OrderError: when the Exchange would refuse the form.
    """
    packed = sorted(
        (OrderLeg(series.pack() if isinstance(series, Series) else series, ratio) for series, ratio in legs),
        key=lambda leg: leg.series,
    )
    other.setdefault("salt", secrets.randbits(128))
    order = Order(
        maker_vault=maker_vault,
        signer=to_checksum_address(signer),
        legs=tuple(packed),
        is_bid=is_bid,
        price=price,
        size=size,
        expiry=expiry,
        **other,
    )
    check(order, inverse)
    return order


def check(order: Order, inverse: bool | None = False) -> None:
    """Raises `OrderError` with the contract's own reason when the form of an order does not hold.

    Args:
        order: The order.
        inverse: Its market counts coins, so that FUTURE is its money leg; None where the market is not looked at.
    """
    if not 1 <= len(order.legs) <= MAX_LEGS:
        raise OrderError("order/no-legs: an order has one to four legs")
    ranges = (
        0 < order.size < 2**63,
        abs(order.price) <= 2**127,
        0 <= order.iv <= 100 * 10**18,
        int(order.premium_style) in (0, 1),
        0 <= int(order.flags) <= 7,
        all(leg.ratio != 0 and abs(leg.ratio) * order.size < 2**63 for leg in order.legs),
    )
    if not all(ranges):
        raise OrderError("order/out-of-range")
    _check_bounds(order)
    if any(a.series >= b.series for a, b in zip(order.legs, order.legs[1:], strict=False)):
        raise OrderError("order/legs-unsorted")
    try:
        series = [Series.unpack(leg.series) for leg in order.legs]
    except ValueError as error:
        raise OrderError("order/bad-series") from error
    if len({(one.market, one.expiry) for one in series}) != 1:
        raise OrderError("order/wrong-cell")
    if inverse is not None and all(one.kind.is_money(inverse) for one in series):
        raise OrderError("order/only-cash: cash alone is no package, nor are futures alone where they are the money")


def has_band(order: Order) -> bool:
    """Whether an order is good within a range of spot only."""
    return order.spot_min != 0 or order.spot_max != MAX_UINT


def _check_bounds(order: Order) -> None:
    if not 0 <= order.slip <= MAX_SLIP:
        raise OrderError(f"order/out-of-range: slip is at most {MAX_SLIP:,} bps of spot, not {order.slip:,}")
    if not 0 <= order.patience <= MAX_PATIENCE:
        raise OrderError(f"order/out-of-range: patience is at most {MAX_PATIENCE:,} s, not {order.patience:,}")
    if order.flags & Flags.TOGETHER and order.salt == 0:
        raise OrderError("order/together-without-salt: orders that take from one another share a salt that is not 0")
    if order.iv and order.slip:
        raise OrderError("order/slip-with-iv: an order is priced by a vol or by slip off mark, not by both")
    if order.patience and not (order.slip and has_band(order)):
        raise OrderError(
            "order/patience-without-bounds: patience lets slip grow while spot is in a band, so it needs both"
        )


def size_refusal(order: Order, filled: int, size: int, reducible: int = MAX_UINT) -> str:
    """Why a live order does not allow a fill of a size, "" when it does; equal to contracts/exchange/order_rules.vy.

    Args:
        order: The order.
        filled: Packages filled before [1e-6].
        size: Packages to fill [1e-6].
        reducible: Packages that only reduce [1e-6]; of a reduce-only order.
    """
    unfilled = order.size - filled
    left = unfilled
    if order.flags & Flags.REDUCE_ONLY:
        left = min(unfilled, reducible)
        if left == 0 or left < size <= unfilled:
            return "exchange/reduce-only"
    if size > left:
        return "exchange/above-remainder"
    if size <= 0 or size < min(order.min_fill, left):
        return "exchange/below-min-fill"
    if order.flags & Flags.FILL_OR_KILL and size != left:
        return "exchange/fill-or-kill"
    return ""
