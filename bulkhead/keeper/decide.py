"""What to do about a state of the market. Pure: no clock, no chain, no randomness.

Unknown is never healthy: a vault whose numbers could not be read gets a flag attempt, which the chain refuses when
the vault is fine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bulkhead.chain.lens import VaultView
from bulkhead.keeper.mandates import HOLD_BLOCKS, DueTopUp, RunMandate
from bulkhead.keeper.plan import (
    Absorb,
    Action,
    Advance,
    Claim,
    Clear,
    Collect,
    Flag,
    FlagMany,
    Insure,
    Observe,
    Poke,
    Refill,
    Refresh,
    Repay,
    Reserve,
    Settle,
    Sweep,
    Take,
    Tidy,
)
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.price_update_plan import holds_poke, plan_brings
from bulkhead.keeper.state import KeeperState
from bulkhead.keeper.takes import plan_defence, plan_takes
from bulkhead.keeper.unwind import plan_unwind
from bulkhead.keeper.windows import CLOCK_SECONDS, plan_fixes, plan_observes
from bulkhead.risk.auction import LiquidationTerms
from bulkhead.risk.words import WAD, Status

#: Vaults in one settling or claiming transaction.
BATCH = 16
#: A gap above 900 s on the market's clock restarts its auctions; without auctions it is kept from restarting late.
QUIET_SECONDS = 780
#: Recorded deficits, and what insurance holds for them, are recorded anew when they have moved by a tenth; those of a
#: cell no sooner than this after the last time, unless a vault has only now become insolvent.
MOVED = 10
REFRESH_SECONDS = 60
#: Vaults in one refreshing transaction; and of so many flags due at once in a cell on they share transactions.
REFRESH_BATCH, MANY_FLAGS = 16, 4
#: A pool's vault is refilled when it lacks more than this share of its initial margin: less costs more gas than it is
#: worth, and margins creep at every block.
REFILL_FROM = WAD // 20
#: Wad in 1e-6 of a token, in which deficits are recorded.
MICRO = 10**12
#: Shares of the liquidation deposit that the caller earns.
FLAG_TIP, END_TIP = 50, 30
#: What a bug may raise; it is logged with its traceback and must not end the watch.
BUGS = (ArithmeticError, LookupError, TypeError, ValueError, AssertionError, OSError)

#: Decides what one role does.
Plan = Callable[[KeeperState, Policy], Sequence[Action]]
#: Is told of a role that hit a bug.
Failed = Callable[[str, Exception], None]


def decide(state: KeeperState, policy: Policy, failed: Failed | None = None) -> list[Action]:
    """Actions in the order in which they should be sent.

    Args:
        state: The market.
        policy: What to do.
        failed: Told of a role that hit a bug, which must not keep the others from acting; without it the bug is raised.
    """
    plans: tuple[tuple[str, Plan], ...] = (
        ("bring", plan_brings),
        # before hundreds of flags: what comes later waits behind their nonces
        ("tend", plan_defence),
        ("clear", _clears),
        ("top_up", plan_mandates),
        # before flags: a take ends what a flag has only begun
        ("take", plan_takes),
        ("flag", _flags),
        ("absorb", _absorbs),
        # after what was decided on this very state: a poke may move the margins a little
        ("poke", _pokes),
        ("poke", plan_observes),
        ("fix", plan_fixes),
        ("settle", _settles),
        ("claim", _insures),
        ("claim", _claims),
        ("sweep", _sweeps),
        ("refresh", _refreshes),
        ("tend", _collects),
        ("unwind", plan_unwind),
        ("advance", _advances),
    )
    found: list[Action] = []
    for role, plan in plans:
        if role not in policy.roles:
            continue
        try:
            found += plan(state, policy)
        except BUGS as error:
            if failed is None:
                raise
            failed(role, error)
    return found


def _pokes(state: KeeperState, policy: Policy) -> list[Action]:
    """One poke for all markets that go by the same prices."""
    found: list[Action] = []
    busy = {state.priced(market) for market in state.busy}
    flagged = {state.priced(market) for market, expiry in state.auctions() if state.now < expiry}
    views = {state.priced(view.market): view for view in state.markets.values()}
    for market, view in views.items():
        if not policy.mine(market):
            continue
        quiet = state.now - view.recorded_at
        due = (market in flagged and quiet >= CLOCK_SECONDS) or (market in busy and quiet >= QUIET_SECONDS)
        if not holds_poke(state, policy, market):
            if view.new_rounds or due:
                found.append(Poke(market, view.new_rounds))
        elif due:
            found.append(Observe((market, 0)))
    return found


def _flags(state: KeeperState, policy: Policy) -> list[Action]:
    # what an owner's mandate is about to mend is left to it, for a block
    mended = {a.vault_id for a in plan_mandates(state, policy)} if "top_up" in policy.roles else set()
    mended -= {due.vault_id for due in state.top_ups if state.block - due.since >= HOLD_BLOCKS}
    unsafe = [
        v
        for v in state.vaults.values()
        if policy.mine(v.vault_id)
        and state.live(v)
        and not v.flagged
        and not state.ours(v)
        and v.liquidatable
        and v.vault_id not in mended
    ]
    certain = [v for v in unsafe if state.active(v.cell)]
    # the worst first: should the batch not fit a block, what is left out is the least urgent
    certain.sort(key=lambda v: v.equity - v.maintenance_margin)
    unsure = [i for i, cell in sorted(state.unknown.items()) if state.now < cell[1] and policy.mine(i)]
    # whether its price is active is not known: the chain is asked
    unsure += [v.vault_id for v in unsafe if v.cell not in state.cells]
    return [*_certain_flags(state, policy, certain), *(Flag(i, False) for i in unsure)]


def _certain_flags(state: KeeperState, policy: Policy, certain: list[VaultView]) -> list[Action]:
    """Flags of vaults, the worst first; where many of a cell are due at once they share transactions."""

    def worth(vault: VaultView) -> int:
        bonus = policy.min_bonus * vault.maintenance_margin // WAD if "take" in policy.roles else 0
        brings = _tip(vault, FLAG_TIP) + bonus + policy.stake * vault.maintenance_margin // WAD
        return state.in_quote(vault.market, brings)

    cells: dict[tuple[int, int], list[VaultView]] = {}
    for vault in certain:
        # what is on its way in a batch needs no flag of its own, which would be refused after it
        if vault.vault_id not in state.flagging:
            cells.setdefault(vault.cell, []).append(vault)
    found: list[Action] = []
    for vaults in cells.values():
        if len(vaults) < MANY_FLAGS or policy.flag_batch < MANY_FLAGS:
            found += [Flag(v.vault_id, True, len(v.legs), worth(v)) for v in vaults]
            continue
        for i in range(0, len(vaults), policy.flag_batch):
            part = vaults[i : i + policy.flag_batch]
            ids, legs = tuple(v.vault_id for v in part), sum(len(v.legs) for v in part)
            found.append(FlagMany(ids, legs, sum(map(worth, part))))
    return found


def _tip(vault: VaultView, percent: int) -> int:
    """Share of a vault's liquidation deposit [wad token]."""
    return vault.units.micro(vault.deposit * percent // 100)


def plan_mandates(state: KeeperState, policy: Policy) -> list[RunMandate]:
    """Top-ups that owners have asked for, the best paid first, as many as the wallet behind them pays for.

    Each alone would pass, and the first of one wallet may empty it: the others would be paid gas to fail.
    """
    found: list[RunMandate] = []
    left = {due.payer: due.purse for due in state.top_ups}

    def worth(due: DueTopUp) -> int:
        paid = due.tip * state.markets[due.market].native if due.market in state.markets else 0
        return state.in_quote(due.market, paid)

    for due in sorted(state.top_ups, key=lambda one: -worth(one)):
        cost = due.amount + due.tip
        if worth(due) and worth(due) >= policy.min_tip and policy.mine(due.vault_id) and cost <= left[due.payer]:
            left[due.payer] -= cost
            found.append(RunMandate(due.vault_id, worth(due)))
    return found


def _clears(state: KeeperState, policy: Policy) -> list[Action]:
    return [
        Clear(v.vault_id, state.in_quote(v.market, _tip(v, END_TIP)))
        for v in state.vaults.values()
        if policy.mine(v.vault_id) and state.live(v) and v.clearable and state.active(v.cell)
    ]


def _absorbs(state: KeeperState, policy: Policy) -> list[Action]:
    # an absorb gives the pool's vault what it lacks as well: a refill after it would find nothing to do
    return [*_minds_pools(state, policy), *_takes_for_pools(state, policy)]


def _minds_pools(state: KeeperState, policy: Policy) -> list[Action]:
    found: list[Action] = []
    for vault in state.vaults.values():
        if not _of_pool(state, vault) or not policy.mine(vault.vault_id):
            continue
        if not vault.legs and not vault.claim and not vault.debt:
            found.append(Tidy(vault.vault_id, vault.market))
        elif state.live(vault) and vault.fresh and _lacks_margin(state, vault):
            found.append(Refill(vault.vault_id, vault.market))
    return found


def _takes_for_pools(state: KeeperState, policy: Policy) -> list[Action]:
    # what this keeper takes itself is gone before a pool could have it
    taken = set()
    if "take" in policy.roles:
        taken = {i for a in plan_takes(state, policy) if isinstance(a, Take) for i in a.vault_ids}
    found: list[Action] = []
    for vault_id, quote in sorted(state.quotes.items()):
        vault = state.vaults.get(vault_id)
        if vault is None or quote.reason or vault_id in taken or not policy.mine(vault_id):
            continue
        if vault_id in state.taking:
            continue
        market, view = state.markets.get(vault.market), state.cells.get(vault.cell)
        if market is None or not market.pool or view is None or _of_pool(state, vault):
            continue
        if not view.snapshot.is_usable:
            continue
        terms = LiquidationTerms.unpack(view.liquidation)
        # without a live surface the pool wants twice the bonus
        live = view.snapshot.status & Status.SURFACE_LIVE
        least = terms.backstop_from * (1 if live else 2)
        enough = quote.fraction * quote.margin // WAD >= terms.minimum * market.units.unit * max(
            _new_to_pool(state, vault), 1
        )
        if quote.bonus_share >= least and quote.price >= 0 and enough:
            found.append(Absorb(vault_id, vault.market, state.in_quote(vault.market, _tip(vault, END_TIP))))
    return found


def _new_to_pool(state: KeeperState, vault: VaultView) -> int:
    """Legs that no vault of the pool in that cell holds: at least these are new to the one that takes over."""
    pool = [v for v in state.vaults.values() if v.cell == vault.cell and _of_pool(state, v)]
    held = {leg.key for v in pool for leg in v.legs}
    return sum(leg.key not in held for leg in vault.legs)


def _lacks_margin(state: KeeperState, vault: VaultView) -> bool:
    lacking = state.shortages.get(vault.vault_id, 0) * state.markets[vault.market].native
    return vault.equity >= 0 and lacking * WAD > REFILL_FROM * vault.initial_margin


def _of_pool(state: KeeperState, vault: VaultView) -> bool:
    """Whether a pool has opened the vault: what was merely sent to it is not in its books."""
    market = state.markets.get(vault.market)
    return market is not None and vault.owner.lower() == market.pool.lower() and vault.epoch == 0


def _settles(state: KeeperState, policy: Policy) -> list[Action]:
    found: list[Action] = []
    for cell, view in sorted(state.cells.items()):
        if view.expiry_price == 0:
            continue
        due = [i for i in state.due.get(cell, ()) if policy.mine(i)]
        found.extend(Settle(tuple(due[i : i + BATCH])) for i in range(0, len(due), BATCH))
    return found


def _claims(state: KeeperState, policy: Policy) -> list[Action]:
    due = sorted(i for i, (_, amount) in state.claims.items() if amount > 0 and policy.mine(i))
    return [Claim(tuple(due[i : i + BATCH])) for i in range(0, len(due), BATCH)]


def _sweeps(state: KeeperState, policy: Policy) -> list[Action]:
    debts: list[Action] = [Repay(i) for i in state.debts if policy.mine(i)]
    return debts + [Sweep(cell) for cell in state.swept if policy.mine(cell[0])]


def _insures(state: KeeperState, policy: Policy) -> list[Action]:
    """What only the day's cap held back, on a day that has room again."""
    return [Insure(cell) for cell in state.insurable if policy.mine(cell[0])]


def _refreshes(state: KeeperState, policy: Policy) -> list[Action]:
    """Deficits that have moved by a tenth, and then what insurance holds back for them."""
    due: dict[tuple[int, int], list[int]] = {}
    fresh: set[tuple[int, int]] = set()
    for vault in state.vaults.values():
        if not (vault.flagged and state.live(vault) and vault.priced and policy.mine(vault.vault_id)):
            continue
        recorded = state.deficits.get(vault.vault_id, 0)
        if _moved(recorded, _deficit(vault.equity)):
            due.setdefault(vault.cell, []).append(vault.vault_id)
            if not recorded:
                fresh.add(vault.cell)
    found: list[Action] = []
    for cell, ids in sorted(due.items()):
        waited = cell in fresh or state.now - state.refreshed.get(cell, 0) >= REFRESH_SECONDS
        if waited and state.active(cell):
            ids.sort()
            parts = [tuple(ids[i : i + REFRESH_BATCH]) for i in range(0, len(ids), REFRESH_BATCH)]
            found += [Refresh(cell, part) for part in parts]
    reserves = sorted(state.reserves.items())
    return found + [Reserve(cell) for cell, (was, now) in reserves if _moved(was, now) and policy.mine(cell[0])]


def _deficit(equity: int) -> int:
    """What the Clearinghouse records of an equity [wad]: 1e-6 of the token, rounded up."""
    return -equity // MICRO + 1 if equity < 0 else 0


def _moved(recorded: int, now: int) -> bool:
    """Whether an amount differs from what is recorded by a tenth of that."""
    return now != recorded and abs(now - recorded) * MOVED >= recorded


def _collects(state: KeeperState, policy: Policy) -> list[Action]:
    del policy
    # while auctions run, an empty vault is needed again in a moment
    busy = {market for market, _ in state.auctions()}
    return [
        Collect(v.vault_id)
        for v in state.vaults.values()
        if state.own(v) and v.market not in busy and not v.legs and not v.claim and not v.debt
    ]


def _advances(state: KeeperState, policy: Policy) -> list[Action]:
    """Steps that are due; ramps stand still while a market's price is unusable."""
    asleep = {cell[0] for cell in state.cells} - {cell[0] for cell in state.cells if state.active(cell)}
    return [
        Advance(market, name)
        for (market, name), due in sorted(state.ramps.items())
        if due <= state.now and market not in asleep and policy.mine(market)
    ]
