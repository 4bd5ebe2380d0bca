"""Vaults of an account: opened, funded, split, merged, lent to an operator, closed and read."""

from __future__ import annotations

from collections.abc import Iterable

from bulkhead.chain.connection import Market
from bulkhead.chain.errors import BadInput, UnknownVault
from bulkhead.chain.lens import VaultView, read_vaults
from bulkhead.chain.sender import Receipt
from bulkhead.client.account import Account
from bulkhead.client.amounts import Number, parse_model, to_native
from bulkhead.client.packages import PackageLeg, package_leg
from bulkhead.client.vault_info import VaultInfo
from bulkhead.operators import Permission
from bulkhead.risk.words import MAX_LEGS


class Vaults:
    """Vaults of a deployment."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def open(self, market: str = "ETH", deposit: Number = 0, model: str = "ES") -> int:
        """Opens a vault of the account, with a first deposit.

        Args:
            market: Symbol.
            deposit: Quote tokens to put in.
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
        return next(
            int(log.values.vault_id) for log in receipt.logs(account.chain.contracts) if log.event == "VaultOpened"
        )

    def deposit(self, vault_id: int, amount: Number) -> Receipt:
        """Puts quote tokens into any vault; refused if it has changed hands since it was looked at."""
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
        to = receiver or self._account.address
        return self._account.signer.execute(self._account.chain["Clearinghouse"], "withdraw", vault_id, native, to)

    def split(self, vault_id: int, legs: Iterable[tuple[PackageLeg | str, Number]], cash: Number = 0) -> int:
        """Moves legs and collateral of an own vault into a new one, in one transaction.

        Args:
            vault_id: The vault to split.
            legs: (leg, contracts) that the new vault receives.
            cash: Quote tokens that go along.

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
        """Moves all legs and tokens of an own vault into another of the same expiry, and closes it."""
        account = self._account
        view = self.view(vault_id)
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
            self._account.chain["Operators"], "grant", vault_id, operator, int(permissions), until
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
        to = receiver or self._account.address
        return self._account.signer.execute(self._account.chain["Clearinghouse"], "close", vault_id, to)

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

    def list(self, owner: str | None = None) -> list[VaultInfo]:
        """All open vaults, or those of one owner."""
        book = self._account.chain.book()
        ids = [
            v.vault_id for v in (book.of(owner) if owner else sorted(book.vaults.values(), key=lambda v: v.vault_id))
        ]
        found = read_vaults(self._account.chain, ids)
        markets: dict[int, Market] = {}
        result: list[VaultInfo] = []
        for view in found:
            if not isinstance(view, VaultView):
                raise view
            if view.market not in markets:
                markets[view.market] = self._account.chain.market(view.market)
            result.append(VaultInfo.of(view, markets[view.market]))
        return result
