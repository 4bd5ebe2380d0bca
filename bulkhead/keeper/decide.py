"""What to do about a state of the market. Pure: no clock, no chain, no randomness.

Unknown is never healthy: a vault whose numbers could not be read gets a flag attempt, which the chain refuses when
the vault is fine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bulkhead.chain.book import Cell
from bulkhead.chain.lens import CellView, VaultView
from bulkhead.risk.words import WAD

ROLES = ("poke", "flag", "take", "clear", "fix", "settle", "claim", "tend")

#: Vaults in one settling or claiming transaction.
BATCH = 16
#: Tokens in a taker's vault beyond what the take is expected to need, share [wad].
HEADROOM = WAD // 10
#: Open auctions run on a market clock that stops counting gaps above 900 s.
CLOCK_SECONDS = 300
#: An expiry price that is not final yet is tried again after this long.
FIX_SECONDS = 300


@dataclass(frozen=True)
class Policy:
    """What this keeper does and for how much.

    Attributes:
        roles: Which of `ROLES` it plays.
        min_bonus: Least bonus share at which it takes [wad].
        min_profit: Least gain at mark for which it takes [wad quote].
        min_fraction: Least share of a vault worth a transaction [wad].
        own_health: Health below which it adds to its own vaults [wad].
        own_target: Health to which it then brings them [wad].
    """

    roles: frozenset[str] = frozenset(ROLES)
    min_bonus: int = WAD // 10
    min_profit: int = WAD
    min_fraction: int = WAD // 20
    own_health: int = 14 * WAD // 10
    own_target: int = 18 * WAD // 10


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
    """

    reason: int
    fraction: int
    cash: int
    top_up: int
    bonus_share: int
    equity: int
    margin: int


@dataclass(frozen=True)
class MarketView:
    """What a keeper knows about a market.

    Attributes:
        market: Its index.
        new_rounds: Feed rounds that nobody has folded in yet.
        native: Wad in one native unit of its token.
        wallet: The keeper's own tokens outside vaults [native].
        recorded_at: When its clock is known to have been recorded last [unix seconds].
    """

    market: int
    new_rounds: int
    native: int
    wallet: int
    recorded_at: int = 0


@dataclass(frozen=True)
class Proof:
    """How far the expiry price of a cell is from being proven.

    Attributes:
        hints: Feed rounds that a proof can start from.
        final: One more call would make the price final.
        tried_at: Stamp of this keeper's last call for it, 0 for none [unix seconds].
    """

    hints: tuple[int, ...]
    final: bool
    tried_at: int


@dataclass(frozen=True)
class KeeperState:
    """Everything `decide` looks at.

    Attributes:
        block: Number of the block.
        now: Its stamp [unix seconds].
        keeper: The keeper's address.
        markets: By index.
        cells: By (market, expiry).
        vaults: All known vaults, by id.
        unknown: Vaults with legs whose numbers could not be read: id -> cell.
        quotes: Of flagged vaults, by id.
        proofs: How expired cells without a price stand.
        claims: Open claims: id -> (cell, tokens due now [native]).
    """

    block: int
    now: int
    keeper: str
    markets: Mapping[int, MarketView] = field(default_factory=dict)
    cells: Mapping[Cell, CellView] = field(default_factory=dict)
    vaults: Mapping[int, VaultView] = field(default_factory=dict)
    unknown: Mapping[int, Cell] = field(default_factory=dict)
    quotes: Mapping[int, Quote] = field(default_factory=dict)
    proofs: Mapping[Cell, Proof] = field(default_factory=dict)
    claims: Mapping[int, tuple[Cell, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Poke:
    """Fold new feed rounds in, or keep the clock of open auctions running."""

    market: int
    new_rounds: int


@dataclass(frozen=True)
class Flag:
    """Start the auction of a vault."""

    vault_id: int
    certain: bool


@dataclass(frozen=True)
class Clear:
    """End the flag of a vault that is back at its target."""

    vault_id: int


@dataclass(frozen=True)
class Take:
    """Take over a share of a flagged vault.

    Attributes:
        vault_id: The vault.
        cell: Its cell.
        fraction: Share to ask for [wad].
        into_id: Own vault that receives it; 0 opens one.
        deposit: Tokens to put into that vault first [native].
        least_cash: Least tokens to receive [native].
        profit: Gain at mark that is expected [wad].
    """

    vault_id: int
    cell: Cell
    fraction: int
    into_id: int
    deposit: int
    least_cash: int
    profit: int


@dataclass(frozen=True)
class TopUp:
    """Add tokens to an own vault that comes near its margin."""

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
class Collect:
    """Close an own vault that is empty and settled; its tokens come home."""

    vault_id: int


Action = Poke | Flag | Clear | Take | TopUp | Fix | Settle | Claim | Collect


def decide(state: KeeperState, policy: Policy) -> list[Action]:
    """Actions in the order in which they should be sent."""
    plans = (
        ("clear", _clears),
        ("flag", _flags),
        ("tend", _top_ups),
        ("take", _takes),
        # after what was decided on this very state: a poke may move the margins a little
        ("poke", _pokes),
        ("fix", _fixes),
        ("settle", _settles),
        ("claim", _claims),
        ("tend", _collects),
    )
    return [action for role, plan in plans if role in policy.roles for action in plan(state, policy)]


def _live(state: KeeperState, vault: VaultView) -> bool:
    """Whether the vault is in a cell that still trades."""
    return bool(vault.legs) and state.now < vault.expiry


def _own(state: KeeperState, vault: VaultView) -> bool:
    return vault.owner.lower() == state.keeper.lower()


def _pokes(state: KeeperState, policy: Policy) -> list[Action]:
    del policy
    found: list[Action] = []
    for market in state.markets.values():
        auctions = any(v.flagged and _live(state, v) for v in state.vaults.values() if v.market == market.market)
        if market.new_rounds or (auctions and state.now - market.recorded_at >= CLOCK_SECONDS):
            found.append(Poke(market.market, market.new_rounds))
    return found


def _active(state: KeeperState, cell: Cell) -> bool:
    view = state.cells.get(cell)
    return view is not None and view.active


def _flags(state: KeeperState, policy: Policy) -> list[Action]:
    del policy
    certain = [
        v
        for v in state.vaults.values()
        if _live(state, v) and not v.flagged and not _own(state, v) and v.liquidatable and _active(state, v.cell)
    ]
    # the worst first: should the batch not fit a block, what is left out is the least urgent
    certain.sort(key=lambda v: v.equity - v.maintenance_margin)
    unsure = [i for i, cell in sorted(state.unknown.items()) if state.now < cell[1]]
    return [*(Flag(v.vault_id, True) for v in certain), *(Flag(i, False) for i in unsure)]


def _clears(state: KeeperState, policy: Policy) -> list[Action]:
    del policy
    return [
        Clear(v.vault_id)
        for v in state.vaults.values()
        if v.flagged and _live(state, v) and v.clearable and _active(state, v.cell)
    ]


def _free(state: KeeperState, cell: Cell) -> tuple[int, int]:
    """(own vault of a cell, or an empty one of the market, 0 without any; its equity beyond IM [wad])."""
    mine = [v for v in state.vaults.values() if _own(state, v) and v.market == cell[0] and not v.flagged and not v.debt]
    for vault in sorted(mine, key=lambda v: v.vault_id):
        if vault.legs and vault.cell == cell:
            return vault.vault_id, vault.equity - vault.initial_margin
    for vault in sorted(mine, key=lambda v: v.vault_id):
        if not vault.legs and not vault.claim:
            return vault.vault_id, vault.equity
    return 0, 0


def _takes(state: KeeperState, policy: Policy) -> list[Action]:
    found: list[Action] = []
    spent: dict[int, int] = {}
    used: set[Cell] = set()
    for vault_id, quote in sorted(state.quotes.items(), key=lambda item: item[1].equity):
        vault = state.vaults.get(vault_id)
        if vault is None or quote.reason or quote.bonus_share < policy.min_bonus or _own(state, vault):
            continue
        market = state.markets[vault.market]
        # one take into a vault per round: the next one is planned on what the first has left
        if vault.cell in used:
            continue
        taken = vault.value * quote.fraction // WAD
        profit = taken + (quote.cash + quote.top_up) * market.native
        if profit < policy.min_profit:
            continue
        into_id, free = _free(state, vault.cell)
        ratio = max(vault.initial_margin * WAD // vault.maintenance_margin, WAD) if vault.maintenance_margin else WAD
        # what comes in needs its IM, of which the bonus brings a part
        need = quote.margin * quote.fraction // WAD * ratio // WAD - profit
        need += (need if need > 0 else 0) * HEADROOM // WAD - free
        if into_id == 0 or not any(v.vault_id == into_id and v.legs for v in state.vaults.values()):
            need += vault.deposit * 10**12  # a vault locks it with its first leg
        if quote.cash < 0:
            need = max(need, -quote.cash * market.native - free)
        deposit = max(0, -(-need // market.native))
        wallet = market.wallet - spent.get(vault.market, 0)
        fraction = WAD
        if deposit > wallet:
            fraction = quote.fraction * max(wallet, 0) // deposit
            # an insolvent vault goes whole or not at all
            if fraction < policy.min_fraction or quote.equity < quote.margin * quote.bonus_share // WAD:
                continue
            deposit = max(wallet, 0)
        spent[vault.market] = spent.get(vault.market, 0) + deposit
        used.add(vault.cell)
        least = quote.cash if fraction == WAD else quote.cash * fraction // quote.fraction
        slack = abs(least) // 50 + profit // market.native // 10
        found.append(Take(vault_id, vault.cell, fraction, into_id, deposit, least - slack, profit))
    return found


def _top_ups(state: KeeperState, policy: Policy) -> list[Action]:
    found: list[Action] = []
    for vault in state.vaults.values():
        if not _own(state, vault) or not _live(state, vault) or vault.maintenance_margin == 0:
            continue
        if vault.covered or vault.equity * WAD >= policy.own_health * vault.maintenance_margin:
            continue
        market = state.markets[vault.market]
        wanted = policy.own_target * vault.maintenance_margin // WAD - vault.equity
        amount = min(-(-wanted // market.native), market.wallet)
        if amount > 0:
            found.append(TopUp(vault.vault_id, vault.market, amount))
    return found


def _fixes(state: KeeperState, policy: Policy) -> list[Action]:
    del policy
    # a call that cannot finish may still carry a long proof forward, or start the wait of a silent feed
    return [
        Fix(cell, proof.hints)
        for cell, proof in sorted(state.proofs.items())
        if proof.final or state.now - proof.tried_at >= FIX_SECONDS
    ]


def _settles(state: KeeperState, policy: Policy) -> list[Action]:
    del policy
    found: list[Action] = []
    for cell, view in sorted(state.cells.items()):
        if view.expiry_price == 0:
            continue
        due = sorted(v.vault_id for v in state.vaults.values() if v.cell == cell and v.legs)
        due += sorted(i for i, where in state.unknown.items() if where == cell)
        found.extend(Settle(tuple(due[i : i + BATCH])) for i in range(0, len(due), BATCH))
    return found


def _claims(state: KeeperState, policy: Policy) -> list[Action]:
    del policy
    due = sorted(i for i, (_, amount) in state.claims.items() if amount > 0)
    return [Claim(tuple(due[i : i + BATCH])) for i in range(0, len(due), BATCH)]


def _collects(state: KeeperState, policy: Policy) -> list[Action]:
    del policy
    # while auctions run, an empty vault is needed again in a moment
    busy = {v.market for v in state.vaults.values() if v.flagged}
    return [
        Collect(v.vault_id)
        for v in state.vaults.values()
        if _own(state, v) and v.market not in busy and not v.legs and not v.claim and not v.debt
    ]
