"""Many vaults at once: traders against one maker, opened by hundreds of transactions a block.

Every vault is opened through `Exchange.open_and_fill` like any other; only the sending is wholesale. Members differ in
what they hold, at which strike, and in how much more than the initial margin they put in.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from bulkhead.chain.errors import BulkheadError
from bulkhead.client import MAX_UINT, PackageLeg, SignedOrder, from_wad, to_strike
from bulkhead.orders import Asked, PremiumStyle
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.offers import CENT, MICRO, MarketTerms
from bulkhead.replay.participants import MAKER
from bulkhead.risk.words import Kind, Leg

#: Account that opens the vaults, and what one opening may cost.
OPENER = "Ada"
OPEN_GAS = 1_000_000
#: Openings in one block.
A_BLOCK = 400
#: What a member holds: (kind, strike as a share of spot, whether the member buys).
SHAPES: tuple[tuple[Kind, str, bool], ...] = (
    (Kind.PUT, "0.95", False),
    (Kind.PUT, "0.85", False),
    (Kind.PUT, "0.75", False),
    (Kind.CALL, "1.05", False),
    (Kind.CALL, "1.2", False),
    (Kind.FUTURE, "0", True),
    (Kind.CALL, "1", True),
    (Kind.PUT, "1.05", True),
)


@dataclass(frozen=True)
class Member:
    """One vault of many.

    Attributes:
        shape: Index into `SHAPES`.
        cushion: Equity right after the fill as a multiple of IM.
    """

    shape: int
    cushion: Decimal


@dataclass(frozen=True)
class Template:
    """What a shape costs at the present prices [quote]."""

    signed: SignedOrder
    initial_margin: Decimal
    equity: Decimal
    upfront: Decimal
    fee: Decimal
    locked: Decimal

    def deposit(self, cushion: Decimal) -> Decimal:
        """Tokens to put in for a cushion."""
        wanted = cushion * self.initial_margin - self.equity + self.upfront + self.locked
        least = self.locked * 2
        return (max(wanted, least) + self.fee).quantize(CENT, rounding=ROUND_UP)


def members(count: int, seed: int = 1, least: float = 1.12, most: float = 3.0) -> list[Member]:
    """Vaults with every shape and cushions spread over a range."""
    chance = random.Random(seed)
    return [Member(i % len(SHAPES), Decimal(str(round(chance.uniform(least, most), 3)))) for i in range(count)]


class ManyVaults:
    """Opens members on a local.

    Attributes:
        local: The local.
        expiry: Expiry of every member.
        size: Contracts of each member.
        opened: Members by vault id.
    """

    def __init__(self, local: LocalMarket, expiry: int, notional: int = 1_000) -> None:
        self.local, self.expiry = local, expiry
        self.cell = (local.market.index, expiry)
        self.opened: dict[int, Member] = {}
        self._terms = MarketTerms.read(local, self.cell)
        self.size = self._terms.size(notional)

    def open(self, planned: Sequence[Member]) -> dict[int, Member]:
        """Opens every member; the maker's vault is deep enough for all.

        Raises:
            BulkheadError: Some vault was not opened.
        """
        local = self.local
        opener, maker = local.people[OPENER], local.people[MAKER]
        mint = local.people["deployer"].signer
        mint.forget_nonce()  # the node signs for the feed with this account
        wealth = int(self._terms.spot * self.size * len(planned) * 10 + 10**6) * local.unit
        for person in (opener, maker):
            mint.execute(local.market.token, "mint", person.address, 2 * wealth)
            person.ensure_allowance(local.market, local.chain["Clearinghouse"], wealth)
        maker_vault = maker.vaults.open(local.market.symbol, deposit=Decimal(wealth // local.unit))
        templates = {i: self._template(i, maker_vault, len(planned)) for i in sorted({m.shape for m in planned})}
        first = int(local.chain["Clearinghouse"].call("next_id"))
        self._send(list(self._openings(planned, templates)))
        following = int(local.chain["Clearinghouse"].call("next_id"))
        if following - first != len(planned):
            raise BulkheadError(f"{following - first} of {len(planned)} vaults were opened.")
        self.opened = {first + i: member for i, member in enumerate(planned)}
        return self.opened

    def _template(self, shape: int, maker_vault: int, count: int) -> Template:
        kind, share, buys = SHAPES[shape]
        local, terms = self.local, self._terms
        leg = PackageLeg(kind, terms.strike(Decimal(share)), 1)
        unit = Leg(kind, to_strike(leg.strike), 10**6)
        price = terms.maker_value([unit]).quantize(MICRO)
        sign = 1 if buys else -1
        size = int(self.size * 10**6)
        deferred = buys
        held = [Leg(kind, unit.strike, sign * size)]
        if deferred:
            held.append(Leg(Kind.CASH, 0, -sign * int(price * size)))
        found = terms.standing(held)
        signed = local.people[MAKER].orders.sign(
            maker_vault, self.expiry, [leg], "sell" if buys else "buy", price, self.size * (count + 1),
            good_for=3_000, premium_style=PremiumStyle.DEFERRED if deferred else PremiumStyle.UPFRONT,
        )  # fmt: skip
        return Template(
            signed=signed,
            initial_margin=from_wad(found.initial_margin),
            equity=from_wad(found.equity),
            upfront=Decimal(0) if deferred else sign * price * self.size,
            fee=terms.spot * self.size / 1000,
            locked=terms.locked,
        )

    def _openings(self, planned: Sequence[Member], templates: dict[int, Template]) -> Iterator[bytes]:
        exchange = self.local.chain["Exchange"]
        size = int(self.size * 10**6)
        for member in planned:
            template = templates[member.shape]
            order = template.signed.order
            asked = Asked(0 if order.is_bid else MAX_UINT // 2, size=size)
            yield exchange.encode(
                "open_and_fill", asked.to_tuple(order, template.signed.signature), 0,
                int(template.deposit(member.cushion) * self.local.unit), (0, 0, 0, b"\0" * 32, b"\0" * 32),
            )  # fmt: skip

    def _send(self, payloads: Sequence[bytes]) -> None:
        rpc, opener = self.local.anvil.rpc, self.local.people[OPENER]
        to, sender = self.local.chain["Exchange"].address, opener.address
        limit = rpc.block()["gasLimit"]
        rpc.call("evm_setBlockGasLimit", hex(A_BLOCK * OPEN_GAS + 10**7))
        rpc.call("evm_setAutomine", False)
        nonce = int(rpc.call("eth_getTransactionCount", sender, "latest"), 16)
        try:
            for start in range(0, len(payloads), A_BLOCK):
                part = payloads[start : start + A_BLOCK]
                rpc.batch_strict(
                    [
                        (
                            "eth_sendTransaction",
                            ({"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(OPEN_GAS),
                              "nonce": hex(nonce + start + i)},),
                        )
                        for i, data in enumerate(part)
                    ]
                )  # fmt: skip
                self.local.anvil.mine()
        finally:
            rpc.call("evm_setAutomine", True)
            rpc.call("evm_setBlockGasLimit", limit)
            opener.signer.forget_nonce()
