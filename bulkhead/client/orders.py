"""Orders of an account: built, looked at, signed, filled, cancelled."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from bulkhead import orders
from bulkhead.chain.contract import read
from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import CellView, VaultView, cell_view
from bulkhead.chain.sender import Receipt
from bulkhead.client.account import Account
from bulkhead.client.amounts import (
    MAX_UINT,
    Number,
    parse_expiry,
    parse_model,
    to_native,
    to_quantity,
    to_strike,
    to_wad,
)
from bulkhead.client.deficits import tolerated
from bulkhead.client.fill_check import STATUSES, order_states
from bulkhead.client.packages import PackageLeg, package_leg
from bulkhead.client.preview import FillPreview, Side, fill_preview
from bulkhead.client.signed_order import SignedOrder
from bulkhead.client.vaults import Vaults
from bulkhead.orders import Order
from bulkhead.risk.words import Series

#: Orders in one call of `Exchange.cancel`.
MOST_CANCELLED = 32


class Orders:
    """Signed orders."""

    def __init__(self, account: Account, vaults: Vaults) -> None:
        self._account = account
        self._vaults = vaults

    def build(
        self,
        vault_id: int,
        expiry: str | int,
        legs: Iterable[PackageLeg | str],
        side: str,
        price: Number | float,
        size: Number,
        good_for: int = 300,
        **other: Any,
    ) -> Order:
        """An unsigned order of a vault, to be looked at with `preview` before it is signed.

        Args:
            vault_id: Vault that trades.
            expiry: Expiry of the series.
            legs: What the buyer of one package receives, e.g. `["call:200", "-call:220"]`.
            side: "buy" or "sell": what the signer does with the package.
            price: Quote units per package.
            size: Packages.
            good_for: Seconds from the newest block for which the order is good.
            **other: Further fields of `orders.Order`, as integers. Without them `since` is the time of the newest block
                and `max_deficit` what `deficits.tolerated` says.
        """
        if side not in ("buy", "sell"):
            raise BadInput(f"side is 'buy' or 'sell', not {side!r}.")
        view = self._vaults.view(vault_id)
        at = parse_expiry(expiry)
        try:
            package = [(package_leg(leg).series(view.market, at), package_leg(leg).ratio) for leg in legs]
        except ValueError as error:
            raise BadInput(f"That order has no valid form: {error}.") from error
        bid = side == "buy"
        wad, packages = to_wad(price), to_quantity(size)
        return self.order_of(view, package, is_bid=bid, price=wad, size=packages, good_for=good_for, **other)

    def order_of(
        self,
        view: VaultView,
        package: Iterable[tuple[int, int]],
        *,
        good_for: int | None,
        **fields: Any,
    ) -> Order:
        """An unsigned order of a vault, in integers.

        Args:
            view: Vault that trades.
            package: (series id, ratio) of each leg.
            good_for: Seconds from the newest block for which the order is good; None until its series expire.
            **fields: `is_bid`, `price` [wad], `size` [1e-6] and further fields of `orders.Order`.

        Raises:
            BadInput: The order has no valid form.
        """
        account = self._account
        now, legs = account.chain.rpc.timestamp(), list(package)
        try:
            cell = (view.market, Series.unpack(legs[0][0]).expiry) if legs else (view.market, view.expiry)
            built = orders.build(
                maker_vault=view.vault_id,
                signer=account.address,
                legs=legs,
                expiry=cell[1] - 1 if good_for is None else now + good_for,
                **{"since": now, **fields},
            )
        except ValueError as error:
            raise BadInput(f"That order has no valid form: {error}.") from error
        # asked last: the Exchange has no words for an order of no valid form
        chain = account.chain
        epoch, market = read(
            chain.rpc,
            [
                chain["Exchange"].query("epoch_for", view.vault_id, [leg.series for leg in built.legs]),
                chain["Lens"].query("market", *cell),
            ],
        )
        deficit = tolerated(cell_view(cell, market), built, built.size)
        return orders.with_changes(built, **{"epoch": epoch, "max_deficit": deficit, **fields})

    def sign(
        self,
        vault_id: int,
        expiry: str | int,
        legs: Iterable[PackageLeg | str],
        side: str,
        price: Number | float,
        size: Number,
        good_for: int = 300,
        **other: Any,
    ) -> SignedOrder:
        """`build` and `sign_order` at once."""
        return self.sign_order(self.build(vault_id, expiry, legs, side, price, size, good_for, **other))

    def sign_order(self, order: Order) -> SignedOrder:
        """Signs a built order with the account's key."""
        account = self._account
        signature = account.sign_typed(orders.typed_data(order, account.domain))
        return SignedOrder(order, signature, account.domain.chain_id, account.domain.exchange)

    def post(self, signed: SignedOrder) -> Receipt:
        """Leaves an order on the QuoteBoard, where makers look for it."""
        account = self._account
        return account.signer.execute(
            account.chain["QuoteBoard"], "post", [signed.order.to_tuple()], [signed.signature]
        )

    def _check(self, signed: SignedOrder) -> None:
        """An order of a form that the Exchange reads, signed for this deployment."""
        orders.check(signed.order)
        self._check_domain(signed)

    def _check_domain(self, signed: SignedOrder) -> None:
        domain = self._account.domain
        if signed.chain_id != domain.chain_id or signed.exchange.lower() != domain.exchange.lower():
            raise BadInput(
                f"The order was signed for the Exchange {signed.exchange} on chain {signed.chain_id}, not for this one."
            )

    def fill(
        self,
        signed: SignedOrder,
        vault_id: int | None = None,
        size: Number | None = None,
        deposit: Number = 0,
        model: str = "ES",
        limit_price: Number | float | None = None,
        max_fee: Number | None = None,
        max_deficit: Number | None = None,
    ) -> int:
        """Takes an order into an own vault, or into a new one opened, funded and filled in one transaction.

        Args:
            signed: The order.
            vault_id: Own vault; None opens one.
            size: Packages; None takes all.
            deposit: Quote tokens for a new vault.
            model: Margin model of a new vault.
            limit_price: Worst price per package; None accepts the order's own, if it has one.
            max_fee: Largest fee of the whole fill; None accepts any.
            max_deficit: Largest recorded deficit of the cell; None for `deficits.tolerated`. A fill that only reduces,
                at an upfront premium, has no such limit.

        Returns:
            Id of the vault.
        """
        self._check(signed)
        account = self._account
        exchange = account.chain["Exchange"]
        order = signed.order
        market = account.chain.market(Series.unpack(order.legs[0].series).market)
        asked = self._asked(
            signed,
            taker_vault=vault_id or 0,
            size=MAX_UINT if size is None else to_quantity(size),
            limit_price=None if limit_price is None else to_wad(limit_price),
            max_fee=MAX_UINT if max_fee is None else to_native(max_fee, market.decimals),
            max_deficit=None if max_deficit is None else to_wad(max_deficit),
        )
        if vault_id is not None:
            account.signer.execute(exchange, "fill", asked)
            return vault_id
        amount = to_native(deposit, market.decimals)
        account.ensure_allowance(market, account.chain["Clearinghouse"], amount)
        no_permit = (0, 0, 0, b"\0" * 32, b"\0" * 32)
        receipt = account.signer.execute(exchange, "open_and_fill", asked, int(parse_model(model)), amount, no_permit)
        return next(
            int(log.values.vault_id) for log in receipt.logs(account.chain.contracts) if log.event == "VaultOpened"
        )

    def preview(
        self,
        order: Order | SignedOrder,
        vault_id: int | None = None,
        size: Number | None = None,
        deposit: Number | None = None,
        model: str = "ES",
    ) -> FillPreview:
        """What a fill would do: the maker's side of an order, or the taker's in a vault named or a new one.

        Args:
            order: The order, signed or not (`build`).
            vault_id: Vault that would take; None looks at the maker's.
            size: Packages; None takes all that is left.
            deposit: Quote tokens of a vault that would be opened to take (`fill` without a vault).
            model: Margin model of that vault: ES, GREEKS or STATIC.

        Raises:
            Reverted: The order cannot be filled, whatever margin and tokens there are; `reason` says why.
        """
        packages = None if size is None else to_quantity(size)
        side = Side(vault_id, deposit, model)
        if isinstance(order, SignedOrder):
            self._check(order)
            return fill_preview(self._account.chain, order.order, order.signature, packages, side)
        return fill_preview(self._account.chain, order, None, packages, side)

    def close_all(self, vault_id: int, signed: Iterable[SignedOrder]) -> Receipt:
        """Takes several orders into one vault, all or none, and only if it ends without legs.

        Orders that were signed for the position, such as stops, end with it: the vault's counter rises.
        """
        fills = [self._entry(one, vault_id) for one in signed]
        return self._account.signer.execute(self._account.chain["Exchange"], "fill_many", fills, 0, 0, vault_id)

    def roll(self, vault_id: int, closing: SignedOrder, opening: SignedOrder, into: int = 0, model: str = "ES") -> int:
        """Closes a vault against one order and opens against another with the freed tokens, in one transaction.

        Args:
            vault_id: Own vault that must end without legs.
            closing: Order that takes the position off.
            opening: Order of another expiry.
            into: Own vault to open in; 0 opens one.
            model: Margin model of an opened vault.

        Returns:
            Id of the vault that was opened in.
        """
        account = self._account
        fills = [self._entry(closing, vault_id), self._entry(opening, into)]
        arguments = (fills, int(parse_model(model)), MAX_UINT, vault_id)
        receipt = account.signer.execute(account.chain["Exchange"], "fill_many", *arguments)
        opened = [
            int(log.values.vault_id) for log in receipt.logs(account.chain.contracts) if log.event == "VaultOpened"
        ]
        return opened[0] if opened else into

    def _entry(self, signed: SignedOrder, vault_id: int) -> tuple[Any, ...]:
        self._check(signed)
        return self._asked(signed, taker_vault=vault_id)

    def _asked(
        self,
        signed: SignedOrder,
        *,
        taker_vault: int,
        size: int = MAX_UINT,
        limit_price: int | None = None,
        max_fee: int = MAX_UINT,
        max_deficit: int | None = None,
    ) -> tuple[Any, ...]:
        """What the Exchange takes for a fill, with everything that this client decides for its account."""
        chain, order = self._account.chain, signed.order
        if limit_price is None and (order.iv or order.slip):
            raise BadInput("That order is priced at the fill: give the worst price per package that you accept.")
        if max_deficit is None:
            max_deficit = tolerated(self._cell(order), order, min(size, order.size))
        return orders.Asked(
            limit_price=order.price if limit_price is None else limit_price,
            taker_vault=taker_vault,
            size=size,
            max_fee=max_fee,
            max_deficit=max_deficit,
            round_id=chain["FillCheck"].call("round_of", order.to_tuple())["id"] if order.patience else 0,
        ).to_tuple(order, signed.signature)

    def _cell(self, order: Order) -> CellView:
        first = Series.unpack(order.legs[0].series)
        return cell_view(
            (first.market, first.expiry), self._account.chain["Lens"].call("market", first.market, first.expiry)
        )

    def cancel(self, signed: Iterable[SignedOrder | str | bytes]) -> Receipt:
        """Cancels up to 32 orders that this account signed; those that are filled or cancelled already are left out.

        One that was signed together with others ends them all.

        Args:
            signed: Orders, or their hashes.

        Raises:
            BadInput: An order is of another key or another Exchange, or there is nothing left to cancel. Nothing was
                sent.
        """
        account, several = self._account, list(signed)
        hashes = [self._hash_to_cancel(one) for one in several]
        if not 0 < len(hashes) <= MOST_CANCELLED:
            raise BadInput(f"One to {MOST_CANCELLED} orders are cancelled at a time, not {len(hashes)}.")
        exchange = account.chain["Exchange"]
        found = read(account.chain.rpc, [exchange.query("filled_of", account.address, one) for one in hashes])
        sizes = [one.order.size if isinstance(one, SignedOrder) else None for one in several]
        alive = [
            one
            for one, size, gone in zip(hashes, sizes, found, strict=True)
            if not gone.cancelled and (size is None or gone.packages < size)
        ]
        if not alive:
            raise BadInput("There is nothing to cancel: filled or cancelled already.")
        return account.signer.execute(exchange, "cancel", alive)

    def cancel_together(
        self,
        vault_id: int,
        expiry: str | int,
        legs: Iterable[PackageLeg | str],
        side: str,
        salt: int,
        signer: str | None = None,
    ) -> Receipt:
        """Ends the orders that were signed together with a salt, without having any of them at hand.

        Args:
            vault_id: Vault they are of.
            expiry: Expiry of the series.
            legs: Theirs.
            side: "buy" or "sell": theirs.
            salt: Theirs.
            signer: Who signed them; None for this account. Only the signer and the vault's owner end them.
        """
        if side not in ("buy", "sell"):
            raise BadInput(f"side is 'buy' or 'sell', not {side!r}.")
        account, at = self._account, parse_expiry(expiry)
        market = self._vaults.view(vault_id).market
        try:
            package = [package_leg(leg) for leg in legs]
            packed = sorted((Series(market, leg.kind, at, to_strike(leg.strike)).pack(), leg.ratio) for leg in package)
        except ValueError as error:
            raise BadInput(f"Those are no legs of an order: {error}.") from error
        who = account.address if signer is None else signer
        exchange = account.chain["Exchange"]
        key = orders.group_key(vault_id, [orders.OrderLeg(*leg) for leg in packed], side == "buy", salt)
        if exchange.call("filled_of", who, key).cancelled:
            raise BadInput("There is nothing to cancel: cancelled already.")
        return account.signer.execute(exchange, "cancel_together", who, vault_id, packed, side == "buy", salt)

    def _hash_to_cancel(self, one: SignedOrder | str | bytes) -> bytes:
        account = self._account
        if isinstance(one, SignedOrder):
            self._check_domain(one)
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

    def states(self, signed: Iterable[SignedOrder], vault_id: int = 0) -> list[tuple[str, Decimal, str]]:
        """(status, packages that can be filled, reason that a fill would meet) of orders.

        Args:
            signed: The orders.
            vault_id: A vault of this account to fill into; without it only the makers' sides are looked at.
        """
        several = list(signed)
        for one in several:
            self._check_domain(one)
            if len(one.order.legs) > orders.MAX_LEGS:
                orders.check(one.order)
        taker = self._account.address if vault_id else orders.ZERO_ADDRESS
        found = order_states(self._account.chain, several, taker, vault_id)
        return [(STATUSES[f["status"]], Decimal(f["fillable"]).scaleb(-6), str(f["reason"])) for f in found]
