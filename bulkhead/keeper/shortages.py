"""What keeps the keeper from what it is for, though it runs: capital and limits. Pure."""

from __future__ import annotations

from bulkhead.chain.lens import VaultView
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.keeper.exposure import Exposure, bounds_of, of_legs, spendable
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import KeeperState, Quote
from bulkhead.keeper.takes import candidate_of, tokens_for
from bulkhead.risk.words import WAD


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
    bounds, means = bounds_of(state, policy), Means(state, policy)
    for vault_id, quote in sorted(state.quotes.items()):
        target = state.vaults.get(vault_id)
        if target is None or quote.reason or not state.tradable(target) or state.ours(target):
            continue
        if vault_id in state.left or vault_id in state.taking:
            continue
        if not means.free[target.market] or means.starved(target, quote):
            text = f"No capital is left for takes in market {target.market}: wallet, max_capital or keep_free."
            found.append(("no-capital", str(target.market), text))
            continue
        more = of_legs(target.legs, state.cells[target.cell], quote.fraction / WAD) if bounds else Exposure()
        if not all(bound.allows(target.cell, more) for bound in bounds):
            text = f"A limit of exposure keeps the keeper from takes in market {target.market}, expiry {target.expiry}."
            found.append(("limit", f"{target.market}-{target.expiry}", text))
    return list(dict.fromkeys(found))


class Means:
    """Tokens that the acting wallet has for takes, counted once for all flagged vaults of a look, perhaps thousands.

    Attributes:
        free: What takes may use of the wallet, by market [native].
        held: What own vaults of a cell have beyond their margin [wad].
    """

    def __init__(self, state: KeeperState, policy: Policy) -> None:
        self.state, self.policy = state, policy
        self.free = {market: spendable(state, policy, market) for market in state.markets}
        self.held: dict[Cell, int] = {}
        for vault in state.vaults.values():
            if state.own(vault):
                more = max(min(vault.equity - vault.initial_margin, vault.collateral), 0)
                self.held[vault.cell] = self.held.get(vault.cell, 0) + more

    def starved(self, target: VaultView, quote: Quote) -> bool:
        """Whether a take would pay and there are too few tokens even for the least share worth a transaction."""
        candidate = candidate_of(self.state, target, quote, self.policy)
        if candidate is None or target.vault_id in self.state.taking:
            return False
        market = self.state.markets[target.market]
        # empty ones are of no cell and take for any
        held = self.held.get(target.cell, 0) + self.held.get((target.market, 0), 0)
        have = self.free[target.market] + held // market.native
        return have * quote.fraction < self.policy.min_fraction * tokens_for(candidate, market)
