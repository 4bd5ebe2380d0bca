"""What known losses of a cell an account still trades into, unless it says otherwise."""

from __future__ import annotations

from bulkhead.chain.lens import CellView
from bulkhead.orders import Order
from bulkhead.pricing import contracts_of
from bulkhead.risk.scales import MICRO
from bulkhead.risk.words import WAD

#: Of an order's notional: one part in so many.
NOTIONAL_SHARE = 1_000
#: At least so much [wad units].
LEAST = 100 * WAD


def tolerated(cell: CellView, order: Order, size: int) -> int:
    """The `max_deficit` of a client that names none [wad].

    What the cell's own cap still leaves of the insurance, which pays before anybody's claim is cut, and 0.1 % of the
    notional or 100 units, whichever is more.

    Args:
        cell: The order's cell.
        order: The order.
        size: Packages that are traded [1e-6].
    """
    return tolerated_for(cell, contracts_of(order, size))


def tolerated_for(cell: CellView, contracts: int) -> int:
    """The same for so many contracts of notional [1e-6]."""
    notional = contracts * cell.snapshot.spot // MICRO
    return cell.insured + max(notional // NOTIONAL_SHARE, LEAST)
