"""Where two nodes differ about what decides: a vault that only one of them calls safe is not known to be safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.lens import VaultView, cell_view, vault_view
from bulkhead.chain.vaults_from_logs import Cell
from bulkhead.keeper.node import Head
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.queries import Look, QueryBatch, quote_of
from bulkhead.keeper.readers import FanOut, agreed
from bulkhead.risk.words import Units

#: Tokens of accounts: too few blind the keeper, too many make it send what cannot pass.
OF_ACCOUNTS = ("wallet", "allowance", "purse", "allowed")
#: What is due, or there to be had.
COUNTED = ("poke", "claim", "shortage", "sweep", "insure", "opened")


def doubt(look: Look, wanted: QueryBatch, others: Mapping[int, Any], units: Callable[[int], Units]) -> None:
    """Keeps what a second node says otherwise, as far as it can be read.

    Args:
        look: Where it is kept.
        wanted: What was asked.
        others: Its answers, by the number of the query.
        units: What a market counts in, by its index.
    """
    for i, reply in others.items():
        name, what = wanted.names[i]
        if name in OF_ACCOUNTS:
            look.unsure.append(i)
        if isinstance(reply, BulkheadError):
            continue
        if name == "quote":
            _doubt_quote(look, what, reply)
        elif name in COUNTED:
            # what only one finds due is tried: a simulation says whether it is
            look.numbers[name, what] = max(look.numbers.get((name, what), 0), int(reply))
        elif name == "cell":
            look.other_cells[what] = cell_view(what, reply, units(what[0]))
        elif name == "vaults" and len(reply) == len(what):
            for vault_id, state in zip(what, reply, strict=True):
                _doubt_vault(look, vault_id, state, units)


def _doubt_quote(look: Look, vault_id: int, reply: Any) -> None:
    """Of a vault that only one node finds to be taken, its quote: limits hold where it is wrong."""
    ours, other = look.quotes.get(vault_id), quote_of(reply)
    if not other.reason and (ours is None or ours.reason):
        look.quotes[vault_id] = other


async def settle(look: Look, wanted: QueryBatch, providers: Providers, fan_out: FanOut, head: Head) -> None:
    """Asks every node about tokens of accounts of which two do not say the same.

    Raises:
        BulkheadError: The nodes failed.
    """
    if not look.unsure:
        return
    numbers = await agreed(fan_out, providers, [wanted.queries[i] for i in look.unsure], head)
    for i, number in zip(look.unsure, numbers, strict=True):
        if isinstance(number, int):
            look.numbers[wanted.names[i]] = number
    look.unsure.clear()


def _doubt_vault(look: Look, vault_id: int, state: Any, units: Callable[[int], Units]) -> None:
    try:
        view = vault_view(state, units)
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
