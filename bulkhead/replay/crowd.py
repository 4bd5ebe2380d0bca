"""Many vaults at once: a crowd of traders against one maker, opened by hundreds of transactions a block.

Every vault is opened through `Exchange.open_and_fill` like any other; only the sending is wholesale. Members differ in
what they hold, at which strike, and in how much more than the initial margin they put in.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal

from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.lens import read_cells
from bulkhead.chain.parameters import PARAMETERS
from bulkhead.client import MAX_UINT, PackageLeg, SignedOrder, from_wad, to_strike
from bulkhead.orders import PremiumStyle
from bulkhead.replay.cast import MAKER, MAKER_VOL
from bulkhead.replay.stage import Stage
from bulkhead.risk import exact, margin
from bulkhead.risk.words import Kind, Leg, RiskWord

#: Account that opens the crowd's vaults, and what one opening may cost.
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
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Member:
    """One vault of the crowd.

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
    """A crowd with every shape and cushions spread over a range."""
    chance = random.Random(seed)
    return [Member(i % len(SHAPES), Decimal(str(round(chance.uniform(least, most), 3)))) for i in range(count)]


class Crowd:
    """Opens members on a stage.

    Attributes:
        stage: The stage.
        expiry: Expiry of every member.
        size: Contracts of each member.
        opened: Members by vault id.
    """

    def __init__(self, stage: Stage, expiry: int, notional: int = 1_000) -> None:
        self.stage, self.expiry = stage, expiry
        self.cell = (stage.market.index, expiry)
        self.opened: dict[int, Member] = {}
        view = read_cells(stage.chain, [self.cell])[self.cell]
        self._view, self._risk = view, RiskWord.unpack(view.risk)
        lot = Decimal(view.lot).scaleb(-6)
        self.size = max((Decimal(notional) / from_wad(view.snapshot.spot) / lot).to_integral_value() * lot, lot)

    def open(self, crowd: Sequence[Member]) -> dict[int, Member]:
        """Opens every member; the maker's vault is deep enough for all.

        Raises:
            BulkheadError: Some vault was not opened.
        """
        stage = self.stage
        opener, maker = stage.people[OPENER], stage.people[MAKER]
        mint = stage.people["deployer"].signer
        mint.forget_nonce()  # the node signs for the feed with this account
        spot = from_wad(self._view.snapshot.spot)
        wealth = int(spot * self.size * len(crowd) * 10 + 10**6) * stage.unit
        for person in (opener, maker):
            mint.execute(stage.market.token, "mint", person.address, 2 * wealth)
            person.ensure_allowance(stage.market, stage.chain["Clearinghouse"], wealth)
        maker_vault = maker.vaults.open(stage.market.symbol, deposit=Decimal(wealth // stage.unit))
        templates = {i: self._template(i, maker_vault, len(crowd)) for i in sorted({m.shape for m in crowd})}
        first = int(stage.chain["Clearinghouse"].call("next_id"))
        self._send(list(self._openings(crowd, templates)))
        following = int(stage.chain["Clearinghouse"].call("next_id"))
        if following - first != len(crowd):
            raise BulkheadError(f"{following - first} of {len(crowd)} vaults were opened.")
        self.opened = {first + i: member for i, member in enumerate(crowd)}
        return self.opened

    def _template(self, shape: int, maker_vault: int, count: int) -> Template:
        kind, share, buys = SHAPES[shape]
        stage, spot = self.stage, from_wad(self._view.snapshot.spot)
        word = int(stage.chain["RiskParameters"].call("trading", self.cell[0]))
        tick = Decimal(PARAMETERS["tick"].read(word)).scaleb(-8)
        leg = PackageLeg(kind, (spot * Decimal(share) / tick).to_integral_value() * tick, 1)
        unit = Leg(kind, to_strike(leg.strike), 10**6)
        quoted = replace(self._view.snapshot, surface_near=MAKER_VOL, surface_far=0, surface_weight=0)
        price = from_wad(exact.assess([unit], quoted, self._risk).value)
        price = price.quantize(Decimal("0.000001"))
        sign = 1 if buys else -1
        size = int(self.size * 10**6)
        deferred = buys
        held = [Leg(kind, unit.strike, sign * size)]
        if deferred:
            held.append(Leg(Kind.CASH, 0, -sign * int(price * size)))
        found = margin.resolve(exact.assess(held, self._view.snapshot, self._risk), 0, self._risk, self._view.snapshot)
        signed = stage.people[MAKER].orders.sign(
            maker_vault, self.expiry, [leg], "sell" if buys else "buy", price, self.size * (count + 1),
            good_for=3_000, premium_style=PremiumStyle.DEFERRED if deferred else PremiumStyle.UPFRONT,
        )  # fmt: skip
        return Template(
            signed=signed,
            initial_margin=from_wad(found.initial_margin),
            equity=from_wad(found.equity),
            upfront=Decimal(0) if deferred else sign * price * self.size,
            fee=spot * self.size / 1000,
            locked=Decimal(self._risk.deposit).scaleb(-6),
        )

    def _openings(self, crowd: Sequence[Member], templates: dict[int, Template]) -> Iterator[bytes]:
        exchange = self.stage.chain["Exchange"]
        size = int(self.size * 10**6)
        for member in crowd:
            template = templates[member.shape]
            order = template.signed.order
            limit = 0 if order.is_bid else MAX_UINT // 2
            yield exchange.encode(
                "open_and_fill", order.to_tuple(), template.signed.signature, 0,
                int(template.deposit(member.cushion) * self.stage.unit), size, limit, MAX_UINT,
                (0, 0, 0, b"\0" * 32, b"\0" * 32),
            )  # fmt: skip

    def _send(self, payloads: Sequence[bytes]) -> None:
        rpc, opener = self.stage.anvil.rpc, self.stage.people[OPENER]
        to, sender = self.stage.chain["Exchange"].address, opener.address
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
                self.stage.anvil.mine()
        finally:
            rpc.call("evm_setAutomine", True)
            rpc.call("evm_setBlockGasLimit", limit)
            opener.signer.forget_nonce()
