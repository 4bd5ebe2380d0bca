"""The whole system in process (titanoboa): every contract real, only feeds and token are the test doubles.

`System` deploys in the order of bulkhead/chain/system.py at the predicted addresses, lists one or more markets with
the default parameters, and gives tests the verbs of the protocol: fund, open, order, fill, push a price, flag, take,
settle.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import boa
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import to_checksum_address

from bulkhead import orders
from bulkhead.chain import system
from bulkhead.chain.listing import feeds_argument, shared_prices
from bulkhead.chain.parameters import ParameterSet
from bulkhead.risk.words import NODES, WEIGHTS, Leg, Model, Snapshot
from tests.contracts import deployer
from tests.worlds.legs import call as call
from tests.worlds.legs import cash as cash
from tests.worlds.legs import future as future
from tests.worlds.legs import put as put

WAD = 10**18
EMPTY = "0x" + "00" * 20
DAY = 86_400
#: A Thursday, 12:00 UTC, where every system starts.
START = 1_799_928_000 // DAY * DAY + 12 * 3600
NO_PERMIT = (0, 0, 0, b"\0" * 32, b"\0" * 32)


def weekly(weeks: int = 1, now: int = START) -> int:
    """The Friday 08:00 UTC `weeks` Fridays ahead."""
    day = now // DAY + 1
    while day % 7 != 1 or day * DAY + 8 * 3600 <= now:
        day += 1
    return (day + 7 * (weeks - 1)) * DAY + 8 * 3600


def owner_of(clearinghouse: Any, vault_id: int) -> str:
    """Owner of a vault by the ledger's word."""
    return to_checksum_address(f"{clearinghouse.vault_word(vault_id) & (2**160 - 1):#042x}")


@dataclass
class Market:
    """One listed market of the system."""

    index: int
    token: Any
    feed: Any
    decimals: int

    @property
    def unit(self) -> int:
        """Native units in one quote."""
        return 10**self.decimals


class System:
    """Every contract of a deployment and one market, ETH at 2,000 by default.

    Attributes:
        at: Contract addresses by name.
        market: The first market.
    """

    def __init__(
        self,
        decimals: int = 6,
        spot: float = 2000.0,
        token: Any = None,
        second_feed: bool = False,
        **parameters: int,
    ):
        boa.env.evm.patch.timestamp = START
        self.owner = boa.env.generate_address("owner")
        self.guardian = boa.env.generate_address("guardian")
        origin = boa.env.generate_address("deployer")
        self.at = system.predict(origin, 0)
        config = system.SystemConfig(self.owner, self.guardian, NODES, WEIGHTS)
        for name, contract in system.CONTRACTS:
            arguments = system.constructor_arguments(name, self.at, config)
            with boa.env.prank(origin):
                made = deployer(contract).deploy(*arguments)
            assert made.address == self.at[name]
            setattr(self, name, made)
        self.clearinghouse = self.Clearinghouse  # type: ignore[attr-defined]
        self.oracle = self.OracleAdapter  # type: ignore[attr-defined]
        self.expiries = self.ExpiryPrices  # type: ignore[attr-defined]
        self.exchange = self.Exchange  # type: ignore[attr-defined]
        self.liquidator = self.Liquidator  # type: ignore[attr-defined]
        self.settlement = self.Settlement  # type: ignore[attr-defined]
        self.insurance = self.InsuranceFund  # type: ignore[attr-defined]
        self.lens = self.Lens  # type: ignore[attr-defined]
        self.token_nft = self.VaultToken  # type: ignore[attr-defined]
        self.parameters = ParameterSet.default(**parameters)
        self.domain = orders.Domain(boa.env.evm.patch.chain_id, self.at["Exchange"])
        self.markets: list[Market] = []
        self.fallback = self.feed(spot) if second_feed else None
        self.market = self.list_market(1, decimals, spot, token, self.fallback)

    def feed(self, spot: float) -> Any:
        """An aggregator with the history that a listing asks for."""
        feed = deployer("MockAggregator").deploy(8, "TEST / USD")
        feed.push(round(spot * 10**8), self.now - 60)
        feed.push(round(spot * 10**8), self.now)
        return feed

    def list_market(
        self,
        index: int,
        decimals: int = 6,
        spot: float = 2000.0,
        token: Any = None,
        fallback: Any = None,
        digits: int | None = None,
        price_market: Market | None = None,
    ) -> Market:
        """Lists a market with a fresh feed, and another as fallback when it is given.

        With `digits` it is an inverse one: its token is the underlying, its unit 10^-digits of a coin. With a price
        market it has that one's prices, and no feed of its own.
        """
        inverse = digits is not None
        name = ("Coin", "COIN") if inverse else ("Dollar", "USD")
        quote = token or deployer("MockERC20").deploy(*name, decimals)
        feed = self.feed(spot) if price_market is None else price_market.feed
        risk, trading, liquidation, oracle = self.parameters.words
        feeds = feeds_argument(
            index, (feed.address, fallback.address if fallback else EMPTY, EMPTY), (3600, 3600 if fallback else 0)
        )
        if price_market is not None:
            feeds, oracle = shared_prices(price_market.index), 0
        with boa.env.prank(self.owner):
            self.RiskParameters.list_market(  # type: ignore[attr-defined]
                index,
                quote.address,
                (10_000, inverse, decimals if inverse else 0, digits or 0),
                list(system.engines(self.at, inverse)),
                feeds,
                risk,
                trading,
                liquidation,
                oracle,
            )
        market = Market(index, quote, feed, decimals)
        self.markets.append(market)
        return market

    def pool(self, market: Market | None = None) -> Any:
        """Backstop pool of a market, made and registered at the first call."""
        where = market or self.market
        registered = str(self.RiskParameters.backstop(where.index))  # type: ignore[attr-defined]
        if int(registered, 16):
            return deployer("BackstopPool").at(registered)
        made = deployer("BackstopPool").deploy(*system.backstop_arguments(where.index, "TST", self.at))
        with boa.env.prank(self.owner):
            self.RiskParameters.set_backstop(where.index, made.address)  # type: ignore[attr-defined]
        return made

    # --- time and price -------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Block time [unix seconds]."""
        return int(boa.env.evm.patch.timestamp)

    def wait(self, seconds: int, spot: float | None = None) -> None:
        """Lets time pass and, with a price, ends with a new round at it."""
        boa.env.evm.patch.timestamp += seconds
        boa.env.evm.patch.block_number += max(1, seconds // 12)
        if spot is not None:
            self.push(spot)

    def push(self, spot: float, market: Market | None = None) -> None:
        """A new feed round now."""
        (market or self.market).feed.push(round(spot * 10**8), self.now)

    def snapshot(self, expiry: int, market: Market | None = None) -> Snapshot:
        """Prices of a cell, as the oracle tells them."""
        words = self.oracle.snapshot((market or self.market).index, expiry)
        return Snapshot.from_words(list(words))

    # --- money and vaults -----------------------------------------------------------------------------------------

    def native(self, quote: float, market: Market | None = None) -> int:
        """Quote units in native ones."""
        return round(quote * 10**6) * (market or self.market).unit // 10**6

    def fund(self, account: str, quote: float, market: Market | None = None) -> None:
        """Mints and approves."""
        token = (market or self.market).token
        token.mint(account, self.native(quote, market))
        with boa.env.prank(account):
            token.approve(self.at["Clearinghouse"], 2**256 - 1)

    def open(self, owner: str, quote: float = 0, market: Market | None = None, model: Model = Model.ES) -> int:
        """A vault of `owner` with `quote` in it."""
        where = market or self.market
        with boa.env.prank(owner):
            vault_id = int(self.clearinghouse.open(where.index, int(model), owner, 0))
        if quote:
            self.deposit(vault_id, quote, owner, where)
        return vault_id

    def deposit(self, vault_id: int, quote: float, payer: str, market: Market | None = None) -> None:
        """Fresh money into a vault."""
        self.fund(payer, quote, market)
        with boa.env.prank(payer):
            self.clearinghouse.deposit(vault_id, self.owner_of(vault_id), self.native(quote, market))

    def account(self) -> LocalAccount:
        """A key that can sign orders."""
        return Account.from_key(secrets.token_bytes(32))

    def novate(
        self,
        from_id: int,
        to_id: int,
        legs: Sequence[int],
        expiry: int,
        quote: float = 0.0,
        fees: Sequence[int] = (0, 0),
        market: Market | None = None,
    ) -> Any:
        """A trade as the Exchange would settle it: `to_id` gets the legs as signed and pays `quote`."""
        market = market or self.markets[0]
        with boa.env.prank(self.at["Exchange"]):
            return self.clearinghouse.novate(
                (from_id, to_id, expiry, list(legs), -self.native(quote, market), list(fees), self.at["Exchange"]),
                self.oracle.observe(market.index, expiry),
            )

    def owner_of(self, vault_id: int) -> str:
        """Owner of a vault."""
        return owner_of(self.clearinghouse, vault_id)

    def words(self, vault_id: int) -> list[int]:
        """`Clearinghouse.load` words."""
        return list(self.clearinghouse.load(vault_id)[0])

    def legs(self, vault_id: int) -> list[Leg]:
        """Legs of a vault."""
        return [Leg.unpack(w) for w in self.clearinghouse.load(vault_id)[1]]

    def balance(self, vault_id: int) -> int:
        """Tokens at a vault's address [native]."""
        return self.words(vault_id)[6]

    def state(self, vault_id: int) -> Any:
        """Lens state of one vault."""
        return self.lens.vaults([vault_id])[0]


def with_markets(first: tuple[int, int | None], *rest: tuple[int, int | None]) -> System:
    """A system of several markets: (decimals, digits of a coin's unit, None where it counts quote) of each.

    The first one counts quote.
    """
    made = System(first[0])
    for index, (decimals, digits) in enumerate(rest, start=2):
        made.list_market(index, decimals, digits=digits)
    return made
