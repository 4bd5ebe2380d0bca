"""What the keeper's own vaults are exposed to, and what its limits leave. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bulkhead import pricing
from bulkhead.chain.lens import CellView
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.client.exposure import Exposure as Greeks
from bulkhead.keeper.policy import Limits, Policy
from bulkhead.keeper.state import KeeperState
from bulkhead.risk.scales import MICRO
from bulkhead.risk.words import WAD, Leg


@dataclass(frozen=True)
class Exposure:
    """Sums over legs.

    Attributes:
        delta: Quote value of the underlying that the legs stand for, signed.
        vega: Change for one point of vol [quote], signed.
        notional: Contracts times spot, long and short together [quote].
    """

    delta: float = 0.0
    vega: float = 0.0
    notional: float = 0.0

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(self.delta + other.delta, self.vega + other.vega, self.notional + other.notional)


def of_legs(legs: Iterable[Leg], view: CellView, share: float = 1.0) -> Exposure:
    """Exposure to a share of legs at a cell's prices: by its surface, as they are marked."""
    snapshot, units, held = view.snapshot, view.units, tuple(legs)
    spot = snapshot.spot / WAD
    in_tokens = pricing.notional(held, snapshot, units) / MICRO / WAD
    notional = in_tokens * (spot if units.inverse else 1.0) * share
    if not snapshot.seconds:
        return Exposure(notional=notional)
    found = Greeks.of(held, snapshot, units)
    return Exposure(float(found.delta) * spot * share, float(found.vega) * share, notional)


def own_exposure(state: KeeperState, alone: bool = False) -> dict[Cell, Exposure]:
    """Exposure of the own vaults, by cell, with what is on its way into them.

    One of a cell without a price counts nowhere, and nothing is taken there.

    Args:
        state: The market.
        alone: Of the acting wallet; else of all of the keeper's.
    """
    found: dict[Cell, Exposure] = {}
    for vault in state.vaults.values():
        mine = state.own(vault) if alone else state.ours(vault)
        taker = state.takers.get(vault.vault_id)
        coming = taker is not None and (not alone or taker == state.keeper.lower())
        if (mine or coming) and state.live(vault) and vault.cell in state.cells:
            found[vault.cell] = found.get(vault.cell, Exposure()) + of_legs(vault.legs, state.cells[vault.cell])
    return found


def in_vaults(state: KeeperState, market: int, alone: bool = True) -> int:
    """Tokens that own vaults of a market hold, of the acting wallet or of all of the keeper's [native]."""
    mine = state.own if alone else state.ours
    return sum(v.balance for v in state.vaults.values() if mine(v) and v.market == market)


def spendable(state: KeeperState, policy: Policy, market: int, reserved: int = 0) -> int:
    """Tokens of the wallet that takes may use in a market [native].

    Args:
        state: The market.
        policy: Its limits.
        market: Which.
        reserved: What the own vaults need first [native].
    """
    view = state.markets[market]
    held = in_vaults(state, market)
    free = (view.wallet + held) * policy.keep_free // WAD
    left = max(view.wallet - max(reserved, free), 0)
    all_held = in_vaults(state, market, alone=False) + state.committed.get(market, 0)
    for capital, used in ((policy.max_capital, all_held), (policy.wallet_capital, held)):
        if capital:
            most = state.in_token(market, capital)
            left = min(left, max(most // view.native - used - reserved, 0))
    return left


def _within(before: Exposure, after: Exposure, limits: Limits, share: float) -> bool:
    pairs = (
        (before.delta, after.delta, limits.delta),
        (before.vega, after.vega, limits.vega),
        (before.notional, after.notional, limits.notional),
    )
    return all(not most or abs(new) <= most / WAD * share or abs(new) <= abs(old) for old, new, most in pairs)


@dataclass
class Bound:
    """Limits of exposure, and what has been used of them.

    Attributes:
        exposure: By cell.
        limits: Most in all.
        share: Of those, for one expiry [wad].
    """

    exposure: dict[Cell, Exposure]
    limits: Limits
    share: int

    def allows(self, cell: Cell, more: Exposure) -> bool:
        """Whether more of a cell fits; what makes no figure larger always does."""
        before = self.exposure.get(cell, Exposure())
        now = before + more
        total = sum(self.exposure.values(), Exposure())
        after = total + now + Exposure(-before.delta, -before.vega, -before.notional)
        return _within(total, after, self.limits, 1.0) and _within(before, now, self.limits, self.share / WAD)

    def add(self, cell: Cell, more: Exposure) -> None:
        """Uses up what fits."""
        self.exposure[cell] = self.exposure.get(cell, Exposure()) + more


def bounds_of(state: KeeperState, policy: Policy) -> list[Bound]:
    """The limits that there are: of all of the keeper's wallets, and of the acting one alone."""
    found: list[Bound] = []
    if policy.limits != Limits():
        found.append(Bound(own_exposure(state), policy.limits, policy.expiry_share))
    if policy.wallet_limits != Limits():
        found.append(Bound(own_exposure(state, alone=True), policy.wallet_limits, WAD))
    return found
