"""Answers to requests for quotes: one price for all who ask for the same, signed for the one who asks.

A request names legs, size, sides and who will send the fill; it is not signed. An answer is a firm order for that
taker: priced by vol where there are options, good within 0.3 % of spot and for half a minute, and counted against
the desk's limits while it lives. Whoever has neither a vault nor the premium gets the price without a signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bulkhead import orders, pricing
from bulkhead.chain.contract import read
from bulkhead.chain.errors import BadInput
from bulkhead.client import SignedOrder, from_wad
from bulkhead.client.amounts import parse_address
from bulkhead.client.deficits import tolerated
from bulkhead.client.exposure import Exposure
from bulkhead.maker.desk import Desk, Look, Maker
from bulkhead.maker.ladder import band, edge, skew
from bulkhead.orders import Order, OrderLeg, PremiumStyle
from bulkhead.risk.scales import MICRO
from bulkhead.risk.words import WAD, Kind, Leg, Series, Snapshot, Units

#: Live answers of one taker.
MOST_LIVE = 3
#: Life of an answer [s]; the longer one where a block takes so long that the shorter would not reach it.
LIFE, LONG_LIFE, SLOW_BLOCK = 30, 60, 12
#: Vols between which an answer is priced [wad].
LEAST_VOL, MOST_VOL = WAD // 100, 5 * WAD


@dataclass(frozen=True)
class Request:
    """What somebody asks for.

    Attributes:
        legs: What the buyer of one package receives, ascending by series.
        size: Packages [1e-6].
        sides: "buy", "sell" or both: what the asker would do.
        taker: Who will send the fill.
        style: How the premium is paid.
    """

    legs: tuple[OrderLeg, ...]
    size: int
    sides: tuple[str, ...]
    taker: str
    style: PremiumStyle

    @classmethod
    def parse(cls, data: Any) -> Request:
        """From JSON: integers may be text. Raises `BadInput` with what is wrong."""
        if not isinstance(data, Mapping):
            raise BadInput("A request for quotes is a JSON object.")
        try:
            legs = tuple(OrderLeg(int(leg["series"]), int(leg["ratio"])) for leg in data["legs"])
            size, style = int(data["size"]), PremiumStyle(int(data.get("premium_style", 0)))
            side, taker = str(data.get("side", "both")), parse_address(str(data["taker"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"That is no request for quotes: {type(error).__name__} at {error}.") from None
        sides = {"buy": ("buy",), "sell": ("sell",), "both": ("buy", "sell")}.get(side)
        if sides is None:
            raise BadInput(f"side is 'buy', 'sell' or 'both', not {side!r}.")
        return cls(legs, size, sides, taker, style)


@dataclass(frozen=True)
class Price:
    """What the maker makes of a package for one side, for all who ask.

    Attributes:
        price: Per package now [wad].
        worst: Outermost price of the signed order [wad].
        iv: Vol that prices it at the fill [wad], 0 where `price` does.
        mark: What the mirror says it is worth [wad].
        change: What a fill would add to the desk.
    """

    price: int
    worst: int
    iv: int
    mark: int
    change: Exposure


@dataclass(frozen=True)
class _Live:
    """An answer that can still be filled."""

    taker: str
    expiry: int
    until: int
    change: Exposure


class Answers:
    """Prices and signs answers of one maker, out of its newest look."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._look: Look | None = None
        self._prices: dict[tuple[Any, ...], Price] = {}
        self._live: list[_Live] = []
        self._life = 0

    def update(self, look: Look | None) -> None:
        """Takes a new look; None where the node does not answer: then nothing is answered.

        It may come while another thread answers, and waits for nothing.
        """
        if look is not None and (self._look is None or _round(look) != _round(self._look)):
            self._prices = {}
        self._look = look

    def _measured_life(self) -> int:
        rpc = self._maker.client.chain.rpc
        head = rpc.block_number()
        past = max(head - 10, 0)
        taken = rpc.timestamp(head) - rpc.timestamp(past)
        return LONG_LIFE if head > past and taken >= SLOW_BLOCK * (head - past) else LIFE

    def answer(self, request: Request) -> list[dict[str, Any]]:
        """Answers for each side, as JSON: signed, or a price with the reason why it is not.

        Raises:
            BadInput: The request has no valid form, or asks for what is not quoted.
        """
        look = self._look
        if look is None:
            raise BadInput("There is no price now; ask again.")
        desk = self._desk(request, look)
        self._life = self._life or self._measured_life()
        poor = self._poor(request, look, desk)
        return [self._side(request, side, desk, look, poor) for side in request.sides]

    def _desk(self, request: Request, look: Look) -> Desk:
        """The desk of a request whose form is one that the Exchange takes."""
        try:
            orders.build(
                inverse=self._maker.units.inverse, maker_vault=1, signer=self._maker.client.address, is_bid=True,
                price=0, size=request.size, expiry=0, premium_style=request.style,
                legs=[(leg.series, leg.ratio) for leg in request.legs],
            )  # fmt: skip
            first = Series.unpack(request.legs[0].series)
        except ValueError as error:
            raise BadInput(f"That package has no valid form: {error}.") from None
        desk = look.desks.get(first.expiry)
        if desk is None or first.market != self._maker.index:
            raise BadInput("That expiry or market is not quoted here.")
        if not desk.cell.snapshot.is_usable:
            raise BadInput("The price of that expiry is not active now.")
        if not (desk.opens or desk.cell.gross):
            raise BadInput("Nothing of that expiry can be traded now.")
        return desk

    def _poor(self, request: Request, look: Look, desk: Desk) -> str:
        """Why an asker gets no signature, "" when he does: a vault, or tokens, show that he could fill."""
        chain = self._maker.client.chain
        held = [one.query("balanceOf", request.taker) for one in (chain["VaultToken"], self._maker.token)]
        vaults, tokens = read(chain.rpc, held)
        dear = abs(self._price(request, "buy", desk).price) * request.size // MICRO
        if int(vaults) == 0 and int(tokens) < dear // 10 ** (18 - look.decimals):
            return "The taker has no vault and not enough tokens for the premium."
        mine = [one for one in self._live if one.until >= look.now and one.taker == request.taker]
        if len(mine) + len(request.sides) > MOST_LIVE:
            return f"The taker has {len(mine)} answers that can still be filled; at most {MOST_LIVE} live at a time."
        return ""

    def _price(self, request: Request, side: str, desk: Desk) -> Price:
        """The price of a package, the same for all askers of a size step in one round."""
        maker_buys = side == "sell"
        step = _size_step(request.size)
        key = (request.legs, maker_buys, step, desk.cell.snapshot.updated_at, desk.cell.snapshot.spot)
        found = self._prices.get(key)
        if found is None:
            found = self._prices[key] = self._priced(request.legs, maker_buys, step, desk)
        return found

    def _priced(self, package: tuple[OrderLeg, ...], maker_buys: bool, size: int, desk: Desk) -> Price:
        style, snapshot = self._maker.style, desk.cell.snapshot
        legs = tuple(
            Leg(series.kind, series.strike, leg.ratio * MICRO)
            for series, leg in ((Series.unpack(leg.series), leg) for leg in package)
        )
        units = desk.cell.units
        found = pricing.sensitivities(legs, snapshot, units)
        larger = replace(style, edge_bps=style.edge_bps + style.impact_bps * max(size - style.size, 0) // style.size)
        half = edge(legs, found.value, snapshot, larger, units)
        middle = found.value + skew(found.delta, snapshot.spot, style, self._maker.limits.lean(desk.held), units)
        price = middle - half if maker_buys else middle + half
        iv, worst = vol_priced(legs, snapshot, price, maker_buys, around=band(snapshot.spot, style), units=units)
        one = Exposure.of(legs, snapshot, units)
        return Price(price, worst, iv, found.value, one if maker_buys else -one)

    def _side(self, request: Request, side: str, desk: Desk, look: Look, poor: str) -> dict[str, Any]:
        price = self._price(request, side, desk)
        told = {"side": side, "price": str(from_wad(price.price)), "mark": str(from_wad(price.mark))}
        if poor:
            return {**told, "unsigned": poor}
        change = price.change.times(from_wad(request.size * 10**12))
        expiry = desk.cell.cell[1]
        self._live = [one for one in self._live if one.until >= look.now]
        held = desk.held
        for one in self._live:
            held = held + one.change if one.expiry == expiry else held
        if not self._maker.limits.allows(held, change):
            return {**told, "unsigned": "The desk is at its limit on that side."}
        order = self._order(request, side == "sell", price, desk, look)
        self._live.append(_Live(request.taker, expiry, order.expiry, change))
        signed: SignedOrder = self._maker.sign(order)
        return {**told, "signed": signed.to_dict()}

    def _order(self, request: Request, maker_buys: bool, price: Price, desk: Desk, look: Look) -> Order:
        low, high = band(desk.cell.snapshot.spot, self._maker.style)
        order = orders.build(
            inverse=desk.cell.units.inverse,
            maker_vault=desk.vault.vault_id,
            signer=self._maker.client.address,
            taker=request.taker,
            legs=[(leg.series, leg.ratio) for leg in request.legs],
            is_bid=maker_buys,
            price=price.worst,
            iv=price.iv,
            size=request.size,
            expiry=min(look.now + self._life, desk.cell.cell[1] - 1),
            epoch=desk.epoch,
            spot_min=low,
            spot_max=high,
            since=look.now,
            premium_style=request.style,
        )
        return orders.with_changes(order, max_deficit=tolerated(desk.cell, order, order.size))


def _round(look: Look) -> tuple[int, ...]:
    return tuple(desk.cell.snapshot.updated_at for desk in look.desks.values())


def _size_step(size: int) -> int:
    """The size for which a price is made: the next of 1, 2, 5 times a power of ten [1e-6]."""
    step = 1
    while True:
        for times in (1, 2, 5):
            if size <= times * step:
                return times * step
        step *= 10


def vol_priced(
    legs: tuple[Leg, ...], snapshot: Snapshot, price: int, buys: bool, *, around: tuple[int, int], units: Units
) -> tuple[int, int]:
    """(vol that prices a package at the fill, outermost price of an order over a band of spot) [wad].

    Args:
        legs: Of one package.
        snapshot: Prices now.
        price: What it is to cost now [wad token].
        buys: The signer buys it.
        around: Lowest and highest spot of the order [wad].
        units: What the market counts in.
    """
    iv = _implied(legs, snapshot, price, units)
    if not iv:
        return 0, price
    low, high = around
    ends = [pricing.mark(legs, pricing.flat(snapshot.at(spot), iv), units) for spot in (low, snapshot.spot, high)]
    return iv, max(ends) if buys else min(ends)


def _implied(legs: tuple[Leg, ...], snapshot: Snapshot, price: int, units: Units) -> int:
    """The one vol at which a package is worth a price [wad]; 0 where there is none, or the package has no options."""
    if not any(leg.kind in (Kind.CALL, Kind.PUT) for leg in legs):
        return 0

    def worth(vol: int) -> int:
        return pricing.mark(legs, pricing.flat(snapshot, vol), units)

    low, high = LEAST_VOL, MOST_VOL
    rising = worth(high) > worth(low)
    if not min(worth(low), worth(high)) < price < max(worth(low), worth(high)):
        return 0
    while high - low > 10**12:
        middle = (low + high) // 2
        if (worth(middle) < price) == rising:
            low = middle
        else:
            high = middle
    # a spread may reach its price at two vols; the one found has to be it
    return high if abs(worth(high) - price) <= max(abs(price) // 1_000, units.unit // 10**4) else 0
