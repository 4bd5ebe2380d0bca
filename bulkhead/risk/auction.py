"""The Dutch take-over in exact integers: what `contracts/liquidation/auction.vy` computes, unit for unit.

Amounts are wad unless a name ends in `_native`; `+` is good for the vault. Formulas: docs/liquidation.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bulkhead.risk.scales import BPS, WAD
from bulkhead.risk.words import QUANTITY_MASK, Kind

MINIMUM_T1 = 60


@dataclass(frozen=True)
class LiquidationTerms:
    """Liquidation parameters of one market.

    Attributes:
        bonus_start: Bonus share at the flag [wad].
        bonus_middle: Bonus share at t1 [wad].
        t1_seconds: When the bonus reaches its middle, far from expiry.
        t2_seconds: When it reaches 1, far from expiry.
        vault_cap: Most insurance pays for a vault, as a share of A at its flag [wad].
        cell_cap: Most it pays for a cell, as a share of the fund [wad].
        day_cap: Most it pays in a day, as a share of the fund [wad].
        top_up: Largest share of A that insurance tops a thin vault up to [wad].
        backstop_from: Bonus share from which the backstop takes [wad].
        minimum: Least f*A that the backstop takes [quote].
    """

    bonus_start: int
    bonus_middle: int
    t1_seconds: int
    t2_seconds: int
    vault_cap: int
    cell_cap: int
    day_cap: int
    top_up: int
    backstop_from: int
    minimum: int

    @classmethod
    def unpack(cls, word: int) -> LiquidationTerms:
        """Terms from the packed liquidation word (contracts/governance/risk_word.vy)."""
        field = [(word >> (16 * i)) & 65535 for i in range(10)]
        return cls(
            bonus_start=field[0] * BPS,
            bonus_middle=field[1] * BPS,
            t1_seconds=field[2],
            t2_seconds=field[3],
            vault_cap=field[4] * BPS,
            cell_cap=field[5] * BPS,
            day_cap=field[6] * BPS,
            top_up=field[7] * BPS,
            backstop_from=field[8] * BPS,
            minimum=field[9],
        )

    def pack(self) -> int:
        """The packed liquidation word."""
        fields = (
            self.bonus_start // BPS,
            self.bonus_middle // BPS,
            self.t1_seconds,
            self.t2_seconds,
            self.vault_cap // BPS,
            self.cell_cap // BPS,
            self.day_cap // BPS,
            self.top_up // BPS,
            self.backstop_from // BPS,
            self.minimum,
        )
        return sum(value << (16 * i) for i, value in enumerate(fields))

    def path(self, life_seconds: int) -> tuple[int, int]:
        """(t1, t2) for a clock that started `life_seconds` before expiry."""
        t1 = max(min(self.t1_seconds, life_seconds // 20), MINIMUM_T1)
        t2 = max(min(self.t2_seconds, life_seconds // 10), 2 * t1)
        return t1, t2

    def shares(self, elapsed_seconds: int, life_seconds: int) -> tuple[int, int]:
        """(beta, g): the taker's bonus share and the share insurance tops up to."""
        t1, t2 = self.path(life_seconds)
        if elapsed_seconds < t1:
            span = self.bonus_middle - self.bonus_start
            return self.bonus_start + span * elapsed_seconds // t1, 0
        late = min(elapsed_seconds, t2) - t1
        beta = self.bonus_middle + (WAD - self.bonus_middle) * late // (t2 - t1)
        return beta, self.top_up * late // (t2 - t1)


@dataclass(frozen=True)
class TakePlan:
    """What one take moves.

    Attributes:
        fraction: Share of every leg [wad].
        cash_native: Tokens to the taker, negative when the taker pays.
        cut_native: Tokens to the market's insurance.
        top_up_native: Wanted from insurance before its caps.
        price_native: X, the tokens for the whole vault.
        ends: The vault is back at its target.
    """

    fraction: int
    cash_native: int
    cut_native: int
    top_up_native: int
    price_native: int
    ends: bool


def plan_take(
    wanted: int,
    *,
    equity: int,
    margin: int,
    target: int,
    missing: int,
    collateral: int,
    beta: int,
    g: int = 0,
    phi: int,
    dust: int,
    native: int,
) -> TakePlan:
    """Size, price, cut and top-up of a take.

    Args:
        wanted: Share asked for, above 0.
        equity: E of the vault, below `margin`.
        margin: A, its maintenance margin.
        target: R_t.
        missing: d, what the liquidation deposit lacks after this call's tip.
        collateral: C.
        beta: Bonus share now.
        g: Share of A that insurance tops up to now.
        phi: Insurance cut.
        dust: Remainder of MM below which everything is taken.
        native: Wad in one native unit of the token.
    """
    bonus = beta * margin // WAD
    price = bonus - (equity - collateral)
    spent = (beta + phi) * margin
    if equity * WAD < spent:
        top_up = g * margin // WAD - min(equity, bonus) if g else 0
        whole = price // native
        return TakePlan(
            fraction=WAD,
            cash_native=min(whole, max(collateral, 0) // native),
            cut_native=0,
            top_up_native=max(top_up, 0) // native,
            price_native=whole,
            ends=False,
        )
    gained = target - -(-spent // WAD)
    reaching = -(-(target + missing - equity) * WAD // gained)
    fraction = min(wanted, reaching, WAD)
    if (WAD - fraction) * margin < dust * WAD:
        fraction = WAD
    return TakePlan(
        fraction=fraction,
        cash_native=fraction * price // (WAD * native),
        cut_native=fraction * (phi * margin // WAD) // (WAD * native),
        top_up_native=0,
        price_native=price // native,
        ends=fraction >= reaching,
    )


def quantity(leg_word: int) -> int:
    """Signed quantity of a leg word [1e-6 contracts]."""
    raw = leg_word & QUANTITY_MASK
    return raw - 2**64 if raw >> 63 else raw


def split_legs(legs: Sequence[int], fraction: int, lot: int, inverse: bool = False) -> tuple[list[int], bool]:
    """The leg words that a fraction moves, and whether nothing had to be rounded.

    Magnitudes go up to the lot (1 for CASH and the money leg) for negative quantities and down for positive ones, so
    what stays pays at least `1 - fraction` of the old payoff at every price.
    """
    if fraction == WAD:
        return list(legs), True
    moved: list[int] = []
    exact = True
    for word in legs:
        signed = quantity(word)
        step = lot if Kind(word >> 126).has_lot(inverse) else 1
        count, rest = divmod(abs(signed) * fraction, WAD * step)
        if rest:
            exact = False
            count += signed < 0
        if count:
            size = count * step if signed > 0 else -count * step
            moved.append((word >> 64) << 64 | size & QUANTITY_MASK)
    return moved, exact


def draw_room(fund: int, first: int, drawn: int, cap: int) -> int:
    """What one insurance cap leaves [native]: a share of the fund now plus what was drawn, at most of `first`."""
    return max(min(fund + drawn, first) * cap // WAD - drawn, 0)


def due_native(amount: int, claims: int, received: int) -> int:
    """A claim at the recovery ratio min(1, received / claims), rounded down [native]."""
    return amount if received >= claims else amount * received // claims
