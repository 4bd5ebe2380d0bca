"""The packed words of vaults, terms, tokens and cells, unpacked (contracts/vaults/vault_state).

Legs, series, snapshots and risk words are those of `bulkhead.risk.words`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from eth_utils import to_checksum_address

from bulkhead.risk.words import WAD, Kind, Leg, Units
from bulkhead.risk.words import Model as Model

QUANTITY = 10**6
STRIKE = 10**8


def _bits(word: int, offset: int, width: int) -> int:
    return (word >> offset) & ((1 << width) - 1)


def to_address(word: int) -> str:
    """Address in the low 160 bits of a word."""
    return _checksummed(_bits(word, 0, 160))


@lru_cache(maxsize=100_000)
def _checksummed(number: int) -> str:
    return to_checksum_address(number.to_bytes(20, "big"))


@dataclass(frozen=True)
class VaultWord:
    """Unpacked vault word."""

    owner: str
    market: int
    count: int
    model: Model
    flagged: bool
    marked: bool
    debt: bool
    claim: bool
    epoch: int

    @classmethod
    def unpack(cls, word: int) -> VaultWord:
        """Fields of a vault word."""
        flags = _bits(word, 188, 4)
        return cls(
            owner=to_address(word),
            market=_bits(word, 160, 16),
            count=_bits(word, 176, 8),
            model=Model(_bits(word, 184, 3)),
            flagged=bool(flags & 1),
            marked=bool(flags & 2),
            debt=bool(flags & 4),
            claim=bool(flags & 8),
            epoch=_bits(word, 192, 16),
        )

    @staticmethod
    def opened(owner: str, market: int, model: int) -> int:
        """The word of a vault that was just opened."""
        return int(owner, 16) | market << 160 | model << 184

    @staticmethod
    def handed_over(word: int, owner: str, epoch: int) -> int:
        """The word with another owner and epoch."""
        return word & ~(2**160 - 1 | (2**16 - 1) << 192) | int(owner, 16) | epoch << 192


@dataclass(frozen=True)
class Terms:
    """Unpacked terms word. `deposit` and `flag_margin` in 1e-6 quote, times in seconds.

    `flag_tip` says that the flagger's tip is missing from the deposit; `ratios` are a, b, c of a STATIC vault's stamp
    [0.1 % of spot].
    """

    expiry: int
    flag_clock: int
    flagged_at: int
    flag_margin: int
    deposit: int
    flag_tip: bool
    ratios: tuple[int, int, int] = (0, 0, 0)

    @property
    def stamp(self) -> int:
        """The ratios as `RiskWord.stamped` takes them."""
        return sum(ratio << 10 * i for i, ratio in enumerate(self.ratios))

    @classmethod
    def unpack(cls, word: int) -> Terms:
        """Fields of a terms word."""
        return cls(
            expiry=_bits(word, 0, 40),
            flag_clock=_bits(word, 40, 40),
            flagged_at=_bits(word, 80, 40),
            flag_margin=_bits(word, 120, 64),
            deposit=_bits(word, 184, 40),
            flag_tip=bool(_bits(word, 224, 1)),
            ratios=(_bits(word, 225, 10), _bits(word, 235, 10), _bits(word, 245, 10)),
        )

    @property
    def deposit_held(self) -> int:
        """What tips have left of the liquidation deposit [1e-6 quote]."""
        return self.deposit - (self.deposit * 50 // 100 if self.flag_tip else 0)


@dataclass(frozen=True)
class TokenWord:
    """Unpacked token word of a market. `lot` in 1e-6 contracts, `units` says what amounts count."""

    token: str
    decimals: int
    listed: bool
    lot: int
    units: Units

    @classmethod
    def unpack(cls, word: int) -> TokenWord:
        """Fields of a token word."""
        return cls(
            token=to_address(word),
            decimals=_bits(word, 160, 8),
            listed=bool(_bits(word, 168, 1)),
            lot=_bits(word, 176, 32),
            units=Units(inverse=bool(_bits(word, 169, 1)), digits=_bits(word, 170, 5)),
        )

    @property
    def native(self) -> int:
        """Wad in one native unit."""
        return int(10 ** (18 - self.decimals))


def open_parts(counted: int) -> tuple[int, int]:
    """(contracts, CASH of an inverse market) of a market's open interest [1e-6] (vault_state._open_parts)."""
    return counted & (2**128 - 1), counted >> 128


def cell_word(word: int) -> tuple[int, int]:
    """(gross quantity [1e-6 contracts], recorded deficits [1e-6 token]) of `Clearinghouse.cell`."""
    return word & (2**112 - 1), word >> 112


def legs_of(words: Iterable[int]) -> tuple[Leg, ...]:
    """Legs of leg words."""
    return tuple(Leg.unpack(word) for word in words)


def describe(leg: Leg) -> str:
    """A leg as people write it, e.g. "-10 put 160"."""
    amount = f"{leg.quantity / QUANTITY:+g}"
    if leg.kind in (Kind.CALL, Kind.PUT):
        return f"{amount} {leg.kind.name.lower()} {leg.strike / STRIKE:g}"
    return f"{amount} {leg.kind.name.lower()}"


def payoff(leg: Leg, price: int) -> int:
    """Exact payoff of a leg at a settlement price [1e-24 quote: wad times 1e-6 contracts]."""
    strike = leg.strike * (WAD // STRIKE)
    if leg.kind is Kind.CALL:
        return leg.quantity * max(price - strike, 0)
    if leg.kind is Kind.PUT:
        return leg.quantity * max(strike - price, 0)
    return leg.quantity * (price if leg.kind is Kind.FUTURE else WAD)
