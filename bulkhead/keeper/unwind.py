"""How own vaults get smaller: legs that net are brought together, tokens that margin frees come home, legs are offered.

Pure. Nothing of it happens in a market where auctions run: what is free then is wanted for takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from bulkhead import orders, pricing
from bulkhead.chain.lens import CellView, VaultView
from bulkhead.client.deficits import tolerated
from bulkhead.keeper.plan import Action, Merge, Withdraw
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import KeeperState
from bulkhead.keeper.unwind_policy import UnwindTerms
from bulkhead.maker.answers import vol_priced
from bulkhead.orders import Flags, Order
from bulkhead.risk.scales import BPS_IN_ONE, MICRO
from bulkhead.risk.words import MAX_LEGS, WAD, Leg, Series

#: Equity that a withdrawal leaves beyond IM: margins creep until it is mined [wad].
SPARE = WAD // 20


def plan_unwind(state: KeeperState, policy: Policy) -> list[Action]:
    """Legs that net, and tokens that margin frees."""
    if policy.unwind is None:
        return []
    busy = {market for market, _ in state.auctions()}
    own = [
        vault
        for _, vault in sorted(state.vaults.items())
        if state.own(vault) and state.live(vault) and vault.fresh and state.active(vault.cell) and not vault.debt
        and vault.market in state.markets and vault.market not in busy
    ]  # fmt: skip
    found: list[Action] = []
    used: set[int] = set()
    for one, other in combinations(own, 2):
        if one.cell == other.cell and not used & {one.vault_id, other.vault_id} and _net(one, other, state):
            used |= {one.vault_id, other.vault_id}
            words = tuple(leg.pack() for leg in other.legs)
            found.append(Merge(other.vault_id, one.vault_id, words, other.balance))
    for vault in own:
        native = state.markets[vault.market].native
        amount = _free(vault, policy.unwind) // native
        if vault.vault_id not in used and amount > 0 and amount * native >= policy.unwind.min_withdraw:
            found.append(Withdraw(vault.vault_id, vault.market, amount))
    return found


def _net(one: VaultView, other: VaultView, state: KeeperState) -> bool:
    """Whether two vaults of a cell hold opposite sides of some series, and fit into one."""
    inverse = state.cells[one.cell].units.inverse
    held = {leg.key: leg.quantity for leg in one.legs if not leg.is_money(inverse)}
    opposite = any(held.get(leg.key, 0) * leg.quantity < 0 for leg in other.legs if not leg.is_money(inverse))
    together = {leg.key for leg in (*one.legs, *other.legs)}
    return opposite and len(together) <= MAX_LEGS and one.model == other.model


def _free(vault: VaultView, terms: UnwindTerms) -> int:
    """Tokens that a vault can do without [wad]."""
    if vault.covered and vault.v_min is not None:
        return max(vault.collateral - max(-vault.v_min, 0), 0)
    least = max(terms.withdraw_health * vault.maintenance_margin, (WAD + SPARE) * vault.initial_margin) // WAD
    return max(min(vault.equity - least, vault.collateral), 0)


def plan_offers(state: KeeperState, terms: UnwindTerms, taken_at: Mapping[int, int]) -> list[Order]:
    """Unsigned orders that offer what own vaults hold; epochs are still to be put in.

    Args:
        state: The market.
        terms: How fast and at which edge.
        taken_at: When each vault last took something [unix seconds].
    """
    found: list[Order] = []
    for _, vault in sorted(state.vaults.items()):
        view = state.cells.get(vault.cell)
        if view is None or not (state.own(vault) and state.live(vault) and vault.fresh and view.active):
            continue
        if vault.flagged or vault.debt:
            continue
        edge = terms.edge(state.now - taken_at.get(vault.vault_id, state.now))
        for leg in vault.legs:
            if not leg.is_money(view.units.inverse):
                order = _offer(state, vault, view, leg, edge=edge, terms=terms)
                found += [order] if order is not None else []
    return found


def _offer(
    state: KeeperState, vault: VaultView, view: CellView, leg: Leg, *, edge: int, terms: UnwindTerms
) -> Order | None:
    snapshot = view.snapshot
    size = abs(leg.quantity) * terms.share // WAD // view.lot * view.lot
    size = size or min(view.lot, abs(leg.quantity))
    buys = leg.quantity < 0
    one = (Leg(leg.kind, leg.strike, MICRO),)
    units = view.units
    change = pricing.notional(one, snapshot, units) // MICRO * edge // BPS_IN_ONE
    price = pricing.mark(one, snapshot, units) + (-change if buys else change)
    low = snapshot.spot * (BPS_IN_ONE - terms.band) // BPS_IN_ONE
    high = snapshot.spot * (BPS_IN_ONE + terms.band) // BPS_IN_ONE
    iv, worst = vol_priced(one, snapshot, price, buys, around=(low, high), units=units)
    if not leg.kind.is_delta(units.inverse) and worst <= 0:
        return None  # nobody pays for it, and nothing is owed on it either
    order = orders.build(
        maker_vault=vault.vault_id,
        signer=state.keeper,
        legs=[(Series(vault.market, leg.kind, vault.expiry, leg.strike).pack(), 1)],
        is_bid=buys,
        price=worst,
        iv=iv,
        size=size,
        expiry=min(state.now + terms.good_for, vault.expiry - 1),
        since=state.now,
        spot_min=low,
        spot_max=high,
        flags=Flags.REDUCE_ONLY,
        inverse=units.inverse,
    )
    return orders.with_changes(order, max_deficit=tolerated(view, order, size))
