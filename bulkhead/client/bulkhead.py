"""The client: one account at one deployment, with its vaults and its orders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bulkhead.chain import condition
from bulkhead.chain.condition import PriceCondition
from bulkhead.chain.connection import Connection
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.rpc import Rpc
from bulkhead.client.account import Account
from bulkhead.client.amounts import Number, parse_expiry
from bulkhead.client.mandates import Mandates
from bulkhead.client.orders import Orders
from bulkhead.client.packages import PackageLeg
from bulkhead.client.preview import trade_preview
from bulkhead.client.vault_info import VaultInfo
from bulkhead.client.vaults import Vaults


class Bulkhead(Account):
    """One account at one deployment, with everything it can do.

    Attributes:
        vaults: Opening, funding, closing and inspecting vaults.
        orders: Signing, filling and cancelling orders.
        mandates: Automatic top-ups.
    """

    def __init__(
        self, rpc: Rpc | str | Connection, deployment: Deployment | Path | str = "", key: str | None = None
    ) -> None:
        """Connects.

        Args:
            rpc: URL of a node, or an existing connection.
            deployment: `addresses.json`, its folder, or a loaded deployment.
            key: Private key; without one the client only reads.
        """
        super().__init__(rpc, deployment, key)
        self.vaults = Vaults(self)
        self.orders = Orders(self, self.vaults)
        self.mandates = Mandates(self, self.vaults)

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
            cash: Quote tokens it would receive, negative when it pays.
        """
        return trade_preview(self.chain, self.vaults.view(vault_id), parse_expiry(expiry), legs, cash)
