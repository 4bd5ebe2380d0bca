"""Where two nodes differ about what decides: a vault that only one of them calls safe is not known to be safe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bulkhead.chain.book import Cell
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.lens import VaultView, cell_view, vault_view
from bulkhead.keeper.queries import Look, QueryBatch


def doubt(look: Look, wanted: QueryBatch, others: Mapping[int, Any]) -> None:
    """Keeps what a second node says otherwise, as far as it can be read.

    Args:
        look: Where it is kept.
        wanted: What was asked.
        others: Its answers, by the number of the query.
    """
    for i, reply in others.items():
        if isinstance(reply, BulkheadError):
            continue
        name, what = wanted.names[i]
        if name == "cell":
            look.other_cells[what] = cell_view(what, reply)
        elif name == "vaults" and len(reply) == len(what):
            for vault_id, state in zip(what, reply, strict=True):
                _doubt_vault(look, vault_id, state)


def _doubt_vault(look: Look, vault_id: int, state: Any) -> None:
    try:
        view = vault_view(state)
    except (ValueError, KeyError):
        return
    if isinstance(view, VaultView) and view.vault_id == vault_id:
        look.others[vault_id] = view


def disputed(look: Look) -> dict[int, Cell]:
    """Vaults that may be unsafe, and of which the nodes do not say so with one voice: the chain is asked."""
    found: dict[int, Cell] = {}
    for vault_id, other in look.others.items():
        view = look.vaults.get(vault_id)
        if other.liquidatable and not other.flagged and (view is None or view.flagged or not view.liquidatable):
            found[vault_id] = other.cell
    for cell, told in look.other_cells.items():
        ours = look.cells.get(cell)
        if told.active and (ours is None or not ours.active):
            unsafe = [v for v in look.vaults.values() if v.cell == cell and v.liquidatable and not v.flagged]
            found.update({v.vault_id: cell for v in unsafe})
    return found
