"""What a replay writes down of takes and of settlement, out of the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bulkhead.chain.contract import Log
from bulkhead.report.model import TakeRecord, VaultRecord
from bulkhead.risk.words import WAD


def note_take(vault: VaultRecord, values: Any, at: int, same: bool, unit: int) -> None:
    """A take of a vault.

    Args:
        vault: Its record.
        values: Of `VaultTaken`.
        at: Stamp of its block [unix seconds].
        same: Whether it equals the mirror.
        unit: Native units in one token.
    """
    risk = values.fraction * values.margin // WAD
    bonus = min(values.bonus_share * risk // WAD, max(values.equity, 0))
    vault.taken_at.append(at)
    vault.insurance_used += values.top_up
    vault.takes.append(
        TakeRecord(
            at=at,
            fraction=values.fraction / WAD,
            bonus_share=values.bonus_share / WAD,
            cash=values.cash,
            cut=values.cut,
            top_up=values.top_up,
            equity=values.equity / WAD,
            margin=values.margin / WAD,
            cost=bonus / WAD + values.cut / unit,
            exact=same,
        )
    )


def note_settlement(vaults: Mapping[int, VaultRecord], logs: Sequence[Log]) -> None:
    """Net of each vault, and its part of what insurance paid into the cell, by its shortfall."""
    settled = [log.values for log in logs if log.event == "VaultSettled"]
    drawn = sum(log.values.amount for log in logs if log.event == "CellInsured")
    short = sum(v.shortfall for v in settled)
    for v in settled:
        if v.vault_id in vaults:
            vaults[v.vault_id].settled_net = v.net
            vaults[v.vault_id].insurance_used += drawn * v.shortfall // short if short else 0
