"""What a keeper is told to do, for how much, and how far it may be exposed. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from bulkhead.keeper.unwind_policy import UnwindTerms
from bulkhead.risk.scales import WAD

#: What a keeper can be asked to do; each part can be left to others.
ROLES = (
    "top_up", "flag", "take", "absorb", "clear", "settle", "claim", "poke", "fix", "sweep", "refresh", "tend",
    "advance", "bring", "unwind",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """Most that own vaults are exposed to, 0 for no limit [wad quote]: value of delta, a point of vol, notional."""

    delta: int = 0
    vega: int = 0
    notional: int = 0


@dataclass(frozen=True)
class Policy:
    """What this keeper does and for how much.

    Attributes:
        roles: Which of `ROLES` it plays.
        min_bonus: Least bonus share at which it takes [wad].
        min_profit: Least gain at mark for which it takes [wad quote].
        min_tip: Least tip for which it runs an owner's mandate [wad quote].
        max_capital: Most tokens in own vaults of one market, 0 for no limit [wad quote].
        keep_free: Share of the tokens of a market that takes leave in the wallet [wad].
        limits: Most exposure in all.
        expiry_share: Share of those limits that one expiry may use up [wad].
        wallet_capital: As `max_capital`, of the wallet that acts alone [wad quote].
        wallet_limits: As `limits`, of the wallet that acts alone.
        stake: Share of a vault's maintenance margin that its flag is worth to the operator beyond the tip [wad].
        min_fraction: Least share of a vault worth a transaction [wad].
        own_health: Health below which it adds to its own vaults [wad].
        own_target: Health to which it then brings them [wad].
        spot_slack: Largest move of spot between look and inclusion that a take accepts [wad share].
        flag_batch: Most flags in one transaction, where many are due at once.
        shard: (index, of how many): only vaults whose id modulo the second is the first are liquidated and settled.
        unwind: How it lets go of what it took; None keeps it until it expires.
    """

    roles: frozenset[str] = frozenset(ROLES)
    min_bonus: int = WAD // 10
    min_profit: int = WAD
    min_tip: int = WAD // 2
    max_capital: int = 0
    keep_free: int = 0
    limits: Limits = Limits()
    expiry_share: int = WAD
    wallet_capital: int = 0
    wallet_limits: Limits = Limits()
    stake: int = 0
    min_fraction: int = WAD // 20
    own_health: int = 14 * WAD // 10
    own_target: int = 18 * WAD // 10
    spot_slack: int = WAD // 50
    flag_batch: int = 1
    shard: tuple[int, int] = (0, 1)
    unwind: UnwindTerms | None = None

    def mine(self, vault_id: int) -> bool:
        """Whether a vault belongs to this keeper's shard."""
        return vault_id % self.shard[1] == self.shard[0]
