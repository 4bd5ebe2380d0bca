"""A market on brought prices on an Anvil of its own, a price service beside it, and a keeper that brings."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from bulkhead.chain import anvil, deploy, inputs
from bulkhead.chain import price_messages as messages
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.client import Bulkhead
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.launch import assemble
from bulkhead.keeper.node import Node
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.price_sources import HermesSource, PriceSource, RedStoneSource
from bulkhead.keeper.price_updater import BringPace, FeedPlan
from bulkhead.keeper.service import Keeper
from bulkhead.replay.price_service import SERVICE, PriceService, wandering
from tests.worlds import anvil_inputs

#: Thursday 12 March 2020, 06:30 UTC, and an expiry that morning.
START = 1_583_994_600
EXPIRY = START + 90 * 60
MINUTE, INSTANT, WINDOW = 60, 600, 1800
PRICE = 19_460_000_000
MAKER, TRADER, KEEPER, RIVAL = range(1, 5)
#: Sources are asked at every look, and a look waits for them: the chain's clock runs faster than this machine's.
EAGER = BringPace(spot=0.0, first_pause=0.0, longest_pause=0.0, patience=30.0)


def inputs_of(form: str) -> dict[str, Any]:
    """Inputs of a local deployment with one market on brought prices."""
    return anvil_inputs.local(ETH=anvil_inputs.market(primary={"pull": form, "price": str(Decimal(PRICE).scaleb(-8))}))


class PulledMarket:
    """A running market and its price service.

    Attributes:
        form: Whose prices they are, "pyth" or "redstone".
        anvil: The chain.
        chain: The deployment.
        first_price: Spot at the listing [1e-8].
        service: Says what prices are, at any moment up to the chain's.
    """

    def __init__(self, form: str) -> None:
        self.form = form
        self.anvil = Anvil(timestamp=START)
        try:
            owner = Sender(self.anvil.rpc, account_from_key(anvil.key(0)))
            deployment = deploy.deploy(self.anvil.rpc, owner, inputs.parse(inputs_of(form), "the test's inputs"))
            self.chain = Connection(self.anvil.rpc, deployment)
            self.service = PriceService("ETH", wandering(PRICE), self.anvil.rpc.timestamp)
        except BaseException:
            self.anvil.stop()
            raise
        self.adapter = self.chain.pull_feed(deployment.market("ETH").feeds[0])
        self.people = {i: Sender(self.anvil.rpc, account_from_key(anvil.key(i))) for i in (KEEPER, RIVAL)}
        self.first_price = int(self.adapter.call("latestRoundData")[1])
        self.maker, self.trader = (Bulkhead(self.chain, key=anvil.key(i)) for i in (MAKER, TRADER))
        token = self.chain.market("ETH").token
        for person in (self.maker, self.trader):
            person.signer.execute(token, "mint", person.address, 10**12)

    @property
    def now(self) -> int:
        """Stamp of the newest block."""
        return self.anvil.rpc.timestamp()

    def source(self) -> PriceSource:
        """Where a keeper finds the prices."""
        if self.form == "pyth":
            return HermesSource(self.service.url, messages.pyth_id("ETH").hex())
        return RedStoneSource(self.service.url, "ETH", SERVICE, messages.local_signers())

    def trade(self) -> tuple[int, int]:
        """A call sold by the maker to the trader, in the cell of `EXPIRY`: their vaults."""
        desk = self.maker.vaults.open("ETH", deposit=Decimal(20_000))
        sold = self.maker.orders.sign(desk, EXPIRY, ["call:200"], "sell", Decimal(5), 1)
        return desk, self.trader.orders.fill(sold, deposit=Decimal(200))

    def honest(self, at: int) -> int:
        """The sample of a minute that all signers make [1e-8]."""
        if self.form == "pyth":
            return self.service.path(at)
        status, body = self.service.answer(f"/data-packages/historical/{SERVICE}/{at * 1000}")
        assert status == 200
        values = sorted(round(package["dataPoints"][0]["value"] * 1e8) for package in body["ETH"])
        return values[len(values) // 2]

    def sampled(self, at: int) -> int | None:
        """The sample that the adapter has of a minute, None without one."""
        found = self.adapter.call("samples", at, at + MINUTE)
        return int(found.price) if found.last == at else None


@contextmanager
def pulled(form: str) -> Iterator[PulledMarket]:
    """A market whose service runs."""
    market = PulledMarket(form)
    try:
        with market.service:
            yield market
    finally:
        market.anvil.stop()


class Bringing:
    """A keeper on a pulled market, ticked by hand. Use it in a `with`."""

    def __init__(
        self,
        market: PulledMarket,
        roles: Sequence[str] = ("bring",),
        account: int = KEEPER,
        source: PriceSource | None = None,
        **plan: Any,
    ) -> None:
        self.market, self._stream = market, io.StringIO()
        self._runner = asyncio.Runner()
        found = FeedPlan(1, "ETH", source or market.source(), fee=10**12 if market.form == "pyth" else 0, **plan)
        self.keeper: Keeper = self._runner.run(
            assemble(
                market.chain.deployment, [Node(market.anvil.url, timeout_seconds=60)],
                account_from_key(anvil.key(account)), ":memory:", JsonLog(self._stream), Policy(frozenset(roles)),
                plans=[found],
            )
        )  # fmt: skip
        self.keeper.observer.bringer.pace = EAGER

    def __enter__(self) -> Bringing:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self.keeper.close())
        self._runner.close()

    def settle_down(self) -> None:
        """Ticks until nothing is sent and nothing in flight."""

        async def look() -> bool:
            head = await self.keeper.providers.head()
            done = await self.keeper.tick(head)
            await self.keeper.after(head)
            return done.block >= 0 and not done.sent and not done.pending

        for _ in range(200):
            if self._runner.run(look()):
                return
        raise AssertionError(f"the keeper acts without end: {self.said()[-3:]}")

    def said(self, event: str = "") -> list[dict[str, Any]]:
        """What it has logged."""
        lines = [json.loads(line) for line in self._stream.getvalue().splitlines()]
        return [line for line in lines if not event or line["event"] == event]

    def sent(self, action: str) -> list[dict[str, Any]]:
        """Actions of one kind that it has sent."""
        return [line for line in self.said("sent") if line["action"] == action]


@contextmanager
def undone(market: PulledMarket) -> Iterator[PulledMarket]:
    """What happens inside is undone, on the chain and at the service."""
    snapshot = market.anvil.snapshot()
    service = market.service
    service.path, service.down = wandering(PRICE), False
    service.missing, service.late_signers = set(), {}
    try:
        yield market
    finally:
        market.anvil.revert(snapshot)
        for person in (market.maker, market.trader):
            person.signer.forget_nonce()


def by_minutes(market: PulledMarket, until: int, *each: Callable[[], None]) -> None:
    """Time goes on, a block every minute, and what is given is done at each."""
    at = (market.now // MINUTE + 1) * MINUTE
    while at <= until:
        market.anvil.mine(max(at, market.now + 1))
        for do in each:
            do()
        at = max(at, market.now // MINUTE * MINUTE) + MINUTE
