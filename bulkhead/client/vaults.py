"""Vaults of an account: opened, funded, split, merged, lent to an operator, closed and read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from bulkhead.chain.errors import BadInput, UnknownVault
from bulkhead.chain.lens import VaultView, read_vaults
from bulkhead.chain.sender import Receipt
from bulkhead.client.account import Account
from bulkhead.client.amounts import (
    Number,
    from_wad,
    parse_address,
    parse_expiry,
    parse_model,
    to_decimal,
    to_native,
    to_wad,
)
from bulkhead.client.card import PositionCard, read_card
from bulkhead.client.fills import opened
from bulkhead.client.packages import PackageLeg, package_leg
from bulkhead.client.vault_info import VaultInfo
from bulkhead.operators import Permission
from bulkhead.risk.words import MAX_LEGS

#: Vaults in one call that settles or claims, and in one that refreshes.
MOST_SETTLED, MOST_REFRESHED = 64, 32
#: Bits of an order's epoch below its counter.
EPOCH_BITS = 64


@dataclass(frozen=True)
class Caps:
    """What others may fill against the orders of a vault.

    Attributes:
        delta: Most contracts of net delta, 0 for any.
        vega: Most net vega [quote for 1.00 vol], 0 for any.
        delta_used: Net delta filled so far.
        vega_used: Net vega filled so far.
    """

    delta: Decimal
    vega: Decimal
    delta_used: Decimal
    vega_used: Decimal


class Vaults:
    """Vaults of a deployment."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def open(self, market: str = "ETH", deposit: Number = 0, model: str = "ES") -> int:
        """Opens a vault of the account, with a first deposit.

        Args:
            market: Symbol.
            deposit: Tokens to put in.
            model: Margin model: ES, GREEKS or STATIC.

        Returns:
            Id of the vault.
        """
        account = self._account
        found = account.chain.market(market)
        amount = to_native(deposit, found.decimals)
        clearinghouse = account.chain["Clearinghouse"]
        if amount:
            account.ensure_allowance(found, clearinghouse, amount)
        receipt = account.signer.execute(
            clearinghouse, "open", found.index, int(parse_model(model)), account.address, amount
        )
        return opened(account.chain, receipt)[0]

    def deposit(self, vault_id: int, amount: Number) -> Receipt:
        """Puts tokens into any vault; refused if it has changed hands since it was looked at."""
        view = self.view(vault_id)
        market = self._account.chain.market(view.market)
        clearinghouse = self._account.chain["Clearinghouse"]
        native = to_native(amount, market.decimals)
        self._account.ensure_allowance(market, clearinghouse, native)
        return self._account.signer.execute(clearinghouse, "deposit", vault_id, view.owner, native)

    def withdraw(self, vault_id: int, amount: Number, receiver: str | None = None) -> Receipt:
        """Takes collateral out of an own vault."""
        market = self._account.chain.market(self.view(vault_id).market)
        native = to_native(amount, market.decimals)
        to = self._account.address if receiver is None else parse_address(receiver)
        return self._account.signer.execute(self._account.chain["Clearinghouse"], "withdraw", vault_id, native, to)

    def split(self, vault_id: int, legs: Iterable[tuple[PackageLeg | str, Number]], cash: Number = 0) -> int:
        """Moves legs and collateral of an own vault into a new one, in one transaction.

        Args:
            vault_id: The vault to split.
            legs: (leg, contracts) that the new vault receives.
            cash: Tokens that go along.

        Returns:
            Id of the new vault. When somebody else opens a vault first, the call is refused and changes nothing.
        """
        account = self._account
        view = self.view(vault_id)
        market = account.chain.market(view.market)
        clearinghouse = account.chain["Clearinghouse"]
        new = int(clearinghouse.call("next_id"))
        moved = [package_leg(leg).moved(amount) for leg, amount in legs]
        if len(moved) > MAX_LEGS:
            raise BadInput(f"A vault holds at most {MAX_LEGS} legs.")
        calls = [
            clearinghouse.encode("open", view.market, int(view.model), account.address, 0),
            clearinghouse.encode("transfer_legs", vault_id, new, moved, to_native(cash, market.decimals)),
        ]
        account.signer.execute(clearinghouse, "multicall", calls)
        return new

    def merge(self, vault_id: int, into: int) -> Receipt:
        """Moves all legs and tokens of an own vault into another of the same expiry, and closes it.

        Raises:
            BadInput: The vaults are of two markets.
        """
        account = self._account
        view, other = self.view(vault_id), self.view(into)
        if view.market != other.market:
            names = [account.chain.deployment.market(one.market).symbol for one in (view, other)]
            raise BadInput(
                f"Vault {vault_id} is of the market {names[0]} and vault {into} of {names[1]}: only vaults of one "
                "market merge."
            )
        clearinghouse = account.chain["Clearinghouse"]
        legs = [leg.pack() for leg in view.legs]
        calls = [
            clearinghouse.encode("transfer_legs", vault_id, into, legs, view.balance),
            clearinghouse.encode("close", vault_id, account.address),
        ]
        return account.signer.execute(clearinghouse, "multicall", calls)

    def grant(self, vault_id: int, operator: str, permissions: Permission, seconds: int = 86_400) -> Receipt:
        """Lets another account act for an own vault for so many seconds; no permissions revoke at once."""
        until = self._account.chain.rpc.timestamp() + seconds
        return self._account.signer.execute(
            self._account.chain["Operators"], "grant", vault_id, parse_address(operator), int(permissions), until
        )

    def close(self, vault_id: int, receiver: str | None = None, give_up: bool = False) -> Receipt:
        """Ends an own vault without legs; its tokens go to `receiver` (the account itself).

        Args:
            vault_id: The vault.
            receiver: Who gets the tokens.
            give_up: Close it although its claim is not paid in full; what it has not been paid is lost.
        """
        if self.view(vault_id).claim and not give_up:
            raise BadInput(
                f"Vault {vault_id} has a claim that is not paid in full: withdraw its tokens and close it later, "
                "or give the claim up."
            )
        to = self._account.address if receiver is None else parse_address(receiver)
        return self._account.signer.execute(self._account.chain["Clearinghouse"], "close", vault_id, to)

    # --- expiry, flags, orders ----------------------------------------------------------------------------------

    def settle(self, vault_ids: Iterable[int]) -> Receipt:
        """Nets expired vaults, whoever owns them; their expiry needs its price first (`markets.fix`)."""
        return self._each("Settlement", "settle", vault_ids)

    def claim(self, vault_ids: Iterable[int]) -> Receipt:
        """Pays what vaults' claims are due into the vaults, whoever owns them."""
        return self._each("Settlement", "claim", vault_ids)

    def repay(self, vault_id: int) -> Receipt:
        """Moves what a vault still owes its last expiry, because its token would not move then."""
        return self._account.signer.execute(self._account.chain["Settlement"], "repay", vault_id)

    def refresh(self, vault_ids: Iterable[int]) -> Receipt:
        """Records what flagged vaults lack at the price of now, and ends the flags of those that lack nothing."""
        ids = self._ids(vault_ids, MOST_REFRESHED)
        return self._account.signer.execute(self._account.chain["Liquidator"], "refresh", ids)

    def _each(self, contract: str, function: str, vault_ids: Iterable[int]) -> Receipt:
        """One call for one vault, which says why it is refused, or one that skips what cannot be done."""
        ids = self._ids(vault_ids, MOST_SETTLED)
        target = self._account.chain[contract]
        if len(ids) == 1:
            return self._account.signer.execute(target, function, ids[0])
        return self._account.signer.execute(target, f"{function}_many", ids)

    @staticmethod
    def _ids(vault_ids: Iterable[int], most: int) -> list[int]:
        ids = list(dict.fromkeys(vault_ids))
        if not 0 < len(ids) <= most:
            raise BadInput(f"One to {most} vaults at a time, not {len(ids)}.")
        return ids

    def caps(self, vault_id: int) -> Caps:
        """What others may still fill against a vault's orders."""
        view = self.view(vault_id)
        counter = int(self._account.chain["Exchange"].call("epoch_for", vault_id, [])) >> EPOCH_BITS
        found = self._account.chain["TradeLimits"].call("caps_of", vault_id, view.epoch, counter)
        return Caps(*(from_wad(n) for n in (found.delta_cap, found.vega_cap, found.delta_used, found.vega_used)))

    def set_caps(self, vault_id: int, delta: Number = 0, vega: Number = 0) -> Receipt:
        """Caps the net delta and vega that others may fill against an own vault's orders, and forgets what was used.

        Args:
            vault_id: The vault.
            delta: Most contracts of net delta; 0 for any.
            vega: Most net vega [quote for 1.00 vol]; 0 for any.
        """
        most = [to_wad(to_decimal(number)) for number in (delta, vega)]
        if min(most) < 0:
            raise BadInput("A cap is not below 0.")
        return self._account.signer.execute(self._account.chain["Exchange"], "set_caps", vault_id, *most)

    def cancel_all(
        self, vault_id: int, expiry: str | int | None = None, leg: PackageLeg | str | None = None
    ) -> Receipt:
        """Ends every order that a vault has out, or every one with a leg in one series, in one transaction.

        Args:
            vault_id: A vault that the account may trade for.
            expiry: Expiry of the series; None with no leg.
            leg: The series, such as "call:200"; None for all orders.
        """
        exchange = self._account.chain["Exchange"]
        if (leg is None) != (expiry is None):
            raise BadInput("A series has a leg and an expiry; name both, or neither for every order.")
        if leg is None or expiry is None:
            counter = int(exchange.call("epoch_for", vault_id, [])) >> EPOCH_BITS
            return self._account.signer.execute(exchange, "bump_epoch", vault_id, counter + 1)
        series = package_leg(leg).series(self.view(vault_id).market, parse_expiry(expiry))
        counter = int(exchange.call("epoch_for", vault_id, [series])) >> EPOCH_BITS
        return self._account.signer.execute(exchange, "cancel_series", vault_id, series, counter + 1)

    # --- reading ------------------------------------------------------------------------------------------------

    def card(self, vault_id: int) -> PositionCard:
        """Everything about a vault: Greeks, liquidation prices, what it lacks and what it has made."""
        return read_card(self._account.chain, self.view(vault_id))

    def view(self, vault_id: int) -> VaultView:
        """A vault in integers. Raises `UnknownVault`."""
        (view,) = read_vaults(self._account.chain, [vault_id])
        if isinstance(view, VaultView):
            return view
        raise UnknownVault(f"There is no vault {vault_id} on {self._account.chain.deployment.network}.") from view

    def get(self, vault_id: int) -> VaultInfo:
        """A vault in quote units. Raises `UnknownVault`."""
        view = self.view(vault_id)
        return VaultInfo.of(view, self._account.chain.market(view.market))

    def views(self, owner: str | None = None) -> tuple[VaultView, ...]:
        """All open vaults in integers, or those of one owner."""
        of = None if owner is None else parse_address(owner)
        book = self._account.chain.book()
        ids = [v.vault_id for v in (book.of(of) if of else sorted(book.vaults.values(), key=lambda v: v.vault_id))]
        found: list[VaultView] = []
        for view in read_vaults(self._account.chain, ids):
            if not isinstance(view, VaultView):
                raise view
            found.append(view)
        return tuple(found)

    def list(self, owner: str | None = None) -> list[VaultInfo]:
        """All open vaults, or those of one owner."""
        views = self.views(owner)
        markets = {index: self._account.chain.market(index) for index in {view.market for view in views}}
        return [VaultInfo.of(view, markets[view.market]) for view in views]
