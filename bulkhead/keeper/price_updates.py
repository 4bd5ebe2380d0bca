"""Brought prices as a keeper sees them, and what it can do about them. Data only."""

from __future__ import annotations

from dataclasses import dataclass

#: What realised vol is folded at [seconds].
INSTANT = 600
#: How long after its minute an adapter takes a sample, and how old a price may be that becomes spot [seconds].
LATE_SECONDS, SPOT_SECONDS = 5_400, 60


@dataclass(frozen=True)
class Message:
    """One signed price.

    Attributes:
        at: When it was made; of a sample its minute [unix seconds].
        price: What it says [1e-8], for deciding only; 0 when that is not known.
        data: What the adapter takes.
        signers: How many have signed it.
    """

    at: int
    price: int
    data: bytes
    signers: int = 1


@dataclass(frozen=True)
class BroughtFeed:
    """One feed of brought prices at a block.

    Attributes:
        market: Index of its market.
        address: Its adapter.
        is_primary: Whether it is the market's primary feed.
        fee: Most that one message costs [wei].
        keep_fresh: Spot is kept younger than this for others; 0 for what this keeper needs alone [seconds].
        age_limit: How old a fresh spot may be [seconds].
        spot: As the chain has it [1e-8].
        spot_at: Its stamp, 0 for none.
        offered: The newest price of the source.
        samples: Samples to bring: not on chain yet, or there with fewer signers.
        alone: Minutes of those that have spoiled a batch.
        missing: Minutes whose sample is due and not on chain.
    """

    market: int
    address: str
    is_primary: bool = True
    fee: int = 0
    keep_fresh: int = 0
    age_limit: int = 3_960
    spot: int = 0
    spot_at: int = 0
    offered: Message | None = None
    samples: tuple[Message, ...] = ()
    alone: frozenset[int] = frozenset()
    missing: tuple[int, ...] = ()


@dataclass(frozen=True)
class BringSpot:
    """Bring the newest price; `worth` is what a liquidation that waits for it brings [wad quote]."""

    market: int
    feed: str
    message: Message
    fee: int
    worth: int = 0


@dataclass(frozen=True)
class BringSamples:
    """Bring samples of whole minutes, in one transaction."""

    market: int
    feed: str
    messages: tuple[Message, ...]
    fee: int

    @property
    def minutes(self) -> tuple[int, ...]:
        """Their minutes [unix seconds]."""
        return tuple(message.at for message in self.messages)
