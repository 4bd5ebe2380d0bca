"""A maker vault in the Exchange's world, with one funded desk, its quoter and a depositor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boa
import eth_abi
from eth_account import Account

from bulkhead import orders
from bulkhead.chain.listing import feeds_argument
from bulkhead.chain.system import engines, maker_arguments
from bulkhead.orders import Order
from bulkhead.risk.words import Kind, Leg
from tests.contracts import deployer
from tests.worlds.exchange import EXPIRY, HOUR, MAX, STRIKE, WAD, World, key
from tests.worlds.system import EMPTY

QUOTER = Account.from_key(key(55))
EDGE = 50
#: Fields of an order that a quoter does not choose (IMakerVault.Quote).
FIXED = ("signer", "iv", "slip", "patience")
QUOTE = (
    "(uint256,address,(uint128,int64)[],bool,int256,uint256,uint256,uint8,uint256,uint256,uint256,uint256,uint256,"
    "uint256,uint256,uint256,uint8)"
)


@dataclass
class Desk:
    """A maker vault with one funded desk and a depositor."""

    world: World
    vault: Any
    owner: str
    lender: str
    desk: int

    def mark(self, kind: Kind = Kind.CALL, strike: int = STRIKE) -> int:
        leg = Leg(kind, 0 if kind == Kind.FUTURE else strike, 10**6).pack()
        engine = self.world.system.EsEngine  # type: ignore[attr-defined]
        return int(engine.value([leg], self.world.system.oracle.snapshot(1, EXPIRY)))

    def order(self, **changes: Any) -> Order:
        values = {
            "maker_vault": self.desk, "signer": self.vault.address, "max_fee": WAD, "max_deficit": 0,
            "price": self.mark() + 2000 * WAD * EDGE // 10**4,
        }  # fmt: skip
        return self.world.order(**{**values, **changes})

    def sign(self, order: Order, by: Any = QUOTER) -> bytes:
        fields = zip(orders.TYPES["Order"], order.to_tuple(), strict=True)
        quote = tuple(value for field, value in fields if field["name"] not in FIXED)
        return bytes(eth_abi.encode([QUOTE, "bytes"], [quote, orders.sign(order, self.world.domain, by.key)]))

    def says(self, order: Order, by: Any = QUOTER) -> bool:
        answer = bytes(self.vault.isValidSignature(self.world.hash(order), self.sign(order, by)))
        assert answer in (bytes.fromhex("1626ba7e"), bytes(4))
        return answer != bytes(4)


def new_vault(at: Mapping[str, str], owner: str, cap: int = 200_000 * 10**6, market: int = 1) -> Any:
    """A maker vault whose quoter may sign, over the contracts at these addresses."""
    with boa.env.prank(owner):
        vault = deployer("MakerVault").deploy(*maker_arguments(market, "ETH", at))
    vault.set_bounds((QUOTER.address, EDGE, 120, 20 * 10**6, cap, 0), sender=owner)
    return vault


def _with_desk(world: World, market: int) -> Desk:
    owner, lender = (str(boa.env.generate_address(name)) for name in ("owner", "lender"))
    vault = new_vault(world.system.at, owner, market=market)
    world.token.mint(lender, 10**12)
    world.token.approve(vault.address, MAX, sender=lender)
    vault.deposit(100_000 * 10**6, lender, sender=lender)
    number = vault.open_desk(0, sender=QUOTER.address)
    vault.fund(number, 60_000 * 10**6, sender=QUOTER.address)
    return Desk(world, vault, owner, lender, number)


def funded_desk(world: World) -> Desk:
    """100,000 deposited two hours ago, 60,000 of it in a desk."""
    desk = _with_desk(world, 1)
    world.system.wait(2 * HOUR, 2000)
    return desk


def two_feed_desk(world: World) -> tuple[Desk, list[Any]]:
    """The same in market 2, which has two feeds at 2,000; primary and fallback."""
    system = world.system
    feeds = [deployer("MockAggregator").deploy(8, "x") for _ in range(2)]
    for feed in feeds:
        feed.push(2000 * 10**8, system.now - 60)
        feed.push(2000 * 10**8, system.now)
    with boa.env.prank(system.owner):
        system.RiskParameters.list_market(  # type: ignore[attr-defined]
            2, system.market.token.address, (10_000, False, 0, 0), list(engines(system.at)),
            feeds_argument(2, (feeds[0].address, feeds[1].address, EMPTY), (3600, 3600)), *system.parameters.words,
        )  # fmt: skip
    return _with_desk(world, 2), feeds
