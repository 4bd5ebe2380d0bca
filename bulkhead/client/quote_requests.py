"""Requests for quotes: ask makers for a package, see their answers side by side, take one.

What is signed is computed from what was asked, never from what came back: of an answer only the fields that are the
maker's to choose are read, so an answer to another question has no valid signature and is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bulkhead import orders, pricing
from bulkhead.chain import reasons
from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import CellView, read_cells
from bulkhead.client.amounts import Number, from_wad, parse_expiry, to_decimal, to_quantity
from bulkhead.client.contract_signature import is_signed
from bulkhead.client.fill_check import STATUSES, order_states
from bulkhead.client.makers import ask_all
from bulkhead.client.packages import PackageLeg, package_leg
from bulkhead.client.signed_order import SignedOrder, posted_orders
from bulkhead.orders import Order, OrderLeg, PremiumStyle
from bulkhead.risk import series_grid

if TYPE_CHECKING:
    from bulkhead.client.account import Account
    from bulkhead.client.orders import Orders

#: Fields of an order that are the maker's to choose; all others are the asker's.
MAKERS = (
    "maker_vault", "signer", "price", "iv", "max_fee", "spot_min", "spot_max", "max_deficit", "epoch", "since", "salt",
    "expiry",
)  # fmt: skip


@dataclass(frozen=True)
class QuoteRequest:
    """What is asked for.

    Attributes:
        cell: (market, expiry).
        legs: What the buyer of one package receives, ascending by series.
        size: Packages [1e-6].
        sides: "buy" and "sell", or one of them: what the asker would do.
        style: How the premium is paid.
        taker: Who will send the fill.
        vault_id: Own vault to fill into; 0 opens one.
    """

    cell: tuple[int, int]
    legs: tuple[OrderLeg, ...]
    size: int
    sides: tuple[str, ...]
    style: PremiumStyle
    taker: str
    vault_id: int = 0

    def to_json(self) -> dict[str, Any]:
        """As a maker server reads it."""
        return {
            "legs": [{"series": str(leg.series), "ratio": str(leg.ratio)} for leg in self.legs],
            "size": str(self.size),
            "side": "both" if len(self.sides) == 2 else self.sides[0],
            "premium_style": str(int(self.style)),
            "taker": self.taker,
        }

    def order(self, side: str, told: Mapping[str, Any]) -> Order:
        """The order that an answer must have signed."""
        read = Order.from_json({**_blank(self, side), **{name: told[name] for name in MAKERS if name in told}})
        orders.check(read, None)
        return read


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        source: URL of the server, or "QuoteBoard".
        side: "buy" or "sell": what the asker would do.
        price: Per package now [quote]; None when there is none.
        fee: The asker's fee of the whole fill [quote].
        total: What the asker pays in all, below zero what he gets [quote].
        mark: What the package is worth per package now [quote].
        iv: Vol that prices it at the fill; None where the price is fixed.
        seconds: How long it is good.
        signed: The order; None when it cannot be filled.
        remark: Why not, "" when it can.
    """

    source: str
    side: str
    price: Decimal | None = None
    fee: Decimal | None = None
    total: Decimal | None = None
    mark: Decimal | None = None
    iv: Decimal | None = None
    seconds: int = 0
    signed: SignedOrder | None = None
    remark: str = ""


class QuoteRequests:
    """Requests for quotes of an account."""

    def __init__(self, account: Account, signing: Orders) -> None:
        self._account = account
        self._orders = signing

    def request(
        self,
        legs: Iterable[PackageLeg | str],
        size: Number,
        expiry: str | int,
        *,
        market: str = "ETH",
        side: str = "both",
        deferred: bool = False,
        vault_id: int = 0,
        taker: str | None = None,
    ) -> QuoteRequest:
        """A request, checked before anyone is asked.

        Args:
            legs: What the buyer of one package receives, e.g. `["put:180"]`.
            size: Packages.
            expiry: Expiry of the series.
            market: Symbol.
            side: "buy", "sell" or "both": what the asker would do.
            deferred: The premium becomes a cash leg.
            vault_id: Own vault to fill into; 0 opens one.
            taker: Who will send the fill; None for this account.

        Raises:
            BadInput: The expiry is off the grid or over, or the package has no valid form.
        """
        if side not in ("buy", "sell", "both"):
            raise BadInput(f"side is 'buy', 'sell' or 'both', not {side!r}.")
        index, at = self._account.chain.deployment.market(market).index, parse_expiry(expiry)
        now = self._account.chain.rpc.timestamp()
        if at <= now:
            raise BadInput("That expiry has passed.")
        if not series_grid.on_grid(at, now):
            raise BadInput(reasons.sentence("exchange/expiry-off-grid"))
        package = [package_leg(leg) for leg in legs]
        packed = sorted((leg.series(index, at), leg.ratio) for leg in package)
        found = QuoteRequest(
            (index, at),
            tuple(OrderLeg(*leg) for leg in packed),
            to_quantity(size),
            ("buy", "sell") if side == "both" else (side,),
            PremiumStyle.DEFERRED if deferred else PremiumStyle.UPFRONT,
            taker or self._account.address,
            vault_id,
        )
        try:
            inverse = self._account.chain.units(index).inverse
            orders.check(Order.from_json(_blank(found, found.sides[0])), inverse)
        except orders.OrderError as error:
            raise BadInput(f"That package has no valid form: {error}.") from None
        return found

    def ask(self, request: QuoteRequest, makers: Sequence[str] = ()) -> list[Answer]:
        """Asks maker servers, or looks through the QuoteBoard where none is named; the best of each side first.

        Args:
            request: What is asked for.
            makers: URLs of servers; one that is silent for 800 ms is left out, with a remark.
        """
        offers: list[tuple[str, str, SignedOrder]] = []
        others: list[Answer] = []
        if makers:
            for url, said in ask_all(makers, "/rfq", request.to_json()).items():
                for side, one in self._read(request, url, said):
                    if isinstance(one, Answer):
                        others.append(one)
                    else:
                        offers.append((url, side, one))
        else:
            offers = [("QuoteBoard", side, one) for side, one in self._posted(request)]
        return self._ranked(request, offers) + others

    def take(
        self, request: QuoteRequest, answer: Answer, deposit: Number = 0, model: str = "ES", tolerance: Number = 0
    ) -> int:
        """Takes an answer at the price shown, or a little worse: returns the vault it went into.

        It is simulated at the newest block before it is sent; what is refused then is not sent, and no other answer is
        taken in its place.

        Args:
            request: What was asked.
            answer: One of its answers.
            deposit: Tokens of a new vault.
            model: Margin model of a new vault.
            tolerance: How much worse than shown a package may be priced [quote].
        """
        if answer.signed is None or answer.price is None:
            raise BadInput(f"That answer cannot be taken: {answer.remark or 'it is not signed'}")
        worse = to_decimal(tolerance)
        if worse < 0:
            raise BadInput("A tolerance is not below 0.")
        limit = answer.price + worse if answer.side == "buy" else answer.price - worse
        size = Decimal(request.size).scaleb(-6)
        vault = request.vault_id or None
        return self._orders.fill(answer.signed, vault, size, deposit, model, limit_price=limit)

    def _read(self, request: QuoteRequest, url: str, said: Any) -> list[tuple[str, SignedOrder | Answer]]:
        """What a server answered, each as an order made of what was asked, or as an answer without one."""
        if isinstance(said, str):
            return [(side, Answer(url, side, remark=said)) for side in request.sides]
        found: list[tuple[str, SignedOrder | Answer]] = []
        answers = said.get("answers") if isinstance(said, Mapping) else None
        for one in answers[:4] if isinstance(answers, list) else []:
            side = one.get("side") if isinstance(one, Mapping) else None
            if side not in request.sides:
                continue
            try:
                if "signed" in one:
                    order = request.order(side, one["signed"]["order"])
                    signature = bytes.fromhex(str(one["signed"]["signature"]).removeprefix("0x"))
                    domain = self._account.domain
                    signed = SignedOrder(order, signature, domain.chain_id, domain.exchange)
                    found.append((side, self._checked(request, url, side, signed)))
                else:
                    price = to_decimal(str(one["price"]))
                    why = " ".join(str(one.get("unsigned", "not signed"))[:300].split())
                    found.append((side, Answer(url, side, price=price, remark=why)))
            except (ValueError, KeyError, TypeError, ArithmeticError, BadInput):
                found.append((side, Answer(url, side, remark="the answer cannot be read")))
        return found or [(side, Answer(url, side, remark="no answer to what was asked")) for side in request.sides]

    def _checked(self, request: QuoteRequest, url: str, side: str, signed: SignedOrder) -> SignedOrder | Answer:
        account = self._account
        if not is_signed(account.chain.rpc, signed.order, account.domain, signed.signature):
            return Answer(url, side, remark="the answer is to another question, or its signature is none")
        return signed

    def _posted(self, request: QuoteRequest) -> list[tuple[str, SignedOrder]]:
        """Orders of the QuoteBoard for exactly this package."""
        found: list[tuple[str, SignedOrder]] = []
        for signed in posted_orders(self._account.chain)[0]:
            order = signed.order
            side = "sell" if order.is_bid else "buy"
            fits = order.legs == request.legs and order.size >= request.size and order.premium_style == request.style
            mine = order.taker in (orders.ZERO_ADDRESS, request.taker)
            if fits and mine and side in request.sides and not order.patience:
                found.append((side, signed))
        return found

    def _ranked(self, request: QuoteRequest, offers: list[tuple[str, str, SignedOrder]]) -> list[Answer]:
        """Offers with what they cost now, those that can be filled first and the cheapest of them first."""
        if not offers:
            return []
        chain = self._account.chain
        (cell,) = read_cells(chain, [request.cell]).values()
        states = order_states(chain, [signed for _, _, signed in offers], request.taker, request.vault_id)
        fees = pricing.Fees.unpack(int(chain["Exchange"].call("trading", request.cell[0])))
        now = chain.rpc.timestamp()
        found = [
            self._answer(request, offer, state, cell, fees, now) for offer, state in zip(offers, states, strict=True)
        ]
        return sorted(found, key=lambda one: (one.side, one.signed is None, one.total))

    def _answer(
        self,
        request: QuoteRequest,
        offer: tuple[str, str, SignedOrder],
        state: Any,
        cell: CellView,
        fees: pricing.Fees,
        now: int,
    ) -> Answer:
        source, side, signed = offer
        order = signed.order
        terms = pricing.terms(order, request.size, cell.decimals, fees, cell.snapshot, units=cell.units)
        size, price = Decimal(request.size).scaleb(-6), from_wad(terms.price)
        fee = Decimal(terms.taker_fee).scaleb(-cell.decimals)
        mark = from_wad(pricing.mark(pricing.legs_of(order, 10**6), cell.snapshot, cell.units))
        status = STATUSES[state["status"]]
        fills = status == "open" and int(state["fillable"]) >= request.size
        remark = ""
        if not fills:
            reason = str(state["reason"])
            remark = reasons.sentence(reason) if reason else "it is not good for the whole size now"
        return Answer(
            source,
            side,
            price,
            fee,
            (price * size if side == "buy" else -price * size) + fee,
            mark,
            from_wad(order.iv) if order.iv else None,
            max(order.expiry - now, 0),
            signed if fills else None,
            remark,
        )


def _blank(request: QuoteRequest, side: str) -> dict[str, Any]:
    """The asker's part of an order, with nothing of the maker's."""
    blank = Order(
        maker_vault=1,
        signer=request.taker,
        legs=request.legs,
        is_bid=side == "sell",
        price=0,
        size=request.size,
        expiry=0,
        taker=request.taker,
        premium_style=request.style,
    )
    return blank.to_json()
