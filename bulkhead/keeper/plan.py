"""What a keeper can do, as data: the actions that `decide` answers with. `calls` makes transactions of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.keeper.mandates import RunMandate
from bulkhead.keeper.price_updates import BringSamples, BringSpot


@dataclass(frozen=True)
class OneMarket:
    """What is done to one market and needs nothing else."""

    market: int


@dataclass(frozen=True)
class OneCell:
    """What is done to one cell and needs nothing else."""

    cell: Cell


@dataclass(frozen=True)
class OneVault:
    """What is done to one vault and needs nothing else."""

    vault_id: int


@dataclass(frozen=True)
class ManyVaults:
    """What is done to several vaults at once and needs nothing else."""

    vault_ids: tuple[int, ...]


@dataclass(frozen=True)
class PoolVault(OneVault):
    """What a market's backstop pool does to one vault."""

    market: int


@dataclass(frozen=True)
class Poke(OneMarket):
    """Fold new feed rounds in, or keep the market clock running."""

    new_rounds: int


class Observe(OneCell):
    """Record the clock of a cell in its settlement window, or (expiry 0) that of a market, and fold nothing."""


@dataclass(frozen=True)
class Flag(OneVault):
    """Start the auction of a vault; `worth` is what it brings [wad quote], known only for a certain one."""

    certain: bool
    legs: int = 0
    worth: int = 0


@dataclass(frozen=True)
class FlagMany(ManyVaults):
    """Start the auctions of vaults of one cell that are certainly unsafe; what is not any more is passed over."""

    legs: int
    worth: int = 0


@dataclass(frozen=True)
class Clear(OneVault):
    """End the flag of a vault that is back at its target."""

    worth: int = 0


class Repay(OneVault):
    """Move the debt of a vault, left by a failed pay-in, to its cell."""


class Collect(OneVault):
    """Close an own vault that is empty and settled; its tokens come home."""


@dataclass(frozen=True)
class Absorb(PoolVault):
    """Let the market's backstop pool take a flagged vault."""

    worth: int = 0


class Refill(PoolVault):
    """Let a backstop pool add tokens to a vault of its own that has less than its initial margin."""


class Tidy(PoolVault):
    """Let a backstop pool close a vault of its own that is empty."""


@dataclass(frozen=True)
class Approve(OneMarket):
    """Allow the Clearinghouse to draw the keeper's tokens of a market.

    Attributes:
        first_none: Take back what is left of another allowance: some tokens (USDT) change none but from or to zero.
    """

    worth: int = field(default=0, compare=False)
    first_none: bool = False


@dataclass(frozen=True)
class Open(OneMarket):
    """Open an empty vault of the keeper's own to take into."""

    worth: int = field(default=0, compare=False)


class TakeLimits(NamedTuple):
    """What a take may have become by the time it is included, else it reverts; as of `ILiquidator.TakeLimits`.

    Attributes:
        min_received: Least tokens [native].
        min_bonus: Least bonus share [wad].
        max_fraction: Largest share of the vault [wad]; 0 for any.
        min_spot: Least spot [wad quote].
        max_spot: Largest spot [wad quote].
    """

    min_received: int
    min_bonus: int
    max_fraction: int
    min_spot: int
    max_spot: int


@dataclass(frozen=True)
class Take(ManyVaults):
    """Take over shares of flagged vaults of one cell, in one transaction.

    Attributes:
        vault_ids: The vaults.
        cell: Their cell.
        fractions: Share to ask of each [wad].
        into_id: Own vault that receives them.
        limits: Of each, and of spot.
        profit: Gain at mark that is expected of all [wad].
    """

    cell: Cell
    fractions: tuple[int, ...]
    into_id: int
    limits: TakeLimits
    profit: int


@dataclass(frozen=True)
class TopUp(OneVault):
    """Add tokens to an own vault that comes near its margin or is about to receive a take.

    Attributes:
        vault_id: The vault.
        market: Its market.
        amount: Tokens [native].
        worth: What is lost without them, or what the take that needs them brings [wad quote]: gas may cost a share.
        legs: What the vault holds: should it be flagged by then, it is assessed.
    """

    market: int
    amount: int
    worth: int = field(default=0, compare=False)
    legs: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Merge(OneVault):
    """Bring the legs and tokens of an own vault into another that holds the opposite of some, and close it.

    Attributes:
        vault_id: The one that is closed.
        into_id: The other.
        legs: Its leg words.
        amount: Its tokens [native].
    """

    into_id: int
    legs: tuple[int, ...]
    amount: int


@dataclass(frozen=True)
class Withdraw(OneVault):
    """Take tokens [native] that margin has freed out of an own vault."""

    market: int
    amount: int


@dataclass(frozen=True)
class PostOffers(ManyVaults):
    """Leave signed orders of own vaults on the QuoteBoard."""

    orders: tuple[tuple[Any, ...], ...]
    signatures: tuple[bytes, ...]


@dataclass(frozen=True)
class Fix(OneCell):
    """Prove the expiry price of a cell."""

    hints: tuple[int, ...]


class Settle(ManyVaults):
    """Settle expired vaults."""


class Claim(ManyVaults):
    """Pay claims into their vaults."""


class Sweep(OneCell):
    """Send the dust of a finished cell to insurance."""


@dataclass(frozen=True)
class Refresh(OneCell):
    """Record the deficits of flagged vaults of a cell anew."""

    vault_ids: tuple[int, ...]

    @property
    def vault_id(self) -> int:
        """The vault whose shard does it."""
        return self.vault_ids[0]


class Reserve(OneCell):
    """Record anew what a cell may cost insurance."""


class Insure(OneCell):
    """Draw from insurance what an earlier draw had left open: only the day's cap held it back."""


@dataclass(frozen=True)
class Advance(OneMarket):
    """Push a parameter on towards the target of its ramp."""

    name: str


Action = (
    Poke | Observe | Flag | FlagMany | Clear | Absorb | Refill | Tidy | Approve | Open | Take | TopUp | Fix | Settle
    | Claim | Repay | Sweep | Refresh | Reserve | Insure | Collect | Advance | Merge
    | Withdraw | PostOffers | RunMandate | BringSpot | BringSamples
)  # fmt: skip
