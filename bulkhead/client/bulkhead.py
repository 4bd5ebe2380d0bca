"""The client: one account at one deployment, with its vaults and its orders."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from bulkhead.chain import condition
from bulkhead.chain.condition import PriceCondition
from bulkhead.client.account import Account
from bulkhead.client.amounts import Number, parse_expiry
from bulkhead.client.mandates import Mandates
from bulkhead.client.markets import Markets
from bulkhead.client.orders import Orders
from bulkhead.client.packages import PackageLeg
from bulkhead.client.preview import trade_preview
from bulkhead.client.quote_requests import QuoteRequests
from bulkhead.client.stops import Stops
from bulkhead.client.vault_info import VaultInfo
from bulkhead.client.vaults import Vaults


class Bulkhead(Account):
    """One account at one deployment, with everything it can do."""

    @cached_property
    def vaults(self) -> Vaults:
        """Opening, funding, closing and inspecting vaults."""
        return Vaults(self)

    @cached_property
    def orders(self) -> Orders:
        """Signing, filling and cancelling orders."""
        return Orders(self, self.vaults)

    @cached_property
    def stops(self) -> Stops:
        """Stops, takes of profit and trailing stops of own positions."""
        return Stops(self, self.vaults, self.orders)

    @cached_property
    def rfq(self) -> QuoteRequests:
        """Requests for quotes."""
        return QuoteRequests(self, self.orders)

    @cached_property
    def mandates(self) -> Mandates:
        """Automatic top-ups."""
        return Mandates(self, self.vaults)

    @cached_property
    def markets(self) -> Markets:
        """Expiry prices, insurance and left-overs of markets."""
        return Markets(self)

    def condition(self, market: str, expiry: str | int = 0) -> PriceCondition:
        """Why the price of a market, or of one of its cells, is or is not active, and until when.

        Args:
            market: Symbol.
            expiry: Of the cell; 0 for the market alone.
        """
        entry = self.chain.deployment.market(market)
        return condition.read(self.chain, entry.index, parse_expiry(expiry) if expiry else 0)

    def preview(
        self, vault_id: int, expiry: str | int, legs: Iterable[tuple[PackageLeg | str, Number]], cash: Number = 0
    ) -> VaultInfo:
        """What a vault would look like after a trade at the present price, as the Lens says.

        Args:
            vault_id: The vault.
            expiry: Cell of the trade.
            legs: (leg, contracts) that the vault would receive; a negative ratio gives.
            cash: Tokens it would receive, negative when it pays.
        """
        return trade_preview(self.chain, self.vaults.view(vault_id), parse_expiry(expiry), legs, cash)
