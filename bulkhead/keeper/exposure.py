"""What the keeper's own vaults are exposed to, and what its limits leave. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bulkhead.chain.book import Cell
from bulkhead.chain.lens import CellView
from bulkhead.keeper.plan import KeeperState, Limits, Policy
from bulkhead.risk.words import WAD, Kind, Leg

CONTRACT = 10**6
YEAR = 365 * 86_400


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
    """Exposure to a share of legs at a cell's prices."""
    snapshot = view.snapshot
    spot, forward = snapshot.spot / WAD, snapshot.forward / WAD
    years, sigma = snapshot.seconds / YEAR, snapshot.sigma / WAD
    width = sigma * math.sqrt(years)
    found = Exposure()
    for leg in legs:
        if leg.kind is Kind.CASH:
            continue
        quantity = leg.quantity / CONTRACT * share
        delta, vega = 1.0, 0.0
        if leg.kind is not Kind.FUTURE:
            strike = leg.strike / 10**8
            if width > 0 and forward > 0:
                d1 = math.log(forward / strike) / width + width / 2
                delta = (1 + math.erf(d1 / math.sqrt(2))) / 2
                vega = forward * math.sqrt(years) * math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi) / 100
            else:
                delta = float(forward > strike)
            delta -= leg.kind is Kind.PUT
        found += Exposure(quantity * delta * spot, quantity * vega, abs(quantity) * spot)
    return found


def own_exposure(state: KeeperState) -> dict[Cell, Exposure]:
    """Exposure of the own vaults, by cell. One of a cell without a price counts nowhere, and nothing is taken there."""
    found: dict[Cell, Exposure] = {}
    for vault in state.vaults.values():
        if state.own(vault) and state.live(vault) and vault.cell in state.cells:
            found[vault.cell] = found.get(vault.cell, Exposure()) + of_legs(vault.legs, state.cells[vault.cell])
    return found


def in_vaults(state: KeeperState, market: int) -> int:
    """Tokens that own vaults of a market hold [native]."""
    return sum(v.balance for v in state.vaults.values() if state.own(v) and v.market == market)


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
    if policy.max_capital:
        left = min(left, max(policy.max_capital // view.native - held - reserved, 0))
    return left


def fits(exposure: dict[Cell, Exposure], cell: Cell, more: Iterable[Exposure], policy: Policy) -> bool:
    """Whether limits allow more of a cell; what makes no figure larger always is."""
    before, now = exposure.get(cell, Exposure()), exposure.get(cell, Exposure())
    for part in more:
        now += part
    total = sum(exposure.values(), Exposure())
    after = total + now + Exposure(-before.delta, -before.vega, -before.notional)
    share = policy.expiry_share / WAD
    return _within(total, after, policy.limits, 1.0) and _within(before, now, policy.limits, share)


def _within(before: Exposure, after: Exposure, limits: Limits, share: float) -> bool:
    pairs = (
        (before.delta, after.delta, limits.delta),
        (before.vega, after.vega, limits.vega),
        (before.notional, after.notional, limits.notional),
    )
    return all(not most or abs(new) <= most / WAD * share or abs(new) <= abs(old) for old, new, most in pairs)


def shortages(state: KeeperState, policy: Policy) -> list[tuple[str, str, str]]:
    """(kind of alert, about, sentence) where capital or limits keep the keeper from what it is for."""
    found: list[tuple[str, str, str]] = []
    for vault in state.vaults.values():
        if not (state.own(vault) and state.live(vault) and vault.maintenance_margin) or vault.covered:
            continue
        market = state.markets.get(vault.market)
        near = vault.equity * WAD < policy.own_health * vault.maintenance_margin
        if near and market is not None and not market.wallet:
            text = f"Own vault {vault.vault_id} is near its margin, and the wallet has no tokens to add."
            found.append(("own-vault", str(vault.vault_id), text))
    if "take" not in policy.roles:
        return found
    exposure = own_exposure(state)
    for vault_id, quote in sorted(state.quotes.items()):
        target = state.vaults.get(vault_id)
        if target is None or quote.reason or not state.tradable(target) or state.own(target):
            continue
        more = of_legs(target.legs, state.cells[target.cell], quote.fraction / WAD)
        if not spendable(state, policy, target.market):
            text = f"No capital is left for takes in market {target.market}: wallet, max_capital or keep_free."
            found.append(("no-capital", str(target.market), text))
        elif not fits(exposure, target.cell, [more], policy):
            text = f"A limit of exposure keeps the keeper from takes in market {target.market}, expiry {target.expiry}."
            found.append(("limit", f"{target.market}-{target.expiry}", text))
    return list(dict.fromkeys(found))
