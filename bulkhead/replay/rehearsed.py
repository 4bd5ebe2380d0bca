"""What a rehearsal has seen from block to block, and how it is told to people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bulkhead.chain.lens import VaultView
from bulkhead.keeper.state import KeeperState

#: Transactions that are shown to people.
SHOWN = 12


@dataclass
class Seen:
    """What was seen from block to block.

    Attributes:
        blocks: How many were mined.
        waits: Since which block each unsafe vault has waited for its flag.
        unsafe: Vaults that were unsafe at some block.
        longest: Most blocks that one waited.
        spot: (first, least, most, last) of each market [wad].
        sigma: (first, most) of each market [wad].
        wallet: Least tokens in the wallets, by market [native].
        own_health: Least health of an own vault [wad], None while there is none.
        own_unsafe: Own vaults that were liquidatable at some block.
    """

    blocks: int = 0
    waits: dict[int, int] = field(default_factory=dict)
    unsafe: set[int] = field(default_factory=set)
    longest: int = 0
    spot: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    sigma: dict[int, tuple[int, int]] = field(default_factory=dict)
    wallet: dict[int, int] = field(default_factory=dict)
    own_health: int | None = None
    own_unsafe: set[int] = field(default_factory=set)

    def look(self, state: KeeperState) -> None:
        """Takes in a state."""
        for cell, view in state.cells.items():
            spot, sigma = view.snapshot.spot, view.snapshot.sigma
            if spot:
                first, least, most, _ = self.spot.get(cell[0], (spot, spot, spot, spot))
                self.spot[cell[0]] = (first, min(least, spot), max(most, spot), spot)
                before = self.sigma.get(cell[0], (sigma, sigma))
                self.sigma[cell[0]] = (before[0], max(before[1], sigma))
        waiting: dict[int, int] = {}
        for vault in state.vaults.values():
            if state.ours(vault):
                self._own(vault)
            elif vault.liquidatable and state.live(vault) and not vault.flagged:
                waiting[vault.vault_id] = self.waits.get(vault.vault_id, state.block)
        self.longest = max([self.longest, *(state.block - since for since in self.waits.values())])
        self.waits = waiting
        self.unsafe |= waiting.keys()

    def _own(self, vault: VaultView) -> None:
        if vault.legs and vault.health is not None and not vault.covered:
            self.own_health = vault.health if self.own_health is None else min(self.own_health, vault.health)
        if vault.liquidatable:
            self.own_unsafe.add(vault.vault_id)


def lines_of(found: dict[str, Any]) -> list[str]:
    """The same for people."""
    vaults, own, gas = found["vaults"], found["own_vaults"], found["gas"]
    lines = [
        f"{found['minutes']:.0f} minutes from block {found['from_block']} on, {found['blocks']} blocks of the fork"
    ]
    for symbol, m in found["markets"].items():
        if m["spot"] is not None:
            spot, sigma = m["spot"], m["sigma"]
            lines.append(
                f"{symbol}: spot {spot['first']:,.2f} to {spot['last']:,.2f}, sigma {sigma['first']:.3f} up to "
                f"{sigma['most']:.3f}, {'with its surface' if m['surface'] else 'without a live surface'}"
            )
        lines.append(
            f"{symbol}: profit {m['profit']} {m['currency']} before gas (tips {m['tips']}, realised {m['realised']}, "
            f"marked {m['marked']}); {m['takes']} takes with {m['bonus']} at mark; {m['deposited']} put into own "
            f"vaults, at least {m['least_in_wallet']} in the wallet"
        )
    lines += [f"the feed at {feed} has no price, and was left as it is" for feed in found["feeds_without_a_price"]]
    lines.append(
        f"vaults: {vaults['unsafe']} of {vaults['on_chain']} became unsafe; {vaults['flagged']} flags, longest wait "
        f"{vaults['longest_wait_blocks']} blocks; {vaults['taken']} takes, {vaults['flags_ended']} flags ended"
    )
    for name, text in (("unsafe_without_a_flag", "unsafe without a flag"), ("still_flagged", "still flagged")):
        if vaults[name]:
            lines.append(f"{text} at the end: {_ids(vaults[name])}")
    health = "none that a price could hurt" if own["least_health"] is None else f"least health {own['least_health']}"
    lines.append(f"own vaults: {own['open']} with legs, {health}")
    if own["liquidatable"]:
        lines.append(f"own vaults that were liquidatable for a block or more: {_ids(own['liquidatable'])}")
    lines.append(
        f"gas: {gas['transactions']} transactions, {gas['coins']:.6f} coins ({gas['quote']} quote), "
        f"{gas['reverted_coins']:.6f} of them reverted"
    )
    lines += [f"not sent, {count} times: {reason}" for reason, count in found["not_sent"].items()]
    lines += [f"alert: {text}" for text in found["alerts"]] + [f"bug: {text}" for text in found["bugs"]]
    for d in found["done"][:SHOWN]:
        lines.append(f"minute {d['minute']}: {d['call']} ({d['key']}), {d['outcome']}, {d['gas']} gas")
    if len(found["done"]) > SHOWN:
        lines.append(f"and {len(found['done']) - SHOWN} more transactions (--json lists them)")
    return lines


def _ids(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:20])) + (f" and {len(ids) - 20} more" if len(ids) > 20 else "")
