"""The Exchange in the whole system, with a maker, a taker and the verbs its tests need.

Only feed and token are test doubles. Spot is 2,000; both vaults are rich, so that margin refuses nothing by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boa
from eth_account import Account
from eth_account.signers.local import LocalAccount

from bulkhead import orders
from bulkhead.orders import ZERO_ADDRESS, Order
from bulkhead.risk.words import Kind, Series
from tests.worlds.system import System, weekly

WAD = 10**18
MAX = 2**256 - 1
SPOT = 2000 * WAD
HOUR = 3600
DAY = 86400
MARKET = 1
STRIKE = 2000 * 10**8
TICK = 50 * 10**8
#: What each side starts with [quote].
RICH = 10**7
EXPIRY = weekly()
#: Parameters that differ from the defaults: a maker fee, a coarse tick, an open-interest cap of 1,000 contracts.
PARAMETERS = {"maker_fee_bps": 1, "tick": TICK, "oi_cap": 1000 * 10**6}
NO_PERMIT = (0, 0, 0, bytes(32), bytes(32))


def leg_word(kind: int, strike: int, quantity: int) -> int:
    """A leg word (contracts/vaults/leg.vy)."""
    return kind << 126 | strike << 64 | quantity & (2**64 - 1)


def key(number: int) -> str:
    """A private key for tests."""
    return "0x" + number.to_bytes(32, "big").hex()


@dataclass
class World:
    """The system, a maker and a taker with one vault each, and everything a test turns."""

    system: System
    maker: LocalAccount = field(init=False)
    taker: str = field(init=False)
    maker_vault: int = field(init=False)
    taker_vault: int = field(init=False)

    def __post_init__(self) -> None:
        self.exchange = self.system.exchange
        self.clearinghouse = self.system.clearinghouse
        self.order_lens: Any = self.system.OrderLens  # type: ignore[attr-defined]
        self.operators: Any = self.system.Operators  # type: ignore[attr-defined]
        self.limits: Any = self.system.TradeLimits  # type: ignore[attr-defined]
        self.token = self.system.market.token
        self.domain = self.system.domain
        self.maker = Account.from_key(key(1))
        self.taker = str(boa.env.generate_address("taker"))
        self.maker_vault = self.system.open(self.maker.address, RICH)
        self.taker_vault = self.system.open(self.taker, RICH)

    @property
    def now(self) -> int:
        return self.system.now

    def series(self, kind: Kind = Kind.CALL, strike: int = STRIKE, expiry: int = EXPIRY, market: int = MARKET) -> int:
        return Series(market, kind, expiry, strike if kind < Kind.FUTURE else 0).pack()

    def order(self, **changes: Any) -> Order:
        values: dict[str, Any] = {
            "maker_vault": self.maker_vault,
            "signer": self.maker.address,
            "legs": (orders.OrderLeg(self.series(), 1),),
            "is_bid": False,
            "price": 100 * WAD,
            "size": 10 * 10**6,
            "expiry": self.now + 60,
            "max_deficit": MAX,
        }
        return Order(**{**values, **changes})

    def sign(self, order: Order) -> bytes:
        return orders.sign(order, self.domain, self.maker.key)

    def hash(self, order: Order) -> bytes:
        return orders.order_hash(order, self.domain)

    def fill(self, order: Order, size: int = 10**6, *, sender: str | None = None, **asked: Any) -> bytes:
        return bytes(
            self.exchange.fill(self.asked(order, size, **asked), sender=self.taker if sender is None else sender)
        )

    def asked(
        self,
        order: Order,
        size: int = 10**6,
        *,
        signature: bytes | None = None,
        limit: int | None = None,
        max_fee: int = MAX,
        vault: int | None = None,
        max_deficit: int = MAX,
        round_id: int = 0,
    ) -> tuple[Any, ...]:
        """What `fill`, `open_and_fill` and `fill_many` take."""
        if limit is None:
            limit = -(2**255) if order.is_bid else 2**255 - 1
        taker_vault = self.taker_vault if vault is None else vault
        asked = orders.Asked(limit, taker_vault, size, max_fee, max_deficit, round_id)
        return asked.to_tuple(order, self.sign(order) if signature is None else signature)

    def log(self, name: str) -> Any:
        """The one event of a name that the last call of the Exchange left."""
        [event] = [log for log in self.exchange.get_logs() if type(log).__name__ == name]
        return event

    def novation(self) -> tuple[int, int, int, list[int], list[int]]:
        """(from, to, cash, fees, legs) of the last fill."""
        event = self.log("Novated")
        assert event.fee_receiver == self.exchange.address
        return event.from_id, event.to_id, event.cash, list(event.fees), list(event.legs)

    def state(self, order: Order, signature: bytes | None = None) -> Any:
        return self.states([order], [self.sign(order) if signature is None else signature])[0]

    def states(self, many: list[Order], signatures: list[bytes], taker: str = ZERO_ADDRESS, vault: int = 0) -> Any:
        return self.order_lens.order_states([order.to_tuple() for order in many], signatures, taker, vault)

    def refused(self, order: Order, reason: str, size: int = 10**6, **how: Any) -> None:
        """A fill reverts with the reason."""
        with boa.reverts(reason):
            self.fill(order, size, **how)

    def refused_and_told(self, order: Order, reason: str, size: int = 10**6, **how: Any) -> None:
        """A fill reverts with the reason, and `order_states` says the same without a transaction."""
        self.refused(order, reason, size, **how)
        assert self.state(order, how.get("signature")).reason == reason

    def holdings(self, ids: list[int]) -> dict[int, tuple[int, tuple[int, ...]]]:
        """Tokens and legs of vaults."""
        return {i: (self.system.balance(i), tuple(self.clearinghouse.load(i)[1])) for i in ids}

    def give_vault(self, vault_id: int, sender: str, receiver: str) -> None:
        """Transfers the ERC-721."""
        self.system.token_nft.transferFrom(sender, receiver, vault_id, sender=sender)

    def set_parameter(self, name: str, number: int) -> None:
        """Changes one parameter of the market."""
        self.system.RiskParameters.set_parameter(  # type: ignore[attr-defined]
            MARKET, name, number, sender=self.system.owner
        )

    def stale(self) -> None:
        """Lets the feed go silent for longer than its heartbeat allows."""
        self.system.wait(4000)
