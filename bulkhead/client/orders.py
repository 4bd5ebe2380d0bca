"""Orders of an account: built, looked at, signed, filled, cancelled."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from bulkhead import orders
from bulkhead.chain.errors import BadInput
from bulkhead.chain.sender import Receipt
from bulkhead.client.account import Account
from bulkhead.client.amounts import MAX_UINT, parse_expiry, parse_model, to_native, to_quantity, to_strike, to_wad
from bulkhead.client.packages import PackageLeg, package_leg
from bulkhead.client.preview import FillPreview, Side, fill_preview
from bulkhead.client.signed_order import SignedOrder
from bulkhead.client.vaults import Vaults
from bulkhead.orders import Order
from bulkhead.risk.words import Series


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
        price: Decimal | int,
        size: Decimal | int,
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
            **other: Further fields of `orders.Order`, as integers.
        """
        if side not in ("buy", "sell"):
            raise BadInput(f"side is 'buy' or 'sell', not {side!r}.")
        account = self._account
        view = self._vaults.view(vault_id)
        at = parse_expiry(expiry)
        package = [package_leg(leg) for leg in legs]
        try:
            series = [(Series(view.market, leg.kind, at, to_strike(leg.strike)).pack(), leg.ratio) for leg in package]
            epoch = account.chain["Exchange"].call("epoch_for", vault_id, sorted(s for s, _ in series))
            return orders.build(
                maker_vault=vault_id,
                signer=account.address,
                legs=series,
                is_bid=side == "buy",
                price=to_wad(price),
                size=to_quantity(size),
                expiry=account.chain.rpc.timestamp() + good_for,
                **{"epoch": epoch, **other},
            )
        except ValueError as error:
            raise BadInput(f"That order has no valid form: {error}.") from error

    def sign(
        self,
        vault_id: int,
        expiry: str | int,
        legs: Iterable[PackageLeg | str],
        side: str,
        price: Decimal | int,
        size: Decimal | int,
        good_for: int = 300,
        **other: Any,
    ) -> SignedOrder:
        """`build` and `sign_order` at once."""
        return self.sign_order(self.build(vault_id, expiry, legs, side, price, size, good_for, **other))

    def sign_order(self, order: Order) -> SignedOrder:
        """Signs a built order with the account's key."""
        account = self._account
        signature = orders.sign(order, account.domain, account.key())
        return SignedOrder(order, signature, account.domain.chain_id, account.domain.exchange)

    def _check(self, signed: SignedOrder) -> None:
        domain = self._account.domain
        if signed.chain_id != domain.chain_id or signed.exchange.lower() != domain.exchange.lower():
            raise BadInput(
                f"The order was signed for the Exchange {signed.exchange} on chain {signed.chain_id}, not for this one."
            )

    def fill(
        self,
        signed: SignedOrder,
        vault_id: int | None = None,
        size: Decimal | None = None,
        deposit: Decimal | int = 0,
        model: str = "ES",
        limit_price: Decimal | None = None,
        max_fee: Decimal | None = None,
    ) -> int:
        """Takes an order into an own vault, or into a new one opened, funded and filled in one transaction.

        Args:
            signed: The order.
            vault_id: Own vault; None opens one.
            size: Packages; None takes all.
            deposit: Quote tokens for a new vault.
            model: Margin model of a new vault.
            limit_price: Worst price per package; None accepts the order's own.
            max_fee: Largest fee of the whole fill; None accepts any.

        Returns:
            Id of the vault.
        """
        self._check(signed)
        account = self._account
        exchange = account.chain["Exchange"]
        order = signed.order
        packages = MAX_UINT if size is None else to_quantity(size)
        limit = order.price if limit_price is None else to_wad(limit_price)
        market = account.chain.market(Series.unpack(order.legs[0].series).market)
        fee = MAX_UINT if max_fee is None else to_native(max_fee, market.decimals)
        if vault_id is not None:
            account.signer.execute(exchange, "fill", order.to_tuple(), signed.signature, vault_id, packages, limit, fee)
            return vault_id
        amount = to_native(deposit, market.decimals)
        account.ensure_allowance(market, account.chain["Clearinghouse"], amount)
        no_permit = (0, 0, 0, b"\0" * 32, b"\0" * 32)
        receipt = account.signer.execute(
            exchange, "open_and_fill", order.to_tuple(), signed.signature, int(parse_model(model)), amount, packages,
            limit, fee, no_permit,
        )  # fmt: skip
        return next(
            int(log.values.vault_id) for log in receipt.logs(account.chain.contracts) if log.event == "VaultOpened"
        )

    def preview(
        self,
        order: Order | SignedOrder,
        vault_id: int | None = None,
        size: Decimal | None = None,
        deposit: Decimal | int | None = None,
        model: str = "ES",
    ) -> FillPreview:
        """What a fill would do: the maker's side of an order, or the taker's in a vault named or a new one.

        Args:
            order: The order, signed or not (`build`).
            vault_id: Vault that would take; None looks at the maker's.
            size: Packages; None takes the whole order.
            deposit: Quote tokens of a vault that would be opened to take (`fill` without a vault).
            model: Margin model of that vault: ES, GREEKS or STATIC.
        """
        found = order.order if isinstance(order, SignedOrder) else order
        packages = found.size if size is None else to_quantity(size)
        return fill_preview(self._account.chain, found, packages, Side(vault_id, deposit, model))

    def close_all(self, vault_id: int, signed: Iterable[SignedOrder]) -> Receipt:
        """Takes several orders into one vault, all or none, and only if it ends without legs."""
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
        order = signed.order
        return (order.to_tuple(), signed.signature, vault_id, MAX_UINT, order.price, MAX_UINT)

    def cancel(self, signed: Iterable[SignedOrder]) -> Receipt:
        """Cancels orders by hash."""
        hashes = [orders.order_hash(s.order, self._account.domain) for s in signed]
        return self._account.signer.execute(self._account.chain["Exchange"], "cancel", hashes)

    def states(self, signed: Iterable[SignedOrder], vault_id: int = 0) -> list[tuple[str, Decimal, str]]:
        """(status, packages that can be filled, reason that a fill would meet) of orders.

        Args:
            signed: Up to 16 orders.
            vault_id: A vault of this account to fill into; without it only the makers' sides are looked at.
        """
        several = list(signed)
        for one in several:
            self._check(one)
        names = ("invalid", "open", "closing only", "not now", "filled", "cancelled", "expired")
        found = self._account.chain["OrderLens"].call(
            "order_states",
            [s.order.to_tuple() for s in several],
            [s.signature for s in several],
            self._account.address if vault_id else orders.ZERO_ADDRESS,
            vault_id,
        )
        return [(names[f["status"]], Decimal(f["fillable"]).scaleb(-6), str(f["reason"])) for f in found]
