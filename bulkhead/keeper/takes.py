"""Which flagged vaults to take over, into which own vault, and what that vault needs first. Pure.

A take is prepared in steps that each stand alone: an allowance, an empty own vault, the tokens that the new legs'
margin needs, and then one transaction for as many vaults of a cell as the own vault and the wallet can bear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bulkhead.chain.lens import VaultView
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.keeper.exposure import Bound, bounds_of, of_legs, spendable
from bulkhead.keeper.plan import Action, Approve, Open, Take, TakeLimits, TopUp
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import KeeperState, MarketView, Quote
from bulkhead.risk.words import MAX_LEGS, WAD, Leg

#: What the own vault is given beyond what a take needs now, as a share [wad]: auctions grow while it is on its way.
HEADROOM = WAD // 4
#: Vaults in one transaction: a block of 30M gas holds some four of so many.
MAX_TAKES = 16
#: Own vaults of a cell that take beside each other: each waits for its tokens, and then for its take.
MOST_PURSES = 8
#: A take of a part is good down to this share of the tokens expected: at a better price for the vault less of it goes
#: over, at the same bonus, and what is left must still be worth the transaction [wad].
SHRINK = WAD // 4


@dataclass(frozen=True)
class Candidate:
    """A flagged vault worth taking.

    Attributes:
        vault: The vault.
        quote: What all that may be taken of it brings.
        profit: Gain at mark [wad].
        need: Equity that the legs need in the taker's vault beyond the gain [wad].
    """

    vault: VaultView
    quote: Quote
    profit: int
    need: int


@dataclass(frozen=True)
class Purse:
    """The own vault that receives.

    Attributes:
        vault_id: Its id.
        keys: Its series.
        free: Equity beyond IM [wad].
        tokens: Collateral in tokens [wad].
        empty: It holds no legs, so the first one locks the liquidation deposit.
    """

    vault_id: int
    keys: frozenset[tuple[int, int]]
    free: int
    tokens: int
    empty: bool


def plan_takes(state: KeeperState, policy: Policy) -> list[Action]:
    """Takes that are ready, and the steps that prepare the others."""
    cells: dict[Cell, list[Candidate]] = {}
    for vault_id, quote in state.quotes.items():
        vault = state.vaults.get(vault_id)
        if vault is None or state.ours(vault) or not state.tradable(vault) or not policy.mine(vault_id):
            continue
        if vault_id in state.taking or vault_id in state.left:
            continue
        found = candidate_of(state, vault, quote, policy)
        if found is not None:
            cells.setdefault(vault.cell, []).append(found)
    actions = _prepare(state, policy)
    spent: dict[int, int] = {}
    reserved: dict[int, int] = {}
    used: set[int] = set()
    for needed in plan_top_ups(state, policy) if "tend" in policy.roles else []:
        reserved[needed.market] = reserved.get(needed.market, 0) + needed.amount
        if reserved[needed.market] >= state.markets[needed.market].wallet:
            used.add(needed.vault_id)  # what cannot be made safe takes on nothing more
    # what is on its way is not planned again for another vault
    used |= {vault_id for vault_id in state.taking if vault_id not in state.quotes}
    bounds = bounds_of(state, policy)
    for cell, candidates in sorted(cells.items()):
        market = state.markets[cell[0]]
        if market.allowance < market.wallet:
            continue
        candidates.sort(key=lambda c: (c.quote.equity, c.vault.vault_id))
        candidates = _allowed(state, bounds, cell, candidates)
        while candidates:
            purse = _purse(state, cell, used)
            if purse is None:
                break
            used.add(purse.vault_id)
            wallet = max(spendable(state, policy, cell[0], reserved.get(cell[0], 0)) - spent.get(cell[0], 0), 0)
            action, chosen = _fill(state, policy, cell, purse, candidates, wallet)
            if isinstance(action, TopUp):
                spent[cell[0]] = spent.get(cell[0], 0) + action.amount
            if action is not None:
                actions.append(action)
            if len(chosen) < MAX_TAKES:
                break
            # a full batch: what is left goes into another own vault beside it
            gone = {candidate.vault.vault_id for candidate in chosen}
            candidates = [candidate for candidate in candidates if candidate.vault.vault_id not in gone]
    return actions


def plan_defence(state: KeeperState, policy: Policy) -> list[Action]:
    """Top-ups of own vaults, and the allowance that they need.

    A vault may be the keeper's own without any take having asked for an allowance: one that was opened by hand, or
    before the allowance was taken back.
    """
    wanted = plan_top_ups(state, policy)
    found: list[Action] = []
    needed: dict[int, int] = {}
    for action in wanted:
        needed[action.market] = needed.get(action.market, 0) + action.amount
    bare = {market for market, amount in needed.items() if state.markets[market].allowance < amount}
    for market in sorted(bare):
        found.append(Approve(market, max(action.worth for action in wanted if action.market == market)))
    return [*found, *(action for action in wanted if action.market not in bare)]


def plan_top_ups(state: KeeperState, policy: Policy) -> list[TopUp]:
    """Own vaults near their margin are brought to their target, the nearest first: nothing else may use the tokens."""
    found: list[TopUp] = []
    left = {index: market.wallet for index, market in state.markets.items()}
    for vault in sorted(state.vaults.values(), key=lambda v: v.health or 0):
        if not state.own(vault) or not state.live(vault) or vault.maintenance_margin == 0 or vault.market not in left:
            continue
        if vault.covered or vault.equity * WAD >= policy.own_health * vault.maintenance_margin:
            continue
        market = state.markets[vault.market]
        wanted = policy.own_target * vault.maintenance_margin // WAD - vault.equity
        amount = min(-(-wanted // market.native), left[vault.market])
        if amount > 0:
            left[vault.market] -= amount
            # an auction may cost all of the margin
            worth = state.in_quote(vault.market, vault.maintenance_margin)
            found.append(TopUp(vault.vault_id, vault.market, amount, worth, len(vault.legs)))
    return found


def candidate_of(state: KeeperState, vault: VaultView, quote: Quote, policy: Policy) -> Candidate | None:
    """A flagged vault as something to take, None where the policy does not want it."""
    if quote.reason or quote.bonus_share < policy.min_bonus:
        return None
    native = state.markets[vault.market].native
    profit = vault.value * quote.fraction // WAD + (quote.cash + quote.top_up) * native
    if state.in_quote(vault.market, profit) < policy.min_profit:
        return None
    ratio = max(vault.initial_margin * WAD // vault.maintenance_margin, WAD) if vault.maintenance_margin else WAD
    # what comes in needs its IM, of which the bonus brings a part
    return Candidate(vault, quote, profit, quote.margin * quote.fraction // WAD * ratio // WAD - profit)


def _prepare(state: KeeperState, policy: Policy) -> list[Action]:
    """While an auction runs: an allowance, and an empty own vault for a cell in which none of the own can take more."""
    found: list[Action] = []
    wanted: dict[int, Counter[Cell]] = {}
    worth: dict[int, int] = {}
    for vault_id, quote in state.quotes.items():
        vault = state.vaults.get(vault_id)
        if vault is None or quote.reason or state.ours(vault) or not state.tradable(vault):
            continue
        if policy.mine(vault_id) and vault_id not in state.left:
            wanted.setdefault(vault.market, Counter())[vault.cell] += 1
            brings = policy.min_bonus * quote.margin // WAD * quote.fraction // WAD
            worth[vault.market] = worth.get(vault.market, 0) + brings
    for market_id, cells in sorted(wanted.items()):
        market = state.markets[market_id]
        if market.allowance < market.wallet:
            found.append(Approve(market_id, worth[market_id], market.allowance > 0))
        ready: set[int] = set()
        for cell, due in sorted(cells.items()):
            short = False
            for _ in range(min(-(-due // MAX_TAKES), MOST_PURSES)):
                purse = _purse(state, cell, ready)
                if purse is None:
                    short = True
                    break
                ready.add(purse.vault_id)
            if short and market.wallet:
                found.append(Open(market_id, worth[market_id]))
                break  # one at a time: the next look knows the first
    return found


def _allowed(state: KeeperState, bounds: list[Bound], cell: Cell, candidates: list[Candidate]) -> list[Candidate]:
    """Candidates that all together leave the own vaults within their limits, the most urgent first."""
    if not bounds:
        return candidates
    found: list[Candidate] = []
    for candidate in candidates:
        more = of_legs(candidate.vault.legs, state.cells[cell], candidate.quote.fraction / WAD)
        if all(bound.allows(cell, more) for bound in bounds):
            for bound in bounds:
                bound.add(cell, more)
            found.append(candidate)
    return found


def _keys(legs: Iterable[Leg]) -> frozenset[tuple[int, int]]:
    return frozenset((int(leg.kind), leg.strike) for leg in legs)


def _purse(state: KeeperState, cell: Cell, used: set[int]) -> Purse | None:
    """An own vault of the cell with room for more legs, else an empty one of the market."""
    mine = [
        v
        for _, v in sorted(state.vaults.items())
        if state.own(v) and v.market == cell[0] and not v.flagged and not v.debt and v.vault_id not in used
    ]
    for v in mine:
        if v.legs and v.cell == cell and len(v.legs) < MAX_LEGS:
            return Purse(v.vault_id, _keys(v.legs), v.equity - v.initial_margin, v.collateral, False)
    for v in mine:
        if not v.legs and not v.claim:
            return Purse(v.vault_id, frozenset(), v.equity, v.collateral, True)
    return None


def _deposit(purse: Purse, chosen: list[Candidate], market: MarketView) -> int:
    """Tokens that the own vault lacks for these takes [native]."""
    lock = max(c.vault.units.micro(c.vault.deposit) for c in chosen) if purse.empty else 0
    margin = sum(c.need for c in chosen) + lock - purse.free
    paid = sum(max(-c.quote.cash, 0) for c in chosen) * market.native + lock - purse.tokens
    return max(0, -(-max(margin, paid) // market.native))


def tokens_for(candidate: Candidate, market: MarketView) -> int:
    """Tokens that an own vault without any needs for a whole take [native]."""
    return _deposit(Purse(0, frozenset(), 0, 0, True), [candidate], market)


def _headroom(chosen: list[Candidate], market: MarketView) -> int:
    """Tokens on top, so that the take still fits when it can be sent [native]."""
    return sum(max(c.need, 0) for c in chosen) * HEADROOM // WAD // market.native


def _fill(
    state: KeeperState, policy: Policy, cell: Cell, purse: Purse, candidates: list[Candidate], wallet: int
) -> tuple[Action | None, list[Candidate]]:
    """The next step for one own vault: add tokens to it, or take; and what it is for."""
    market = state.markets[cell[0]]
    chosen: list[Candidate] = []
    keys = purse.keys
    for candidate in candidates[: 2 * MAX_TAKES]:
        more = keys | _keys(candidate.vault.legs)
        if len(more) <= MAX_LEGS and _deposit(purse, [*chosen, candidate], market) <= wallet:
            chosen.append(candidate)
            keys = more
        if len(chosen) == MAX_TAKES:
            break
    if chosen:
        lacking = _deposit(purse, chosen, market)
        if lacking:
            amount = min(lacking + _headroom(chosen, market), wallet)
            worth = sum(c.profit for c in chosen)
            return TopUp(purse.vault_id, cell[0], amount, worth, len(purse.keys)), chosen
        return _take(state, policy, cell, purse, chosen, [WAD] * len(chosen)), chosen
    # nothing fits whole: a share of the most urgent one, if it is solvent and the share is worth it
    for candidate in candidates:
        if len(purse.keys | _keys(candidate.vault.legs)) > MAX_LEGS:
            continue
        quote = candidate.quote
        need = _deposit(Purse(purse.vault_id, purse.keys, 0, 0, purse.empty), [candidate], market)
        have = wallet + max(min(purse.free, purse.tokens), 0) // market.native
        fraction = quote.fraction * have // need if need else 0
        # an insolvent vault goes whole or not at all
        if fraction < policy.min_fraction or quote.equity < quote.margin * quote.bonus_share // WAD:
            continue
        if wallet:
            worth = candidate.profit * fraction // quote.fraction
            return TopUp(purse.vault_id, cell[0], wallet, worth, len(purse.keys)), [candidate]
        return _take(state, policy, cell, purse, [candidate], [fraction * 9 // 10]), [candidate]
    return None, []


def _least(quote: Quote, fraction: int) -> int:
    """Tokens that a take is to bring at least, negative when it may cost some [native].

    The gain of a part is its bonus share, which has a limit of its own; that of a whole vault is what is there.
    """
    share = min(fraction, quote.fraction)
    cash = quote.cash * share // quote.fraction if quote.fraction else quote.cash
    return cash * SHRINK // WAD if share < WAD and cash > 0 else cash


def _take(
    state: KeeperState, policy: Policy, cell: Cell, purse: Purse, chosen: list[Candidate], fractions: list[int]
) -> Take:
    spot = state.cells[cell].snapshot.spot
    least = min(_least(c.quote, f) for c, f in zip(chosen, fractions, strict=True))
    market = state.markets[cell[0]]
    slack = abs(least) // 50 + min(c.profit for c in chosen) // market.native // 10
    limits = TakeLimits(
        min_received=least - slack,
        min_bonus=min(c.quote.bonus_share for c in chosen),
        max_fraction=0,
        min_spot=spot - spot * policy.spot_slack // WAD,
        max_spot=spot + spot * policy.spot_slack // WAD,
    )
    ids = tuple(c.vault.vault_id for c in chosen)
    profit = sum(
        c.profit * min(f, c.quote.fraction) // max(c.quote.fraction, 1) for c, f in zip(chosen, fractions, strict=True)
    )
    return Take(ids, cell, tuple(fractions), purse.vault_id, limits, state.in_quote(cell[0], profit))
