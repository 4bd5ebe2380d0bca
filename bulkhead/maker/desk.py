"""A maker: a desk for each expiry, what they hold, and the quotes it signs for them."""

from __future__ import annotations

import copy
import functools
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bulkhead import orders, pricing
from bulkhead.chain import reasons
from bulkhead.chain.contract import read
from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import CellView, VaultView, read_cells, read_vaults
from bulkhead.client import Bulkhead, SignedOrder, from_wad
from bulkhead.client.deficits import tolerated_for
from bulkhead.client.exposure import Exposure
from bulkhead.maker.hedging import Hedger
from bulkhead.maker.ladder import Quote, Style, ladder
from bulkhead.maker.limits import RiskLimits
from bulkhead.maker.signing import QuoteSigner
from bulkhead.risk import series_grid
from bulkhead.risk.words import WAD, Kind, Leg, Series


@dataclass(frozen=True)
class Desk:
    """One expiry of a look.

    Attributes:
        vault: The desk's vault.
        cell: Prices of the expiry.
        epoch: Least epoch of an order that is good.
        held: What the vault holds.
        opens: Whether positions can be opened.
    """

    vault: VaultView
    cell: CellView
    epoch: int
    held: Exposure
    opens: bool


@dataclass(frozen=True)
class Look:
    """What a maker knows at one moment.

    Attributes:
        now: Stamp of the newest block.
        rules: What openings must meet.
        fees: Of the market.
        decimals: Of its token.
        desks: By expiry.
    """

    now: int
    rules: pricing.OpeningRules
    fees: pricing.Fees
    decimals: int
    desks: dict[int, Desk]

    @property
    def spot(self) -> int:
        """Spot of the market [wad]; 0 without a desk."""
        return next((desk.cell.snapshot.spot for desk in self.desks.values()), 0)


@dataclass
class Maker:
    """A maker with one desk per expiry.

    Attributes:
        client: The account that owns the desks.
        market: Symbol.
        expiries: Expiries it quotes [unix seconds].
        style: How it quotes.
        deposit: Tokens that a new desk gets.
        limits: Most that a desk may hold.
        hedger: Gets the exposure of all desks after every look.
    """

    client: Bulkhead
    market: str
    expiries: Sequence[int]
    style: Style = field(default_factory=Style)
    deposit: Decimal = Decimal(10_000)
    limits: RiskLimits = field(default_factory=RiskLimits)
    hedger: Hedger | None = None

    def __post_init__(self) -> None:
        self.desks: dict[int, int] = {}
        entry = self.client.chain.market(self.market)
        self.index, self.token, self.units = entry.index, entry.token, entry.units
        self.signer = QuoteSigner(self.client)

    def beside(self) -> Maker:
        """The same maker with its desks over a connection of its own, for another thread; it hedges nothing."""
        other = copy.copy(self)
        other.client, other.hedger = self.client.beside(), None
        other.token = other.client.chain.market(self.market).token
        other.signer = QuoteSigner(other.client)
        return other

    def open(self) -> None:
        """Finds the own desk of each expiry, or opens and funds one; an empty desk serves the next expiry.

        What others may fill against a desk is capped on chain by the limits, whatever is signed.

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
            self._cap(self.desks[expiry])

    def _cap(self, desk: int) -> None:
        # the chain counts vega for a whole 1.00 of vol
        delta, vega = self.limits.delta, self.limits.vega * 100
        caps = self.client.vaults.caps(desk)
        if (caps.delta, caps.vega) != (delta, vega):
            self.client.vaults.set_caps(desk, delta, vega)

    def _check_grid(self) -> None:
        now = self.client.chain.rpc.timestamp()
        for expiry in self.expiries:
            if expiry <= now:
                raise BadInput(f"The expiry {datetime.fromtimestamp(expiry, UTC):%Y-%m-%d %H:%M} has passed.")
            if not series_grid.on_grid(expiry, now):
                raise BadInput(reasons.sentence("exchange/expiry-off-grid"))
        trading = int(self.client.chain["Exchange"].call("trading", self.index))
        tick = pricing.OpeningRules.unpack(trading).tick
        if not tick or self.style.step % tick:
            raise BadInput(
                f"Strikes of {self.market} are multiples of {Decimal(tick).scaleb(-8).normalize():f}, which a step of "
                f"{Decimal(self.style.step).scaleb(-8).normalize():f} does not keep."
            )

    def look(self) -> Look:
        """Prices, desks and rules at the newest block; the hedger gets what is held."""
        chain = self.client.chain
        cells = read_cells(chain, [(self.index, expiry) for expiry in self.expiries])
        vaults = read_vaults(chain, [self.desks[expiry] for expiry in self.expiries])
        exchange = chain["Exchange"]
        queries = [exchange.query("epoch_for", self.desks[expiry], []) for expiry in self.expiries]
        *epochs, trading = read(chain.rpc, [*queries, exchange.query("trading", self.index)])
        now, rules = chain.rpc.timestamp(), pricing.OpeningRules.unpack(int(trading))
        desks: dict[int, Desk] = {}
        for (_, expiry), vault, epoch in zip(cells, vaults, epochs, strict=True):
            cell = cells[self.index, expiry]
            if not isinstance(vault, VaultView):
                raise vault
            priced = cell.snapshot.is_active and cell.snapshot.seconds > 0
            held = Exposure.of(vault.legs, cell.snapshot, self.units) if priced else Exposure()
            desks[expiry] = Desk(vault, cell, int(epoch), held, rules.opens(expiry, now))
        decimals = next((desk.cell.decimals for desk in desks.values()), 0)
        found = Look(now, rules, pricing.Fees.unpack(int(trading)), decimals, desks)
        if self.hedger is not None and found.spot:
            delta = sum((desk.held.delta for desk in desks.values()), Decimal(0))
            self.hedger.exposed(self.market, delta, from_wad(found.spot))
        return found

    def quotes(self, look: Look | None = None) -> list[dict[str, Any]]:
        """Fresh signed quotes of all expiries that can trade, as JSON."""
        seen = look or self.look()
        return [self._entry(*quote) for quote in self.signed_quotes(seen)]

    def signed_quotes(self, look: Look) -> Iterator[tuple[Quote, SignedOrder, int]]:
        """(quote, its order, expiry) of everything that can trade."""
        for expiry, desk in look.desks.items():
            # where nothing can be opened a quote is for those who close, if there are any
            if expiry <= look.now or not (desk.opens or desk.cell.gross):
                continue
            snapshot = desk.cell.snapshot
            deficits: dict[bool, int] = {}  # by whether a quote is in lots: the size of all others is one
            for quote in ladder(snapshot, self.style, self.limits.lean(desk.held), self.units):
                if not series_grid.strike_valid(quote.kind, quote.strike, look.rules.tick, snapshot.spot):
                    continue
                if not self.limits.allows(desk.held, self._change(quote, desk)):
                    continue
                in_lots = quote.kind.has_lot(self.units.inverse)
                if in_lots not in deficits:
                    traded = Leg(quote.kind, quote.strike, self._size(quote, desk))
                    deficits[in_lots] = tolerated_for(desk.cell, (traded,))
                yield quote, self.sign(self._order(quote, desk, look.now, deficits[in_lots])), expiry

    def _change(self, quote: Quote, desk: Desk) -> Exposure:
        """What a fill of a whole quote would add to a desk."""
        if not (self.limits.delta or self.limits.gamma or self.limits.vega):
            return Exposure()
        size = self._size(quote, desk) if quote.is_bid else -self._size(quote, desk)
        return Exposure.of((Leg(quote.kind, quote.strike, size),), desk.cell.snapshot, self.units)

    def _size(self, quote: Quote, desk: Desk) -> int:
        """Packages that a quote offers [1e-6]: of CASH as many quote as so many contracts are worth."""
        if quote.kind.has_lot(self.units.inverse):
            return self.style.size
        return self.style.size * desk.cell.snapshot.spot // WAD

    def _order(self, quote: Quote, desk: Desk, now: int, deficit: int) -> orders.Order:
        _, expiry = desk.cell.cell
        # what `orders.build` would look at holds by construction, and half of its time would go there
        return orders.Order(
            maker_vault=desk.vault.vault_id,
            signer=self.client.address,
            legs=_single(self.index, quote.kind, expiry, quote.strike),
            is_bid=quote.is_bid,
            price=quote.price,
            size=self._size(quote, desk),
            expiry=min(now + self.style.seconds, expiry - 1),
            epoch=desk.epoch,
            salt=secrets.randbits(128),
            spot_min=quote.spot_min,
            spot_max=quote.spot_max,
            since=now,
            premium_style=(
                orders.PremiumStyle.DEFERRED if quote.kind.is_delta(self.units.inverse) else orders.PremiumStyle.UPFRONT
            ),
            max_deficit=deficit,
        )

    def sign(self, order: orders.Order) -> SignedOrder:
        """Signs an order of a desk."""
        return self.signer.sign(order)

    def _entry(self, quote: Quote, signed: SignedOrder, expiry: int) -> dict[str, Any]:
        return {
            "series": quote.kind.name.lower() + (f":{Decimal(quote.strike).scaleb(-8):f}" if quote.strike else ""),
            "expiry": expiry,
            "side": "buy" if quote.is_bid else "sell",
            "price": str(from_wad(quote.price)),
            "mark": str(from_wad(quote.mark)),
            "size": str(Decimal(signed.order.size).scaleb(-6)),
            "signed": signed.to_dict(),
        }


@functools.lru_cache(4_096)
def _single(market: int, kind: Kind, expiry: int, strike: int) -> tuple[orders.OrderLeg, ...]:
    """The package of one contract; the same series are quoted in every round."""
    return (orders.OrderLeg(Series(market, kind, expiry, strike).pack(), 1),)
