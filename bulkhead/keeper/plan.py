"""What `decide` looks at and what it can say: the state of a market, a policy, and actions. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bulkhead.chain.book import Cell
from bulkhead.chain.lens import CellView, VaultView
from bulkhead.keeper.brought import BringSamples, BringSpot, BroughtFeed
from bulkhead.keeper.mandates import DueTopUp, RunMandate
from bulkhead.risk.words import WAD

#: What a keeper can be asked to do; each part can be left to others.
ROLES = (
    "top_up", "flag", "take", "absorb", "clear", "settle", "claim", "poke", "fix", "sweep", "refresh", "tend",
    "advance", "bring",
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
        stake: Share of a vault's maintenance margin that its flag is worth to the operator beyond the tip [wad].
        min_fraction: Least share of a vault worth a transaction [wad].
        own_health: Health below which it adds to its own vaults [wad].
        own_target: Health to which it then brings them [wad].
        spot_slack: Largest move of spot between look and inclusion that a take accepts [wad share].
        flag_batch: Most flags in one transaction, where many are due at once.
        shard: (index, of how many): only vaults whose id modulo the second is the first are liquidated and settled.
    """

    roles: frozenset[str] = frozenset(ROLES)
    min_bonus: int = WAD // 10
    min_profit: int = WAD
    min_tip: int = WAD // 2
    max_capital: int = 0
    keep_free: int = 0
    limits: Limits = Limits()
    expiry_share: int = WAD
    stake: int = 0
    min_fraction: int = WAD // 20
    own_health: int = 14 * WAD // 10
    own_target: int = 18 * WAD // 10
    spot_slack: int = WAD // 50
    flag_batch: int = 1
    shard: tuple[int, int] = (0, 1)

    def mine(self, vault_id: int) -> bool:
        """Whether a vault belongs to this keeper's shard."""
        return vault_id % self.shard[1] == self.shard[0]


@dataclass(frozen=True)
class Quote:
    """What `Liquidator.quote` says about taking all that may be taken of a flagged vault.

    Attributes:
        reason: 0 when it can be done.
        fraction: Share that would move [wad].
        cash: Tokens to the taker [native], negative when the taker pays.
        top_up: Tokens from insurance [native].
        bonus_share: beta [wad].
        equity: E of the vault [wad].
        margin: A of the vault [wad].
        elapsed: Seconds on the auction's clock.
        price: Tokens for the whole vault [native]; negative when the taker pays.
    """

    reason: int
    fraction: int
    cash: int
    top_up: int
    bonus_share: int
    equity: int
    margin: int
    elapsed: int = 0
    price: int = 0


@dataclass(frozen=True)
class MarketView:
    """What a keeper knows about a market.

    Attributes:
        market: Its index.
        new_rounds: Feed rounds that nobody has folded in yet.
        native: Wad in one native unit of its token.
        wallet: The keeper's own tokens outside vaults [native].
        recorded_at: When its clock is known to have been recorded last [unix seconds].
        allowance: Tokens that the Clearinghouse may draw from the keeper [native].
        pool: Address of its backstop pool, empty without one.
    """

    market: int
    new_rounds: int
    native: int
    wallet: int
    recorded_at: int = 0
    allowance: int = 2**256 - 1
    pool: str = ""


@dataclass(frozen=True)
class ExpiryProof:
    """How far the expiry price of a cell is from being proven.

    Attributes:
        hints: Feed rounds that a proof can start from.
        final: One more call would make the price final.
        tried_at: Stamp of this keeper's last call for it, 0 for none [unix seconds].
        moves: That call has carried the sum forward and not to its end: the next one goes on.
        walks: A feed of the cell keeps rounds, so that calls can carry its sum forward; brought prices need none.
    """

    hints: tuple[int, ...]
    final: bool
    tried_at: int
    moves: bool = False
    walks: bool = True


@dataclass(frozen=True)
class KeeperState:
    """Everything `decide` looks at.

    Attributes:
        block: Number of the block.
        now: Its stamp [unix seconds].
        keeper: The keeper's address.
        markets: By index.
        cells: By (market, expiry).
        vaults: Vaults confirmed on chain at this block, by id: those near their edge, flagged ones, the keeper's own.
        unknown: Vaults that must be confirmed and whose numbers could not be read: id -> cell.
        quotes: Of flagged vaults, by id.
        expiry_proofs: How expired cells without a price stand, and cells whose open window is not summed.
        claims: Open claims: id -> (cell, tokens due now [native]).
        shortages: Tokens that vaults of backstop pools lack for their initial margin [native].
        busy: Markets in which live vaults hold legs.
        due: Vaults that still hold legs of an expired cell, by cell.
        debts: Vaults that owe their cell a failed pay-in.
        swept: Cells whose dust can go to insurance.
        refreshed: When each cell's recorded deficits were last refreshed by this keeper [unix seconds].
        deficits: Recorded deficits of vaults, by id [1e-6 quote].
        reserves: What cells may cost insurance: (as recorded, as it would be recorded now) [native].
        insurable: Cells that can draw from insurance what an earlier draw had left open.
        flagging: Vaults whose flag is in flight together with others'.
        observed: When the clock of each cell in its settlement window was last recorded [unix seconds].
        ramps: When the next step of each parameter on its way is due, by (market, name) [unix seconds].
        brought: Feeds whose prices this keeper brings.
        top_ups: Owners' mandates that can be used now.
    """

    block: int
    now: int
    keeper: str
    markets: Mapping[int, MarketView] = field(default_factory=dict)
    cells: Mapping[Cell, CellView] = field(default_factory=dict)
    vaults: Mapping[int, VaultView] = field(default_factory=dict)
    unknown: Mapping[int, Cell] = field(default_factory=dict)
    quotes: Mapping[int, Quote] = field(default_factory=dict)
    expiry_proofs: Mapping[Cell, ExpiryProof] = field(default_factory=dict)
    claims: Mapping[int, tuple[Cell, int]] = field(default_factory=dict)
    shortages: Mapping[int, int] = field(default_factory=dict)
    busy: frozenset[int] = frozenset()
    due: Mapping[Cell, tuple[int, ...]] = field(default_factory=dict)
    debts: tuple[int, ...] = ()
    swept: tuple[Cell, ...] = ()
    refreshed: Mapping[Cell, int] = field(default_factory=dict)
    deficits: Mapping[int, int] = field(default_factory=dict)
    reserves: Mapping[Cell, tuple[int, int]] = field(default_factory=dict)
    insurable: tuple[Cell, ...] = ()
    observed: Mapping[Cell, int] = field(default_factory=dict)
    flagging: frozenset[int] = frozenset()
    ramps: Mapping[tuple[int, str], int] = field(default_factory=dict)
    brought: tuple[BroughtFeed, ...] = ()
    top_ups: tuple[DueTopUp, ...] = ()

    def live(self, vault: VaultView) -> bool:
        """Whether the vault is in a cell that still trades."""
        return bool(vault.legs) and self.now < vault.expiry

    def own(self, vault: VaultView) -> bool:
        """Whether the vault is one that the keeper has opened.

        One that somebody has sent to it is not: anybody can send a vault that is about to fail, for the keeper to fill
        it with tokens of its own or to spare it the flag.
        """
        return vault.owner.lower() == self.keeper.lower() and vault.epoch == 0

    def tradable(self, vault: VaultView) -> bool:
        """Whether its market and its prices are known.

        Of a market that was listed after the deployment's file was written, only the vaults are.
        """
        return vault.market in self.markets and vault.cell in self.cells

    def active(self, cell: Cell) -> bool:
        """Whether the cell's price allows liquidating; an unknown cell does not."""
        view = self.cells.get(cell)
        return view is not None and view.active


@dataclass(frozen=True)
class Poke:
    """Fold new feed rounds in, or keep the market clock running."""

    market: int
    new_rounds: int


@dataclass(frozen=True)
class Observe:
    """Record the clock of a cell in its settlement window, or (expiry 0) that of a market, and fold nothing."""

    cell: Cell


@dataclass(frozen=True)
class Flag:
    """Start the auction of a vault; `worth` is what it brings [wad quote], known only for a certain one."""

    vault_id: int
    certain: bool
    legs: int = 0
    worth: int = 0


@dataclass(frozen=True)
class FlagMany:
    """Start the auctions of vaults of one cell that are certainly unsafe; what is not any more is passed over."""

    vault_ids: tuple[int, ...]
    legs: int
    worth: int = 0


@dataclass(frozen=True)
class OneVault:
    """What is done to one vault and needs nothing else."""

    vault_id: int


@dataclass(frozen=True)
class PoolVault(OneVault):
    """What a market's backstop pool does to one vault."""

    market: int


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
class Approve:
    """Allow the Clearinghouse to draw the keeper's tokens of a market."""

    market: int


@dataclass(frozen=True)
class Open:
    """Open an empty vault of the keeper's own to take into."""

    market: int


@dataclass(frozen=True)
class Take:
    """Take over shares of flagged vaults of one cell, in one transaction.

    Attributes:
        cell: Their cell.
        vault_ids: The vaults.
        fractions: Share to ask of each [wad].
        into_id: Own vault that receives them.
        limits: (least tokens, least bonus share, largest fraction, least spot, largest spot), as of `Liquidator.take`.
        profit: Gain at mark that is expected of all [wad].
    """

    cell: Cell
    vault_ids: tuple[int, ...]
    fractions: tuple[int, ...]
    into_id: int
    limits: tuple[int, int, int, int, int]
    profit: int


@dataclass(frozen=True)
class TopUp:
    """Add tokens to an own vault that comes near its margin or is about to receive a take."""

    vault_id: int
    market: int
    amount: int


@dataclass(frozen=True)
class Fix:
    """Prove the expiry price of a cell."""

    cell: Cell
    hints: tuple[int, ...]


@dataclass(frozen=True)
class Settle:
    """Settle expired vaults."""

    vault_ids: tuple[int, ...]


@dataclass(frozen=True)
class Claim:
    """Pay claims into their vaults."""

    vault_ids: tuple[int, ...]


@dataclass(frozen=True)
class Sweep:
    """Send the dust of a finished cell to insurance."""

    cell: Cell


@dataclass(frozen=True)
class Refresh:
    """Record the deficits of flagged vaults of a cell anew."""

    cell: Cell
    vault_ids: tuple[int, ...]

    @property
    def vault_id(self) -> int:
        """The vault whose shard does it."""
        return self.vault_ids[0]


@dataclass(frozen=True)
class Reserve:
    """Record anew what a cell may cost insurance."""

    cell: Cell


@dataclass(frozen=True)
class Insure:
    """Draw from insurance what an earlier draw had left open: only the day's cap held it back."""

    cell: Cell


@dataclass(frozen=True)
class Advance:
    """Push a parameter on towards the target of its ramp."""

    market: int
    name: str


Action = (
    Poke | Observe | Flag | FlagMany | Clear | Absorb | Refill | Tidy | Approve | Open | Take | TopUp | Fix | Settle
    | Claim | Repay | Sweep | Refresh | Reserve | Insure | Collect | Advance | RunMandate | BringSpot | BringSamples
)  # fmt: skip
