"""What a transaction may cost: EIP-1559 fees, or a plain price, their steps up, and a cap by what it brings. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bulkhead.risk.scales import WAD

GWEI = 10**9
#: A replacement pays an eighth more on both fees: every node accepts that.
BUMP_UP = 9, 8
#: Where the cap leaves no room for what a node suggests, so much or more is tried all the same [wei]: suggestions go by
#: what others have paid, which in a crash is more than it takes.
USUAL_TIP = GWEI
#: The least tip that is tried where less was refused [wei].
LEAST_STEP = GWEI // 10
#: An empty transaction that outbids an unknown one starts at this multiple of the usual price, and grows by it.
OUTBID = 4
#: Gas limits carry this much headroom, so the expected use is the limit over it.
GAS_SHARE = 1.3


@dataclass(frozen=True)
class FeePolicy:
    """How much to pay for inclusion.

    Attributes:
        tip: Priority fee of a first send, as nodes suggest it, between the next two [wei].
        tip_floor: Least priority fee [wei].
        tip_cap: Most that a suggestion counts for [wei].
        share: Most of the expected gain to spend on gas [wad].
        duty_cap: Most per gas for what brings nothing, and the least cap of all [wei].
        top_cap: Most per gas for anything [wei].
        coin_price: Quote per native coin [wad]; 0 when unknown, then gains count as `duty_cap`.
        bump_blocks: Blocks after which an unmined transaction is looked at again.
        price: Price per gas as nodes suggest it where there are no base fees [wei]; None where there are.
    """

    tip: int = 0
    tip_floor: int = 0
    tip_cap: int = 100 * GWEI
    share: int = WAD // 2
    duty_cap: int = 50 * GWEI
    top_cap: int = 2_000 * GWEI
    coin_price: int = 0
    bump_blocks: int = 2
    price: int | None = None

    def suggested(self, tip: int) -> FeePolicy:
        """The same with the tip that a node suggests [wei], as far as floor and cap allow."""
        return replace(self, tip=max(min(tip, self.tip_cap), self.tip_floor))

    def refused(self, tip: int, wanted: int) -> FeePolicy:
        """The same after a node has refused a tip: it pays what that wants, if it says so, or the double [wei]."""
        floor = max(wanted, 2 * tip, LEAST_STEP)
        if self.price is None:
            floor = min(floor, self.tip_cap)
        return replace(self, tip=max(self.tip, floor), tip_floor=max(self.tip_floor, floor))

    def cap(self, worth: int, gas: int) -> int:
        """Most to pay per gas [wei] for something worth that much [wad quote] with that gas limit."""
        if not self.coin_price or not worth:
            return self.duty_cap
        expected = max(int(gas / GAS_SHARE), 21_000)
        coins = worth * self.share // self.coin_price  # wei: wad quote over quote per coin
        return min(max(coins // expected, self.duty_cap), self.top_cap)

    def least(self, base_fee: int) -> int:
        """What the next block takes at least per gas, as far as known [wei]."""
        return base_fee if self.price is None else max(self.price, self.tip_floor)

    def first(self, base_fee: int, cap: int) -> tuple[int, int] | None:
        """(max fee, tip) of a first send [wei]; None when the cap does not pay for the next block.

        A plain price is both.
        """
        if self.price is not None:
            price = self.least(base_fee)
            return None if price > cap else (price, price)
        tip = min(self.tip, cap - base_fee * 9 // 8)
        if tip < max(min(self.tip, USUAL_TIP), self.tip_floor):
            return None
        return min(2 * base_fee + tip, cap), tip

    def bumped(self, max_fee: int, tip: int, base_fee: int, cap: int) -> tuple[int, int] | None:
        """(max fee, tip) of a replacement [wei]; None when it would exceed the cap."""
        up, down = BUMP_UP
        wanted = 2 * base_fee + self.tip if self.price is None else self.least(base_fee)
        fee = max(-(-max_fee * up // down), min(wanted, cap))
        more = max(-(-tip * up // down), self.tip_floor)
        if fee > cap:
            return None
        return fee, fee if self.price is not None else min(more, fee)

    def outbidding(self, bid: int, cap: int) -> tuple[int, int]:
        """(max fee, tip) of an empty transaction that outbids one nobody knows, at the so manieth try [wei]."""
        usual = self.tip if self.price is None else self.price
        bound = min(max(usual, 1) * OUTBID**bid, cap)
        return (cap if self.price is None else bound), bound
