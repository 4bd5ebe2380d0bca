"""Signs what own vaults offer, and leaves it with maker servers and on the QuoteBoard."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence

import aiohttp
from coincurve import PrivateKey

from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BulkheadError
from bulkhead.client import SignedOrder
from bulkhead.keeper.books import Entry
from bulkhead.keeper.node import Head
from bulkhead.keeper.outcomes import Report
from bulkhead.keeper.plan import PostOffers
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.state import KeeperState
from bulkhead.keeper.unwind import plan_offers
from bulkhead.keeper.unwind_policy import UnwindTerms
from bulkhead.maker.signing import separator, sign
from bulkhead.orders import Domain, Order

#: A server that does not take an order within so long is left until the next time [seconds].
PATIENCE = 3.0
#: Orders in one call of the QuoteBoard.
A_POST = 8


class Offerer:
    """Offers of one account.

    Attributes:
        offered: Orders signed so far.
        accepted: Of these, so often a server has taken one.
    """

    def __init__(self, chain: Connection, providers: Providers, key: bytes, terms: UnwindTerms, report: Report) -> None:
        self.chain, self.providers, self.terms, self.report = chain, providers, terms, report
        self.offered = self.accepted = 0
        self._key = PrivateKey(key)
        self._domain = Domain(chain.deployment.chain_id, chain["Exchange"].address)
        self._separator = separator(self._domain)
        self._last = 0
        self._told: dict[str, str] = {}

    async def run(self, state: KeeperState, head: Head, entries: Sequence[Entry]) -> list[PostOffers]:
        """Signs anew when it is time; returns what is to be posted on the QuoteBoard.

        Args:
            state: The last look.
            head: Its block.
            entries: The books: they know when something was taken.

        Raises:
            BulkheadError: The nodes failed.
        """
        if abs(head.timestamp - self._last) < self.terms.every:
            return []
        taken_at = {entry.vault_id: entry.at for entry in entries if entry.kind == "bonus" and entry.at}
        signed = await self._signed(plan_offers(state, self.terms, taken_at), head)
        if not signed:
            return []
        self._last = head.timestamp
        self.offered += len(signed)
        await self._leave(signed)
        self.report(
            "offered", block=head.number, orders=len(signed), vaults=sorted({s.order.maker_vault for s in signed})
        )
        if not self.terms.board:
            return []
        parts = [signed[i : i + A_POST] for i in range(0, len(signed), A_POST)]
        return [
            PostOffers(
                tuple(s.order.maker_vault for s in part),
                tuple(s.order.to_tuple() for s in part),
                tuple(s.signature for s in part),
            )
            for part in parts
        ]

    async def _signed(self, planned: Sequence[Order], head: Head) -> list[SignedOrder]:
        exchange = self.chain["Exchange"]
        asked = [exchange.query("epoch_for", o.maker_vault, [leg.series for leg in o.legs]) for o in planned]
        epochs = await self.providers.read_each(asked, head.number)
        found: list[SignedOrder] = []
        for order, epoch in zip(planned, epochs, strict=True):
            if isinstance(epoch, BulkheadError):
                raise epoch
            order = dataclasses.replace(order, epoch=int(epoch))
            signature = sign(order, self._key, self._separator)
            found.append(SignedOrder(order, signature, self._domain.chain_id, self._domain.exchange))
        return found

    async def _leave(self, signed: Sequence[SignedOrder]) -> None:
        """Leaves orders with every maker server; a refusal is told once."""
        if not self.terms.makers:
            return
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as http:
            await asyncio.gather(*(self._post(http, url, signed) for url in self.terms.makers))

    async def _post(self, http: aiohttp.ClientSession, url: str, signed: Sequence[SignedOrder]) -> None:
        for one in signed:
            said = ""
            try:
                async with http.post(f"{url}/orders", json=one.to_dict()) as reply:
                    if reply.status == 200:
                        self.accepted += 1
                    else:
                        said = (await reply.text())[:200]
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                said = type(error).__name__
            if said:
                if self._told.get(url) != said:
                    self.report("maker-refused", maker=url, reason=said)
                self._told[url] = said
                return
        self._told.pop(url, None)
