"""Prices in the wrong unit: a dollar price signed in a market that counts coins gives a position away."""

from __future__ import annotations

from decimal import Decimal

from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import CellView
from bulkhead.client.amounts import from_wad
from bulkhead.orders import Order
from bulkhead.pricing import legs_of
from bulkhead.risk.scales import MICRO
from bulkhead.risk.words import WAD, Kind, Leg


def most_per_package(legs: tuple[Leg, ...], cell: CellView) -> int:
    """More than so much no package is worth in coins [wad].

    A call pays less than a coin at every price. Puts pay up to K/S and CASH 1/S, more the lower the price: for them
    half of spot is granted.
    """
    spot, total = cell.snapshot.spot, 0
    for leg in legs:
        if leg.kind == Kind.PUT:
            worth = max(leg.strike * 10**10 * WAD * 2 // spot, WAD)
        elif leg.kind == Kind.CASH:
            worth = WAD * WAD * 2 // spot
        else:
            worth = WAD
        total += abs(leg.quantity) * worth // MICRO
    return total


def check_price(order: Order, cell: CellView) -> None:
    """Refuses a price of an inverse market that can only be one in quote.

    Raises:
        BadInput: It is more than any package of these legs can be worth in coins.
    """
    if not cell.units.inverse or not cell.snapshot.spot:
        return
    legs = legs_of(order, MICRO)
    most = most_per_package(legs, cell)
    # nobody pays more than a package can be worth, nor asks for more; far bounds of stops are priced at the fill
    if abs(order.price) <= most or order.slip:
        return
    price, spot = from_wad(order.price).normalize(), from_wad(cell.snapshot.spot)
    raise BadInput(
        f"{price:f} is no price in coins: a package of these legs is worth at most {from_wad(most).normalize():f} of "
        f"them. If {price:f} is quote, that is {(price / spot).quantize(Decimal('0.000001')):f} coins."
    )
