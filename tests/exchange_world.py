"""The Exchange against stand-ins whose answers a test sets, so that each refusal can be reached alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import boa
from eth_account import Account
from eth_account.signers.local import LocalAccount

from bulkhead import orders
from bulkhead.orders import Domain, Kind, Order, Series

WAD = 10**18
MAX = 2**256 - 1
SPOT = 2000 * WAD
DAY = 86400
#: Wednesday, 2026-01-07, 12:00 UTC
NOW = 1767787200
#: Friday, 2026-01-09, 08:00 UTC
EXPIRY = 1767945600
MARKET = 1
STRIKE = 2000 * 10**8
TICK = 50 * 10**8
#: taker 3 bp, maker 1 bp, cap 12.5 %, tick, 30 minutes, open-interest cap of 1,000 contracts, not paused
TRADING = 3 | 1 << 16 | 1250 << 32 | TICK << 48 | 1800 << 104 | 1000 * 10**6 << 128

STAND_IN = """
# pragma version 0.4.3
from ethereum.ercs import IERC20

struct Call:
    from_id: uint256
    to_id: uint256
    expiry: uint256
    cash: int256
    fees: uint256[2]
    receiver: address

words: public(HashMap[uint256, uint256])
terms: public(HashMap[uint256, uint256])
balances: public(HashMap[uint256, uint256])
held: HashMap[uint256, DynArray[uint256, 16]]
token: public(uint256)
raised: public(uint256)
open_interest: public(uint256)
prices: public(uint256[16])
mark: public(int256)
last: public(Call)
legs: DynArray[uint256, 16]
owner: public(address)
next_id: public(uint256)
deposited: public(uint256)
seen_vol: public(uint256)

@deploy
def __init__():
    self.owner = msg.sender
    self.next_id = 100

@external
def set_vault(vault_id: uint256, word: uint256, terms: uint256, balance: uint256, legs: DynArray[uint256, 16]):
    self.words[vault_id] = word
    self.terms[vault_id] = terms
    self.balances[vault_id] = balance
    self.held[vault_id] = legs

@external
def set_token(word: uint256):
    self.token = word

@external
def set_outcome(raised: uint256, open_interest: uint256):
    self.raised = raised
    self.open_interest = open_interest

@external
def set_prices(prices: uint256[16], mark: int256):
    self.prices = prices
    self.mark = mark

@external
@view
def vault_word(vault_id: uint256) -> uint256:
    return self.words[vault_id]

@external
@view
def market(market: uint256) -> (uint256, uint256, uint256):
    return self.token, 0, self.open_interest

@external
@view
def load(vault_id: uint256) -> (uint256[9], DynArray[uint256, 16]):
    words: uint256[9] = empty(uint256[9])
    words[0] = self.words[vault_id]
    words[1] = self.terms[vault_id]
    words[2] = self.token
    words[4] = convert(self, uint256)
    words[6] = self.balances[vault_id]
    return words, self.held[vault_id]

@external
@view
def value(legs: DynArray[uint256, 16], prices: uint256[16]) -> int256:
    # with a flat vol of its own the mark is that vol in quote, so that a test sees which vol priced the package
    if prices[13] != self.prices[13]:
        return convert(prices[13], int256)
    return self.mark

@external
@view
def snapshot(market: uint256, expiry: uint256) -> uint256[16]:
    return self.prices

@external
def observe(market: uint256, expiry: uint256) -> uint256[16]:
    return self.prices

@external
def novate(
    from_id: uint256, to_id: uint256, expiry: uint256, legs: DynArray[uint256, 16], cash: int256,
    fees: uint256[2], fee_receiver: address, snapshot: uint256[16],
) -> (uint256, uint256):
    self.last = Call(from_id=from_id, to_id=to_id, expiry=expiry, cash=cash, fees=fees, receiver=fee_receiver)
    self.legs = legs
    assert snapshot[0] == self.prices[0]
    return self.raised, self.open_interest

@external
@view
def last_legs() -> DynArray[uint256, 16]:
    return self.legs

@external
def open(market: uint256, model: uint256, owner: address) -> uint256:
    vault_id: uint256 = self.next_id
    self.next_id += 1
    self.words[vault_id] = convert(owner, uint256) | (market << 160) | (model << 184)
    return vault_id

@external
def deposit_from(payer: address, vault_id: uint256, amount: uint256):
    token: address = convert(self.token & (2**160 - 1), address)
    extcall IERC20(token).transferFrom(payer, self, amount)
    self.deposited = amount
"""


def word(owner: str, market: int = MARKET, epoch: int = 0) -> int:
    """A vault word with the fields the Exchange looks at."""
    return int(owner, 16) | market << 160 | epoch << 192


def leg_word(kind: int, strike: int, quantity: int) -> int:
    """A leg word (contracts/modules/leg.vy)."""
    return kind << 126 | strike << 64 | quantity & (2**64 - 1)


@dataclass
class World:
    """The Exchange and everything a test turns."""

    exchange: Any
    stand: Any
    token: Any
    maker: LocalAccount
    taker: str
    domain: Domain
    maker_vault: int = 1
    taker_vault: int = 2

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
            "expiry": NOW + 60,
        }
        return Order(**{**values, **changes})

    def sign(self, order: Order) -> bytes:
        return orders.sign(order, self.domain, self.maker.key)

    def hash(self, order: Order) -> bytes:
        return orders.order_hash(order, self.domain)

    def fill(
        self,
        order: Order,
        size: int = 10**6,
        *,
        signature: bytes | None = None,
        limit: int | None = None,
        max_fee: int = MAX,
        vault: int | None = None,
        sender: str | None = None,
    ) -> bytes:
        if limit is None:
            limit = -(2**255) if order.is_bid else 2**255 - 1
        return self.exchange.fill(
            order.to_tuple(),
            self.sign(order) if signature is None else signature,
            self.taker_vault if vault is None else vault,
            size,
            limit,
            max_fee,
            sender=self.taker if sender is None else sender,
        )

    def prices(self, *, spot: int = SPOT, status: int = 3, mark: int = 100 * WAD, vol: int = 6 * 10**17) -> None:
        words = [0] * 16
        words[0], words[1], words[2], words[10], words[13] = spot, spot, EXPIRY - NOW, status, vol
        self.stand.set_prices(words, mark)

    def state(self, order: Order, signature: bytes | None = None) -> Any:
        return self.states([order], [self.sign(order) if signature is None else signature])[0]

    def states(self, many: list[Order], signatures: list[bytes]) -> Any:
        return self.exchange.order_states([order.to_tuple() for order in many], signatures)

    def refused(self, order: Order, reason: str, size: int = 10**6, **how: Any) -> None:
        """A fill reverts with the reason."""
        with boa.reverts(reason):
            self.fill(order, size, **how)

    def refused_and_told(self, order: Order, reason: str, size: int = 10**6, **how: Any) -> None:
        """A fill reverts with the reason, and `order_states` says the same without a transaction."""
        self.refused(order, reason, size, **how)
        assert self.state(order, how.get("signature")).reason == reason


@cache
def deployer(name: str) -> Any:
    """A compiled contract; compiling it for each test would take most of their time."""
    return boa.loads_partial(STAND_IN) if name == "stand-in" else boa.load_partial(f"contracts/{name}.vy")


def make_world(decimals: int = 6) -> World:
    """A fresh world; tests with other token decimals make their own."""
    maker = Account.from_key(keccak_key(1))
    taker = boa.env.generate_address("taker")
    stand = deployer("stand-in").deploy()
    token = deployer("testing/MockERC20").deploy("Dollar", "USD", decimals)
    exchange = deployer("Exchange").deploy(stand.address, stand.address, stand.address)
    exchange.configure(MARKET, TRADING, sender=stand.address)
    world = World(exchange, stand, token, maker, taker, Domain(boa.env.evm.patch.chain_id, exchange.address))
    stand.set_token(int(token.address, 16) | decimals << 160 | 1 << 168 | 10_000 << 176)
    stand.set_vault(1, word(maker.address), 0, 10**12, [])
    stand.set_vault(2, word(taker), 0, 10**12, [])
    world.prices()
    return world


def keccak_key(number: int) -> str:
    """A private key for tests."""
    return "0x" + number.to_bytes(32, "big").hex()
