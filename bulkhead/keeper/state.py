"""What a keeper has seen of its markets at a block: all that `decide` looks at. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bulkhead.chain.lens import CellView, VaultView
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.keeper.mandates import DueTopUp
from bulkhead.keeper.price_updates import BroughtFeed
from bulkhead.risk.words import LINEAR, WAD, Units


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
        units: What it counts in.
        price_market: Index of the market whose prices it goes by, None for its own.
    """

    market: int
    new_rounds: int
    native: int
    wallet: int
    recorded_at: int = 0
    allowance: int = 2**256 - 1
    pool: str = ""
    units: Units = LINEAR
    price_market: int | None = None


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
        keeper: The address that acts; of a keeper with several wallets one of them.
        markets: By index.
        cells: By (market, expiry).
        vaults: Vaults confirmed on chain at this block, by id: those of its shard that are near their edge or flagged,
            and the keeper's own.
        unknown: Vaults that must be confirmed and whose numbers could not be read: id -> cell.
        quotes: Of flagged vaults, by id.
        expiry_proofs: How expired cells without a price stand, and cells whose open window is not summed, by their
            price market's cells.
        claims: Open claims: id -> (cell, tokens due now [native]).
        shortages: Tokens that vaults of backstop pools lack for their initial margin [native].
        busy: Markets in which live vaults hold legs.
        elsewhere: Cells with flagged vaults that are left to other shards, by the logs.
        due: Vaults that still hold legs of an expired cell, by cell.
        debts: Vaults that owe their cell a failed pay-in.
        swept: Cells whose dust can go to insurance.
        refreshed: When each cell's recorded deficits were last refreshed by this keeper [unix seconds].
        deficits: Recorded deficits of vaults, by id [1e-6 quote].
        reserves: What cells may cost insurance: (as recorded, as it would be recorded now) [native].
        insurable: Cells that can draw from insurance what an earlier draw had left open.
        flagging: Vaults whose flag is in flight together with others'.
        taking: Vaults whose take is in flight, and own vaults that it goes into.
        observed: When the clock of each cell in its settlement window was last recorded, by its price market's cell
            [unix seconds].
        ramps: When the next step of each parameter on its way is due, by (market, name) [unix seconds].
        brought: Feeds whose prices this keeper brings.
        top_ups: Owners' mandates that can be used now.
        takers: Whose takes of which vaults are in flight, by vault: addresses in lower case.
        wallets: Addresses of all of the keeper's wallets, in lower case; empty where there is one.
        left: Vaults whose takes are left to another of them.
        committed: Tokens of each market that others of them are about to put into own vaults [native].
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
    elsewhere: frozenset[Cell] = frozenset()
    due: Mapping[Cell, tuple[int, ...]] = field(default_factory=dict)
    debts: tuple[int, ...] = ()
    swept: tuple[Cell, ...] = ()
    refreshed: Mapping[Cell, int] = field(default_factory=dict)
    deficits: Mapping[int, int] = field(default_factory=dict)
    reserves: Mapping[Cell, tuple[int, int]] = field(default_factory=dict)
    insurable: tuple[Cell, ...] = ()
    observed: Mapping[Cell, int] = field(default_factory=dict)
    flagging: frozenset[int] = frozenset()
    taking: frozenset[int] = frozenset()
    ramps: Mapping[tuple[int, str], int] = field(default_factory=dict)
    brought: tuple[BroughtFeed, ...] = ()
    top_ups: tuple[DueTopUp, ...] = ()
    takers: Mapping[int, str] = field(default_factory=dict)
    wallets: frozenset[str] = frozenset()
    left: frozenset[int] = frozenset()
    committed: Mapping[int, int] = field(default_factory=dict)

    def priced(self, market: int) -> int:
        """The market whose prices a market goes by: one poke, one observe and one fix serve all that share them."""
        known = self.markets.get(market)
        return market if known is None or known.price_market is None else known.price_market

    def in_quote(self, market: int, amount: int) -> int:
        """An amount of a market's token in quote [wad], at the spot of one of its cells; 0 where that is not known."""
        known = self.markets.get(market)
        if known is None or not known.units.inverse:
            return amount
        return amount * self._spot(market) // WAD

    def in_token(self, market: int, amount: int) -> int:
        """An amount of quote in a market's token [wad]; what cannot be told is nothing."""
        if not self.markets[market].units.inverse:
            return amount
        spot = self._spot(market)
        return amount * WAD // spot if spot else 0

    def _spot(self, market: int) -> int:
        return next((v.snapshot.spot for (index, _), v in self.cells.items() if index == market and v.snapshot.spot), 0)

    def auctions(self) -> set[Cell]:
        """Cells with flagged vaults, whichever shard they are of; without legs a vault has no auction."""
        return {vault.cell for vault in self.vaults.values() if vault.flagged and vault.legs} | self.elsewhere

    def live(self, vault: VaultView) -> bool:
        """Whether the vault is in a cell that still trades."""
        return bool(vault.legs) and self.now < vault.expiry

    def ours(self, vault: VaultView) -> bool:
        """Whether the vault is one that any of the keeper's wallets has opened."""
        return self.own(vault) or (vault.owner.lower() in self.wallets and vault.epoch == 0)

    def own(self, vault: VaultView) -> bool:
        """Whether the vault is one that the acting wallet has opened.

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
