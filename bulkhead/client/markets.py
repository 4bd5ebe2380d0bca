"""What anyone may do for a market: prove expiry prices, and bring claims, insurance and left-overs home."""

from __future__ import annotations

from bulkhead.chain.errors import BadInput
from bulkhead.chain.expiry_hints import expiry_hints
from bulkhead.chain.sender import Receipt
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.client.account import Account
from bulkhead.client.amounts import parse_expiry


class Markets:
    """Markets and their expiries."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def _cell(self, market: str | int, expiry: str | int) -> Cell:
        return self._account.chain.deployment.market(market).index, parse_expiry(expiry)

    def expiry_price(self, market: str | int, expiry: str | int) -> int:
        """The price of an expiry [wad], 0 until it is final."""
        return int(self._account.chain["ExpiryPrices"].call("price", *self._cell(market, expiry)))

    def fix(self, market: str | int, expiry: str | int) -> Receipt:
        """Proves the price of an expiry out of the feeds' own rounds; may take several calls.

        Raises:
            BadInput: The expiry has not come yet, or has its price already.
        """
        cell = self._cell(market, expiry)
        if self._account.chain.rpc.timestamp() < cell[1]:
            raise BadInput("The expiry has not come yet; its price is the average of the 30 minutes before it.")
        if self.expiry_price(*cell):
            raise BadInput("The expiry has its price already.")
        hints = expiry_hints(self._account.chain, cell)
        return self._account.signer.execute(self._account.chain["Settlement"], "fix", *cell, hints)

    def reserve(self, market: str | int, expiry: str | int) -> Receipt:
        """Sets insurance aside for what an expiry lacks."""
        return self._account.signer.execute(
            self._account.chain["InsuranceFund"], "reserve", *self._cell(market, expiry)
        )

    def insure(self, market: str | int, expiry: str | int) -> Receipt:
        """Draws what an earlier draw of insurance left open."""
        return self._account.signer.execute(self._account.chain["Settlement"], "insure", *self._cell(market, expiry))

    def sweep(self, market: str | int, expiry: str | int) -> Receipt:
        """Brings what an expiry has left after its last claim to the market's insurance."""
        return self._account.signer.execute(self._account.chain["Settlement"], "sweep", *self._cell(market, expiry))
