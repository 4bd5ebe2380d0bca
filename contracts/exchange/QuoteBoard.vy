# pragma version 0.4.3
"""
@title Quote board: signed orders as events
@license AGPL-3.0-only
@notice Where a maker without a server leaves signed orders for anyone to find. Events only: nothing is checked and
        nothing stored, an order is worth what `OrderLens.order_states` says of it. Trusts nobody and is trusted by
        nobody.
"""
from interfaces import IExchange
from interfaces import IQuoteBoard

implements: IQuoteBoard


@external
def post(orders: DynArray[IExchange.Order, 8], signatures: DynArray[Bytes[1024], 8]):
    """
    @notice Publishes signed orders. Nothing is checked and nothing stored.
    @param orders Orders.
    @param signatures Theirs, in the same order.
    """
    assert len(orders) == len(signatures), "board/one-signature-each"
    for i: uint256 in range(len(orders), bound=8):
        log IQuoteBoard.QuotePosted(
            maker_vault=orders[i].maker_vault,
            signer=orders[i].signer,
            poster=msg.sender,
            order=orders[i],
            signature=signatures[i],
        )
