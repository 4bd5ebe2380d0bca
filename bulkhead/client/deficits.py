"""What known losses of a cell an account still trades into, unless it says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from bulkhead.chain.lens import CellView
from bulkhead.orders import Order
from bulkhead.pricing import legs_of, notional
from bulkhead.risk.scales import MICRO
from bulkhead.risk.words import Leg

#: Of an order's notional: one part in so many.
NOTIONAL_SHARE = 1_000
#: At least so many of the market's units.
LEAST = 100


def tolerated(cell: CellView, order: Order, size: int) -> int:
    """The `max_deficit` of a client that names none [wad].

    What the cell's own cap still leaves of the insurance, which pays before anybody's claim is cut, and 0.1 % of the
    notional or 100 units, whichever is more.

    Args:
        cell: The order's cell.
        order: The order.
        size: Packages that are traded [1e-6].
    """
    return tolerated_for(cell, legs_of(order, size))


def tolerated_for(cell: CellView, legs: Sequence[Leg]) -> int:
    """The same for legs that are traded."""
    traded = notional(legs, cell.snapshot, cell.units) // MICRO if cell.snapshot.spot else 0
    return cell.insured + max(traded // NOTIONAL_SHARE, LEAST * cell.units.unit)
