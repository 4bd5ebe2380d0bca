"""States of a small market, for tests of decisions."""

from __future__ import annotations

from bulkhead.chain.lens import FLAGGED, LIQUIDATABLE, CellView, VaultView
from bulkhead.chain.words import Model
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import KeeperState, MarketView, Quote
from bulkhead.risk.words import WAD, Kind, Leg, Snapshot

KEEPER = "0x" + "aa" * 20
OTHER = "0x" + "bb" * 20
NOW, EXPIRY = 1_000_000, 2_000_000
POOL = "0x" + "dd" * 20
CELL = (1, EXPIRY)
LEGS = (Leg(Kind.PUT, 160 * 10**8, -100 * 10**6),)
MICRO = 10**12


def vault(
    vault_id: int, owner: str = OTHER, equity: int = 150, margin: int = 100, status: int = 0, **other
) -> VaultView:
    fields = {
        "vault_id": vault_id, "owner": owner, "market": 1, "model": Model.ES, "expiry": EXPIRY, "epoch": 0,
        "custody": "0x" + "cc" * 20, "balance": 10**9, "status": status, "flagged_at": 0, "deposit": 10 * 10**6,
        "collateral": 300 * WAD, "value": equity * WAD - 300 * WAD, "equity": equity * WAD,
        "maintenance_margin": margin * WAD, "initial_margin": margin * WAD * 5 // 4, "target": margin * WAD * 9 // 8,
        "v_min": None, "delta": 0, "health": equity * WAD // margin if margin else None, "legs": LEGS,
    }  # fmt: skip
    return VaultView(**{**fields, **other})


def cell(status: int = 3, price: int = 0, expiry: int = EXPIRY) -> CellView:
    snapshot = Snapshot(200 * WAD, 200 * WAD, 0, WAD, status=status)
    return CellView((1, expiry), snapshot, price, 1, 0, 0, 0, 6, 10**4, 0)


def quote(fraction: int = WAD, cash: int = 40 * 10**6, bonus: int = 30, equity: int = 90, **other) -> Quote:
    return Quote(**{"reason": 0, "fraction": fraction, "cash": cash, "top_up": 0, "bonus_share": bonus * WAD // 100,
                    "equity": equity * WAD, "margin": 100 * WAD, **other})  # fmt: skip


def state(*vaults: VaultView, **other) -> KeeperState:
    fields = {
        "block": 7, "now": NOW, "keeper": KEEPER, "markets": {1: MarketView(1, 0, MICRO, 10**9, NOW)},
        "cells": {CELL: cell()}, "vaults": {v.vault_id: v for v in vaults},
    }  # fmt: skip
    return KeeperState(**{**fields, **other})


def empty(vault_id: int = 5, collateral: int = 0) -> VaultView:
    """An own vault without legs."""
    return vault(
        vault_id, owner=KEEPER, legs=(), expiry=0, margin=0, equity=collateral, collateral=collateral * WAD,
        initial_margin=0, maintenance_margin=0, value=0,
    )  # fmt: skip


FLAGGED_90 = vault(1, equity=90, status=FLAGGED | LIQUIDATABLE)
TAKES = Policy(roles=frozenset({"take"}))
