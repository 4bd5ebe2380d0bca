"""What is wrong with nodes, what cannot be paid for and who is in a margin call, in sentences for people."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bulkhead.keeper.calls import Call
from bulkhead.keeper.plan import Flag, FlagMany
from bulkhead.keeper.providers import AGAIN, Providers
from bulkhead.keeper.vault_registry import VaultRegistry
from bulkhead.keeper.wallets import Wallets
from bulkhead.keeper.webhook import Alerts
from bulkhead.risk.words import WAD

#: A node of which lately this share of posts failed, or that has said nothing for so long, is told of, and one that
#: takes longer than this, if others are much faster [seconds].
MOST_FAILING, SILENT_SECONDS, SLOW = 0.8, 6.0, 0.3


def node_complaints(providers: Providers) -> list[tuple[str, str, str]]:
    """(node, kind of alert, sentence) for each node that is not believed, or not of much use."""
    found: list[tuple[str, str, str]] = []
    now = time.monotonic()
    best = min((n.latency for n in providers.nodes if n.verified and n.latency), default=0.0)
    for node in providers.nodes:
        silent = node.asked_at and now - max(node.told_at, node.seen_at) > SILENT_SECONDS
        if node.refused:
            found.append((node.name, "node-refused", f"{node.name} is not used: {node.refused}"))
        elif node.complaint:
            found.append((node.name, "node-aside", f"{node.name} is set aside: {node.complaint}."))
        elif node.failing > MOST_FAILING or (silent and len(providers.nodes) > 1):
            text = f"{node.name} does not answer; the keeper lives on the others."
            found.append((node.name, "node-down", text))
        elif node.latency > SLOW and node.latency > 4 * best:
            text = f"{node.name} takes {node.latency:.1f} s to answer, another one {best:.2f} s."
            found.append((node.name, "node-slow", text))
        elif now - providers.disputes.get(node.name, -AGAIN) < AGAIN:
            text = f"{node.name} and another node differ about the state of one block: one of them is wrong."
            found.append((node.name, "node-differs", text))
    return found


def tell_refusals(alerts: Alerts, wallets: Wallets, refused: Sequence[tuple[Call, str]]) -> None:
    """Tells of calls that could not be paid for."""
    dear = [call for call, reason in refused if isinstance(call.action, Flag | FlagMany) and "dearer" in reason]
    if dear:
        text = "Flags wait: gas is dearer than they are worth (gas_share, stake)."
        alerts("gas-cap", wallets.addresses[0], text, waiting=len(dear))
    if any("too few for gas" in reason for _, reason in refused):
        poor = min(wallets.senders, key=lambda sender: sender.balance)
        alerts("no-funds", poor.address, "The keeper cannot pay for gas.", balance=str(poor.balance))


def tell_margin_calls(alerts: Alerts, wallets: Wallets, registry: VaultRegistry) -> None:
    """One post a block for all of them, and one for the keeper's own, which are its own business."""
    found: dict[bool, dict[int, dict[str, Any]]] = {True: {}, False: {}}
    for vault_id, view in registry.margin_calls.items():
        own = vault_id in registry.kept and wallets.has(view.owner)
        margin = round(view.maintenance_margin / WAD, 2)
        found[own][vault_id] = {"owner": view.owner, "equity": round(view.equity / WAD, 2), "margin": margin}
    alerts.bundle("margin-call", found[False], "vaults are below 1.2 times their maintenance margin.")
    alerts.bundle("own-margin-call", found[True], "own vaults are below 1.2 times their maintenance margin.")
