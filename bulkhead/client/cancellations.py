"""Which orders an account can cancel, and which of them are still alive."""

from __future__ import annotations

from collections.abc import Sequence

from bulkhead import orders
from bulkhead.chain.contract import read
from bulkhead.chain.errors import BadInput
from bulkhead.client.account import Account
from bulkhead.client.signed_order import SignedOrder

#: Orders in one call of `Exchange.cancel`.
MOST_CANCELLED = 32


def hash_to_cancel(account: Account, one: SignedOrder | str | bytes) -> bytes:
    """What the Exchange knows an order by: of a signed one its key, else the hash that is given.

    Raises:
        BadInput: It is of another key or another Exchange, or is no hash.
    """
    if isinstance(one, SignedOrder):
        one.check_domain(account.domain)
        if one.order.signer.lower() != account.address.lower():
            raise BadInput(
                f"The order was signed by {one.order.signer}; only that key can cancel it, and this is "
                f"{account.address}."
            )
        return orders.order_key(one.order, account.domain)
    try:
        found = bytes.fromhex(one.removeprefix("0x")) if isinstance(one, str) else bytes(one)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise BadInput(f"{one!r} is not the hash of an order, which has 32 bytes.")
    return found


def still_alive(account: Account, several: Sequence[SignedOrder | str | bytes], hashes: Sequence[bytes]) -> list[bytes]:
    """Hashes of those orders of an account that are neither cancelled nor, as far as their size is known, filled."""
    exchange = account.chain["Exchange"]
    found = read(account.chain.rpc, [exchange.query("filled_of", account.address, one) for one in hashes])
    sizes = [one.order.size if isinstance(one, SignedOrder) else None for one in several]
    return [
        one
        for one, size, gone in zip(hashes, sizes, found, strict=True)
        if not gone.cancelled and (size is None or gone.packages < size)
    ]
