"""What is wrong with which node, in sentences for people."""

from __future__ import annotations

import time

from bulkhead.keeper.providers import AGAIN, Providers

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
