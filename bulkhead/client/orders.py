"""Orders of an account: built, looked at, signed, filled, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec

from bulkhead import orders
from bulkhead.chain import reasons
from bulkhead.chain.contract import read
from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import VaultView, cell_view
from bulkhead.chain.sender import Receipt
from bulkhead.client import amounts
from bulkhead.client.account import Account
from bulkhead.client.amounts import MAX_UINT, Number
from bulkhead.client.cancellations import MOST_CANCELLED, hash_to_cancel, still_alive
from bulkhead.client.deficits import tolerated
from bulkhead.client.fill_check import STATUSES, order_states
from bulkhead.client.fills import NO_PERMIT, asked, opened
from bulkhead.client.packages import PackageLeg, package_leg
from bulkhead.client.preview import FillPreview, Side, fill_preview
from bulkhead.client.price_unit import check_price
from bulkhead.client.signed_order import SignedOrder
from bulkhead.client.vaults import Vaults
from bulkhead.orders import Flags, Order
from bulkhead.pricing import OpeningRules
from bulkhead.risk.words import Series

P = ParamSpec("P")


def _signed(build: Callable[Concatenate[Orders, P], Order]) -> Callable[Concatenate[Orders, P], SignedOrder]:
    """What builds an order, made to sign it at once."""

    def sign(self: Orders, /, *args: P.args, **kwargs: P.kwargs) -> SignedOrder:
        """`build` and `sign_order` at once."""
        return self.sign_order(build(self, *args, **kwargs))

    return sign


def _check_grid(order: Order, view: VaultView, rules: OpeningRules, now: int, spot: int) -> None:
    """Refuses series that no fill can open, but for those that the vault holds.

    Raises:
        BadInput: There is one.
    """
    held = {(view.expiry, leg.kind, leg.strike) for leg in view.legs}
    series = [Series.unpack(leg.series) for leg in order.legs]
    reason = rules.off_grid((s for s in series if (s.expiry, s.kind, s.strike) not in held), now, spot)
    if reason:
        raise BadInput(reasons.sentence(reason))


class Orders:
    """Signed orders."""

    def __init__(self, account: Account, vaults: Vaults) -> None:
        self._account = account
        self._vaults = vaults

    def build(
        self,
        /,
        vault_id: int,
        expiry: str | int,
        legs: Iterable[PackageLeg | str],
        side: str,
        price: Number | float,
        size: Number,
        good_for: int = 300,
        off_grid: bool = False,
        **other: Any,
    ) -> Order:
        """An unsigned order of a vault, to be looked at with `preview` before it is signed.

        Args:
            vault_id: Vault that trades.
            expiry: Expiry of the series.
            legs: What the buyer of one package receives, e.g. `["call:200", "-call:220"]`.
            side: "buy" or "sell": what the signer does with the package.
            price: Per package, in the market's token: quote, or in a coin-margined market coins.
            size: Packages.
            good_for: Seconds from the newest block for which the order is good.
            off_grid: Also a series that cannot be opened, for others who still hold it and close.
            **other: Further fields of `orders.Order`, as integers. Without them `since` is the time of the newest block
                and `max_deficit` what `deficits.tolerated` says.

        Raises:
            BadInput: The order has no valid form, or is of a series that nobody can open and the vault does not hold.
        """
        if side not in ("buy", "sell"):
            raise BadInput(f"side is 'buy' or 'sell', not {side!r}.")
        view = self._vaults.view(vault_id)
        at = amounts.parse_expiry(expiry)
        try:
            package = [(package_leg(leg).series(view.market, at), package_leg(leg).ratio) for leg in legs]
        except ValueError as error:
            raise BadInput(f"That order has no valid form: {error}.") from error
        bid = side == "buy"
        wad, packages = amounts.to_wad(price), amounts.to_quantity(size)
        fields = {"is_bid": bid, "price": wad, "size": packages, **other}
        return self.order_of(view, package, good_for=good_for, opens=not off_grid, **fields)

    def order_of(
        self,
        view: VaultView,
        package: Iterable[tuple[int, int]],
        *,
        good_for: int | None,
        opens: bool = False,
        **fields: Any,
    ) -> Order:
        """An unsigned order of a vault, in integers.

        Args:
            view: Vault that trades.
            package: (series id, ratio) of each leg.
            good_for: Seconds from the newest block for which the order is good; None until its series expire.
            opens: The order may open a position: its series have to be of the grid.
            **fields: `is_bid`, `price` [wad], `size` [1e-6] and further fields of `orders.Order`.

        Raises:
            BadInput: The order has no valid form, or is off the grid.
        """
        account = self._account
        now, legs = account.chain.rpc.timestamp(), list(package)
        try:
            cell = (view.market, Series.unpack(legs[0][0]).expiry) if legs else (view.market, view.expiry)
            built = orders.build(
                inverse=view.units.inverse,
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
        epoch, trading, market = read(
            chain.rpc,
            [
                chain["Exchange"].query("epoch_for", view.vault_id, [leg.series for leg in built.legs]),
                chain["Exchange"].query("trading", view.market),
                chain["Lens"].query("market", *cell),
            ],
        )
        seen = cell_view(cell, market, chain.units(view.market))
        check_price(built, seen)
        if opens and not built.flags & Flags.REDUCE_ONLY:
            _check_grid(built, view, OpeningRules.unpack(int(trading)), now, seen.snapshot.spot)
        deficit = tolerated(seen, built, built.size)
        return orders.with_changes(built, **{"epoch": epoch, "max_deficit": deficit, **fields})

    def sign_order(self, order: Order) -> SignedOrder:
        """Signs a built order with the account's key."""
        account = self._account
        signature = account.sign_typed(orders.typed_data(order, account.domain))
        return SignedOrder(order, signature, account.domain.chain_id, account.domain.exchange)

    sign = _signed(build)

    def post(self, signed: SignedOrder) -> Receipt:
        """Leaves an order on the QuoteBoard, where makers look for it."""
        account = self._account
        return account.signer.execute(
            account.chain["QuoteBoard"], "post", [signed.order.to_tuple()], [signed.signature]
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
            deposit: Tokens for a new vault.
            model: Margin model of a new vault.
            limit_price: Worst price per package; None accepts the order's own, if it has one.
            max_fee: Largest fee of the whole fill; None accepts any.
            max_deficit: Largest recorded deficit of the cell; None for `deficits.tolerated`. A fill that only reduces,
                at an upfront premium, has no such limit.

        Returns:
            Id of the vault.
        """
        account = self._account
        signed.check(account.domain)
        exchange = account.chain["Exchange"]
        order = signed.order
        market = account.chain.market(Series.unpack(order.legs[0].series).market)
        wanted = asked(
            account.chain,
            signed,
            taker_vault=vault_id or 0,
            size=MAX_UINT if size is None else amounts.to_quantity(size),
            limit_price=None if limit_price is None else amounts.to_wad(limit_price),
            max_fee=MAX_UINT if max_fee is None else amounts.to_native(max_fee, market.decimals),
            max_deficit=None if max_deficit is None else amounts.to_wad(max_deficit),
        )
        if vault_id is not None:
            account.signer.execute(exchange, "fill", wanted)
            return vault_id
        amount = amounts.to_native(deposit, market.decimals)
        account.ensure_allowance(market, account.chain["Clearinghouse"], amount)
        receipt = account.signer.execute(
            exchange, "open_and_fill", wanted, int(amounts.parse_model(model)), amount, NO_PERMIT
        )
        return opened(account.chain, receipt)[0]

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
            deposit: Tokens of a vault that would be opened to take (`fill` without a vault).
            model: Margin model of that vault: ES, GREEKS or STATIC.

        Raises:
            Reverted: The order cannot be filled, whatever margin and tokens there are; `reason` says why.
        """
        packages = None if size is None else amounts.to_quantity(size)
        side = Side(vault_id, deposit, model)
        if isinstance(order, SignedOrder):
            order.check(self._account.domain)
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
        arguments = (fills, int(amounts.parse_model(model)), MAX_UINT, vault_id)
        receipt = account.signer.execute(account.chain["Exchange"], "fill_many", *arguments)
        return next(iter(opened(account.chain, receipt)), into)

    def _entry(self, signed: SignedOrder, vault_id: int) -> tuple[Any, ...]:
        signed.check(self._account.domain)
        return asked(self._account.chain, signed, taker_vault=vault_id)

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
        hashes = [hash_to_cancel(account, one) for one in several]
        if not 0 < len(hashes) <= MOST_CANCELLED:
            raise BadInput(f"One to {MOST_CANCELLED} orders are cancelled at a time, not {len(hashes)}.")
        alive = still_alive(account, several, hashes)
        if not alive:
            raise BadInput("There is nothing to cancel: filled or cancelled already.")
        return account.signer.execute(account.chain["Exchange"], "cancel", alive)

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
        account, at = self._account, amounts.parse_expiry(expiry)
        market = self._vaults.view(vault_id).market
        try:
            package = [package_leg(leg) for leg in legs]
            packed = sorted((leg.series(market, at), leg.ratio) for leg in package)
        except ValueError as error:
            raise BadInput(f"Those are no legs of an order: {error}.") from error
        who = account.address if signer is None else signer
        exchange = account.chain["Exchange"]
        key = orders.group_key(vault_id, [orders.OrderLeg(*leg) for leg in packed], side == "buy", salt)
        if exchange.call("filled_of", who, key).cancelled:
            raise BadInput("There is nothing to cancel: cancelled already.")
        return account.signer.execute(exchange, "cancel_together", who, vault_id, packed, side == "buy", salt)

    def states(self, signed: Iterable[SignedOrder], vault_id: int = 0) -> list[tuple[str, Decimal, str]]:
        """(status, packages that can be filled, reason that a fill would meet) of orders.

        Args:
            signed: The orders.
            vault_id: A vault of this account to fill into; without it only the makers' sides are looked at.
        """
        several = list(signed)
        for one in several:
            one.check_domain(self._account.domain)
            if len(one.order.legs) > orders.MAX_LEGS:
                orders.check(one.order, None)
        taker = self._account.address if vault_id else orders.ZERO_ADDRESS
        found = order_states(self._account.chain, several, taker, vault_id)
        return [(STATUSES[f["status"]], Decimal(f["fillable"]).scaleb(-6), str(f["reason"])) for f in found]
