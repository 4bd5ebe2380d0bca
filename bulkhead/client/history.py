"""What a vault has paid for what it holds, and what it has made, out of its own events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bulkhead.chain.connection import Connection, Market
from bulkhead.chain.contract import Log, decode_logs
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.lens import read_cells
from bulkhead.chain.messages import Call
from bulkhead.chain.rpc import to_hex
from bulkhead.chain.words import QUANTITY, legs_of
from bulkhead.client.amounts import from_wad
from bulkhead.risk.marks import mark
from bulkhead.risk.words import Kind, Leg

#: A series within a vault's cell: kind and strike.
Key = tuple[Kind, int]
#: Why the profit of a vault cannot be told from its events alone.
REGROUPED = "legs came from, or went to, another vault of the same owner at no price"
SOLD = "the vault has changed hands"


@dataclass
class Holding:
    """Contracts of one series, at their average cost.

    Attributes:
        quantity: Contracts, signed [1e-6].
        price: What one cost on average [quote], None when it is not known.
    """

    quantity: int = 0
    price: Decimal | None = Decimal(0)

    def trade(self, quantity: int, price: Decimal | None) -> None:
        """Adds contracts at a price; what reduces a position leaves its average cost."""
        after = self.quantity + quantity
        if self.quantity * quantity >= 0:
            known = None if price is None or self.price is None else price
            if known is not None and self.price is not None and after:
                known = (self.price * abs(self.quantity) + known * abs(quantity)) / abs(after)
            self.price = known
        elif after * self.quantity < 0:
            self.price = price
        self.quantity = after
        if not after:
            self.price = Decimal(0)


@dataclass
class History:
    """The past of one vault.

    Attributes:
        paid_in: Tokens that came in otherwise than by trading [quote].
        taken_out: Tokens that were withdrawn [quote].
        holdings: Average cost of what it holds, by series.
        unknown: Why its profit cannot be told, empty when it can.
    """

    paid_in: Decimal = Decimal(0)
    taken_out: Decimal = Decimal(0)
    holdings: dict[Key, Holding] = field(default_factory=dict)
    unknown: str = ""

    def entry(self, leg: Leg) -> Decimal | None:
        """Average price of a leg that the vault holds [quote]; None when it is not known, or for cash."""
        found = self.holdings.get((leg.kind, leg.strike))
        return None if found is None or found.quantity != leg.quantity else found.price

    def profit(self, worth: Decimal) -> Decimal | None:
        """What the vault has made, if it is worth so much now [quote]."""
        return None if self.unknown else worth + self.taken_out - self.paid_in


def _wanted(chain: Connection, vault_id: int, last: int) -> list[Call]:
    """Reads of every event about a vault."""
    topic = "0x" + vault_id.to_bytes(32, "big").hex()

    def logs(contract: str, event: str | None, place: int) -> Call:
        found = None if event is None else "0x" + chain[contract].abi.event(event).topic.hex()
        topics = [found, *[None] * (place - 1), topic]
        query = {
            "address": [chain[contract].address],  # a list: a middleware of web3 knows no other form
            "fromBlock": to_hex(chain.deployment.block),
            "toBlock": to_hex(last),
            "topics": topics,
        }
        return "eth_getLogs", (query,)

    return [
        logs("Clearinghouse", None, 1),
        logs("Clearinghouse", "Novated", 2),
        logs("Exchange", "OrderFilled", 2),
        logs("Exchange", "OrderFilled", 3),
        logs("Liquidator", "VaultTaken", 1),
        logs("Liquidator", "VaultTaken", 2),
        logs("Settlement", None, 1),
    ]


def events_of(chain: Connection, vault_id: int) -> list[Log]:
    """Every event about a vault, in chain order; only these are read.

    Raises:
        BulkheadError: The node does not have them.
    """
    replies = chain.rpc.batch_strict(_wanted(chain, vault_id, chain.rpc.block_number()))
    found = {(log["blockHash"], log["logIndex"]): log for reply in replies for log in reply}
    return [log for log in decode_logs(found.values(), chain.speakers) if _about(log, vault_id)]


def _about(log: Log, vault_id: int) -> bool:
    # a market's index may equal the id of a vault
    return any(log.values.get(name) == vault_id for name in IDS)


#: Values of logs that name a vault.
IDS = ("vault_id", "from_id", "to_id", "into_id", "maker_vault", "taker_vault")


def read_history(chain: Connection, market: Market, vault_id: int) -> History:
    """The past of a vault.

    Raises:
        BulkheadError: The node does not have its events.
    """
    logs = events_of(chain, vault_id)
    return _Reader(chain, market, vault_id).read(logs)


class _Reader:
    """Follows one vault through its events."""

    def __init__(self, chain: Connection, market: Market, vault_id: int) -> None:
        self._chain, self._market, self._vault = chain, market, vault_id
        self._history = History()

    def read(self, logs: Sequence[Log]) -> History:
        """The history that events make."""
        moved: Log | None = None
        for log in logs:
            if log.event in ("OrderFilled", "VaultTaken"):
                # the Exchange and the Liquidator speak after the Clearinghouse has moved the legs
                if moved is not None:
                    self._traded(moved)
                moved = None
            elif log.event == "Novated":
                self._regrouped(moved)
                moved = log
            else:
                self._other(log)
        self._regrouped(moved)
        self._history.holdings = {key: held for key, held in self._history.holdings.items() if held.quantity}
        return self._history

    def _quote(self, native: int) -> Decimal:
        return Decimal(native).scaleb(-self._market.decimals)

    def _other(self, log: Log) -> None:
        history = self._history
        if log.event == "Deposited":
            history.paid_in += self._quote(log.values.amount)
        elif log.event == "Withdrawn":
            history.taken_out += self._quote(log.values.amount)
        elif log.event == "VaultTransferred":
            history.unknown = history.unknown or SOLD
        elif log.event == "VaultSettled":
            history.holdings.clear()

    def _moves(self, log: Log) -> tuple[list[Leg], Decimal]:
        """Legs and tokens that the vault received."""
        sign = 1 if log.values.to_id == self._vault else -1
        legs = [Leg(leg.kind, leg.strike, sign * leg.quantity) for leg in legs_of(log.values.legs)]
        cash = sign * self._quote(log.values.cash)
        # a premium that is deferred is a money leg
        inverse = self._market.inverse
        cash += sum((Decimal(leg.quantity) / QUANTITY for leg in legs if leg.is_money(inverse)), Decimal(0))
        return [leg for leg in legs if not leg.is_money(inverse)], cash

    def _traded(self, log: Log) -> None:
        legs, cash = self._moves(log)
        for leg, price in zip(legs, self._prices(legs, -cash, log), strict=True):
            self._hold(leg).trade(leg.quantity, price)

    def _regrouped(self, log: Log | None) -> None:
        if log is None:
            return
        self._history.unknown = REGROUPED
        for leg in self._moves(log)[0]:
            self._hold(leg).trade(leg.quantity, None)

    def _hold(self, leg: Leg) -> Holding:
        return self._history.holdings.setdefault((leg.kind, leg.strike), Holding())

    def _prices(self, legs: Sequence[Leg], paid: Decimal, log: Log) -> Iterable[Decimal | None]:
        """Price of each leg of a trade for which the vault paid so much.

        A package has one price: its legs cost their marks of that moment, and the rest by contracts. Where the node no
        longer knows that moment they are unknown.
        """
        if len(legs) == 1:
            return [paid * QUANTITY / legs[0].quantity]
        try:
            marks = self._marks(legs, log.block)
        except (BulkheadError, ValueError):
            return [None] * len(legs)
        # CASH of a market in coins is so many contracts as it is worth coins
        weights = [
            Decimal(1) if leg.kind.has_lot(self._market.inverse) else one for leg, one in zip(legs, marks, strict=True)
        ]
        total = sum((abs(leg.quantity) * weight for leg, weight in zip(legs, weights, strict=True)), Decimal(0))
        rest = paid - sum((one * leg.quantity / QUANTITY for leg, one in zip(legs, marks, strict=True)), Decimal(0))
        share = rest * QUANTITY / total if total else Decimal(0)
        return [
            one + weight * (share if leg.quantity > 0 else -share)
            for leg, one, weight in zip(legs, marks, weights, strict=True)
        ]

    def _marks(self, legs: Sequence[Leg], block: int) -> list[Decimal]:
        cell = self._chain["Lens"].call("vaults", [self._vault], block=block)[0]
        view = read_cells(self._chain, [(self._market.index, cell["expiry"])], block)
        (found,) = view.values()
        return [
            from_wad(mark([Leg(leg.kind, leg.strike, QUANTITY)], found.snapshot, self._market.inverse)) for leg in legs
        ]
