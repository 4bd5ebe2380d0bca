"""Signs a ladder per expiry and serves it over HTTP: `GET /quotes`, and `GET /stream` with a line per refresh.

A taker fills a quote as it is: each is a signed order (`SignedOrder.to_json`). Quotes live for seconds and carry a
spot band, so an old one is dead without a transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

from aiohttp import web

from bulkhead import orders, pricing
from bulkhead.chain import reasons
from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.chain.lens import CellView, read_cells
from bulkhead.client import Bulkhead, SignedOrder, from_wad
from bulkhead.client.deficits import tolerated
from bulkhead.maker.ladder import Quote, Style, ladder
from bulkhead.risk import series_grid
from bulkhead.risk.words import Kind, Series


@dataclass
class Maker:
    """A maker with one desk per expiry.

    Attributes:
        client: The account that owns the desks.
        market: Symbol.
        expiries: Expiries it quotes [unix seconds].
        style: How it quotes.
        deposit: Quote tokens that a new desk gets.
    """

    client: Bulkhead
    market: str
    expiries: Sequence[int]
    style: Style = field(default_factory=Style)
    deposit: Decimal = Decimal(10_000)

    def __post_init__(self) -> None:
        self.desks: dict[int, int] = {}
        self.index = self.client.chain.market(self.market).index

    def open(self) -> None:
        """Finds the own desk of each expiry, or opens and funds one; an empty desk serves the next expiry.

        Raises:
            BadInput: An expiry or the step of the strikes is off the market's grid; nothing was opened.
        """
        self._check_grid()
        mine = [v for v in self.client.vaults.list(self.client.address) if v.market == self.market]
        spare = [v.vault_id for v in mine if v.expiry == 0 and v.state == "empty" and v.collateral >= self.deposit]
        held = {v.expiry: v.vault_id for v in mine if v.expiry}
        for expiry in self.expiries:
            if expiry in held:
                self.desks[expiry] = held[expiry]
            elif spare:
                self.desks[expiry] = spare.pop()
            else:
                self.desks[expiry] = self.client.vaults.open(self.market, self.deposit)

    def _check_grid(self) -> None:
        now = self.client.chain.rpc.timestamp()
        for expiry in self.expiries:
            if expiry <= now:
                raise BadInput(f"The expiry {datetime.fromtimestamp(expiry, UTC):%Y-%m-%d %H:%M} has passed.")
            if not series_grid.on_grid(expiry, now):
                raise BadInput(reasons.sentence("exchange/expiry-off-grid"))
        tick = self._rules().tick
        if not tick or self.style.step % tick:
            raise BadInput(
                f"Strikes of {self.market} are multiples of {Decimal(tick).scaleb(-8).normalize():f}, which a step of "
                f"{Decimal(self.style.step).scaleb(-8).normalize():f} does not keep."
            )

    def _rules(self) -> pricing.OpeningRules:
        return pricing.OpeningRules.unpack(int(self.client.chain["Exchange"].call("trading", self.index)))

    def quotes(self) -> list[dict[str, Any]]:
        """Fresh signed quotes of all expiries that can trade, as JSON."""
        chain = self.client.chain
        cells = read_cells(chain, [(self.index, expiry) for expiry in self.expiries])
        now, rules = chain.rpc.timestamp(), self._rules()
        found: list[dict[str, Any]] = []
        for (_, expiry), cell in cells.items():
            # where nothing can be opened a quote is for those who close, if there are any
            if expiry <= now or not (rules.opens(expiry, now) or cell.gross):
                continue
            epoch = int(chain["Exchange"].call("epoch_for", self.desks[expiry], []))
            for quote in ladder(cell.snapshot, self.style):
                if not series_grid.strike_valid(quote.kind, quote.strike, rules.tick, cell.snapshot.spot):
                    continue
                found.append(self._entry(quote, self._sign(quote, cell, epoch, now), expiry))
        return found

    def _sign(self, quote: Quote, cell: CellView, epoch: int, now: int) -> SignedOrder:
        _, expiry = cell.cell
        order = orders.build(
            maker_vault=self.desks[expiry],
            signer=self.client.address,
            legs=[(Series(self.index, quote.kind, expiry, quote.strike), 1)],
            is_bid=quote.is_bid,
            price=quote.price,
            size=self.style.size,
            expiry=min(now + self.style.seconds, expiry - 1),
            epoch=epoch,
            spot_min=quote.spot_min,
            spot_max=quote.spot_max,
            since=now,
            premium_style=orders.PremiumStyle.DEFERRED if quote.kind == Kind.FUTURE else orders.PremiumStyle.UPFRONT,
        )
        deficit = tolerated(cell, order, order.size)
        return self.client.orders.sign_order(orders.with_changes(order, max_deficit=deficit))

    def _entry(self, quote: Quote, signed: SignedOrder, expiry: int) -> dict[str, Any]:
        return {
            "series": quote.kind.name.lower() + (f":{Decimal(quote.strike).scaleb(-8):f}" if quote.strike else ""),
            "expiry": expiry,
            "side": "buy" if quote.is_bid else "sell",
            "price": str(from_wad(quote.price)),
            "mark": str(from_wad(quote.mark)),
            "size": str(Decimal(self.style.size).scaleb(-6)),
            "signed": json.loads(signed.to_json()),
        }


class QuoteServer:
    """Serves the newest quotes of a maker."""

    def __init__(self, maker: Maker, refresh: float, log: TextIO) -> None:
        """Sets it up; `run` starts it.

        Args:
            maker: Who quotes; its desks are open.
            refresh: Seconds between ladders.
            log: Gets one JSON line per ladder.
        """
        self._maker, self._refresh, self._log = maker, refresh, log
        self._latest: dict[str, Any] = {"at": 0, "quotes": []}
        self._news = asyncio.Condition()

    async def refresh(self) -> None:
        """Signs one ladder; a node that does not answer leaves none to fill rather than an old one."""
        try:
            quotes = await asyncio.to_thread(self._maker.quotes)
            said = {"event": "quoted", "quotes": len(quotes)}
        except BulkheadError as error:
            quotes, said = [], {"event": "failed", "error": str(error)}
        async with self._news:
            self._latest = {"at": int(time.time()), "quotes": quotes}
            self._news.notify_all()
        print(json.dumps(said), file=self._log, flush=True)

    def application(self) -> web.Application:
        """The two routes."""
        app = web.Application()
        app.add_routes([web.get("/quotes", self._get), web.get("/stream", self._stream)])
        return app

    async def _get(self, _request: web.Request) -> web.Response:
        return web.json_response(self._latest)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):
            while True:
                await response.write(json.dumps(self._latest).encode() + b"\n")
                async with self._news:
                    await self._news.wait()
        return response

    async def run(self, host: str, port: int, rounds: int | None = None) -> None:
        """Serves until cancelled, or for so many ladders."""
        runner = web.AppRunner(self.application())
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise BadInput(f"{host}:{port} cannot be listened on: {error.strerror}.") from None
        except (OverflowError, ValueError):
            raise BadInput(f"{host!r} and {port} are no place to listen at.") from None
        try:
            while rounds is None or rounds > 0:
                await self.refresh()
                rounds = None if rounds is None else rounds - 1
                await asyncio.sleep(self._refresh)
        finally:
            await runner.cleanup()
