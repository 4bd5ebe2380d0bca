"""A maker vault in the Exchange's world, with one funded desk, its quoter and a depositor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boa
import eth_abi
from eth_account import Account

from bulkhead import orders
from bulkhead.chain.system import maker_arguments
from bulkhead.orders import Order
from bulkhead.risk.words import Kind, Leg
from tests.contracts import deployer
from tests.worlds.exchange import EXPIRY, HOUR, MAX, STRIKE, WAD, World, key

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


def new_vault(at: Mapping[str, str], owner: str, cap: int = 200_000 * 10**6) -> Any:
    """A maker vault whose quoter may sign, over the contracts at these addresses."""
    with boa.env.prank(owner):
        vault = deployer("MakerVault").deploy(*maker_arguments(1, "ETH", at))
    vault.set_bounds((QUOTER.address, EDGE, 120, 20 * 10**6, cap, 0), sender=owner)
    return vault


def funded_desk(world: World) -> Desk:
    """100,000 deposited two hours ago, 60,000 of it in a desk."""
    owner, lender = (str(boa.env.generate_address(name)) for name in ("owner", "lender"))
    vault = new_vault(world.system.at, owner)
    world.token.mint(lender, 10**12)
    world.token.approve(vault.address, MAX, sender=lender)
    vault.deposit(100_000 * 10**6, lender, sender=lender)
    number = vault.open_desk(0, sender=QUOTER.address)
    vault.fund(number, 60_000 * 10**6, sender=QUOTER.address)
    world.system.wait(2 * HOUR, 2000)
    return Desk(world, vault, owner, lender, number)
