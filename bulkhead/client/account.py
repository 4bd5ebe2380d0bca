"""One account at one deployment: its key, what it sends, and what it lets contracts spend."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from bulkhead import orders
from bulkhead.chain.connection import Connection, Market, connect
from bulkhead.chain.contract import Contract
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BadInput, NoFunds, Reverted
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.client.amounts import MAX_UINT


class Account:
    """One account at one deployment.

    Attributes:
        chain: The connection underneath.
        sender: Sends the account's transactions; None without a key.
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
        self.chain = rpc if isinstance(rpc, Connection) else connect(rpc, deployment)
        self._key = key
        self.sender = Sender(self.chain.rpc, account_from_key(key)) if key else None

    @property
    def address(self) -> str:
        """Address of the account."""
        return self.signer.address

    @property
    def signer(self) -> Sender:
        """Sender of the account's transactions."""
        if self.sender is None:
            raise BadInput("A private key is needed for that; give the client one.")
        return self.sender

    @property
    def domain(self) -> orders.Domain:
        """EIP-712 domain of the deployment's Exchange."""
        return orders.Domain(self.chain.deployment.chain_id, self.chain["Exchange"].address)

    def key(self) -> str:
        """The private key, for signing orders."""
        if self._key is None:
            raise BadInput("A private key is needed to sign; give the client one.")
        return self._key

    def ensure_allowance(self, market: Market, spender: Contract, amount: int) -> None:
        """Approves a contract when needed, after making sure that the tokens are there.

        Raises:
            NoFunds: The account holds less than `amount`.
        """
        held = int(market.token.call("balanceOf", self.address))
        if held < amount:
            raise NoFunds(
                f"{self.address} holds {Decimal(held).scaleb(-market.decimals)} quote tokens of {market.symbol} and "
                f"needs {Decimal(amount).scaleb(-market.decimals)}."
            )
        if int(market.token.call("allowance", self.address, spender.address)) < amount:
            self.allow(market, spender, MAX_UINT)

    def allow(self, market: Market, spender: Contract, amount: int) -> None:
        """Sets what a contract may spend, if it is another amount.

        Some tokens (USDT) refuse to change an allowance that is not zero; for these it is set to zero first.
        """
        allowed = int(market.token.call("allowance", self.address, spender.address))
        if allowed == amount:
            return
        try:
            self.signer.execute(market.token, "approve", spender.address, amount)
        except Reverted:
            # refused before it was sent
            if allowed == 0:
                raise
            self.signer.execute(market.token, "approve", spender.address, 0)
            self.signer.execute(market.token, "approve", spender.address, amount)
