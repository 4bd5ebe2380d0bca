"""What the Exchange takes for a fill, with everything that a client decides for its account."""

from __future__ import annotations

from typing import Any

from bulkhead import orders
from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import cell_view
from bulkhead.chain.sender import Receipt
from bulkhead.client.deficits import tolerated
from bulkhead.client.signed_order import SignedOrder
from bulkhead.orders import MAX_UINT
from bulkhead.risk.words import Series

#: What an opening fill takes in the place of a permit: (value, deadline, v, r, s).
NO_PERMIT = (0, 0, 0, b"\0" * 32, b"\0" * 32)


def asked(
    chain: Connection,
    signed: SignedOrder,
    *,
    taker_vault: int,
    size: int = MAX_UINT,
    limit_price: int | None = None,
    max_fee: int = MAX_UINT,
    max_deficit: int | None = None,
) -> tuple[Any, ...]:
    """The ABI tuple that `fill`, `open_and_fill` and `fill_many` take.

    Args:
        chain: The deployment.
        signed: The order.
        taker_vault: Own vault; 0 where one is opened.
        size: Packages [1e-6].
        limit_price: Worst price per package [wad token]; None for the order's own.
        max_fee: Largest fee of the whole fill [native].
        max_deficit: Largest recorded deficit of the cell [wad]; None for `deficits.tolerated`.

    Raises:
        BadInput: The order is priced at the fill, and no price is given.
    """
    order = signed.order
    if limit_price is None and (order.iv or order.slip):
        raise BadInput("That order is priced at the fill: give the worst price per package that you accept.")
    if max_deficit is None:
        first = Series.unpack(order.legs[0].series)
        cell = first.market, first.expiry
        seen = cell_view(cell, chain["Lens"].call("market", *cell), chain.units(first.market))
        max_deficit = tolerated(seen, order, min(size, order.size))
    return orders.Asked(
        limit_price=order.price if limit_price is None else limit_price,
        taker_vault=taker_vault,
        size=size,
        max_fee=max_fee,
        max_deficit=max_deficit,
        round_id=chain["FillCheck"].call("round_of", order.to_tuple())["id"] if order.patience else 0,
    ).to_tuple(order, signed.signature)


def opened(chain: Connection, receipt: Receipt) -> list[int]:
    """Ids of the vaults that a transaction has opened."""
    return [int(log.values.vault_id) for log in receipt.logs(chain.contracts) if log.event == "VaultOpened"]
