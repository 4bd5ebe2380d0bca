"""What is kept under a vault's id: who sells a vault must leave nothing behind that binds who buys it."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import product

#: Maps by vault id that do not count by epoch, and why a seller gains nothing by them.
HARMLESS = {
    "AutoTopUp.records": "owner and epoch stand in the record; what was spent in a day goes with its epoch",
    "Clearinghouse.words": "the vault itself",
    "Clearinghouse.notes": "what the vault owns and owes: it is sold with it",
    "Clearinghouse.deficits": "what the vault owes to its cell: it is sold with it",
    "Clearinghouse.legs": "the position: it is sold with the vault",
    "Exchange.minimums": "counters rise by bounded steps, so none can be used up; caps are those of the epoch",
    "Exchange.series_minimums": "counters rise by bounded steps, so none can be used up",
    "InsuranceFund.vault_draws": "what insurance has paid for its shortfall: a limit of the fund and of no owner",
    "Settlement.claims": "what the vault is owed: it is sold with it",
    "Settlement.debts": "what the vault owes: it is sold with it",
    "VaultToken.approvals": "a transfer clears it",
}
MAP = re.compile(r"((?:^[ \t]*#.*\n)*)^(\w+): (?:public\()?HashMap\[uint256,", re.MULTILINE)


def by_vault() -> dict[str, str]:
    """Every map whose comment says that its key is a vault's id, with that comment."""
    found = {}
    for source in product():
        for comment, name in MAP.findall(source.text):
            if re.search(r"#.*\bvault id\b.*->", comment):
                found[f"{source.path.stem}.{name}"] = comment
    return found


def test_maps_by_vault__are_found() -> None:
    assert {"TradeLimits.losses", "TradeLimits.caps", "Operators.grants"} <= set(by_vault())
    assert set(by_vault()) >= set(HARMLESS)


@pytest.mark.parametrize("name", sorted(by_vault()))
def test_map_by_vault__counts_by_epoch_or_says_why_a_seller_gains_nothing(name: str) -> None:
    assert "epoch" in by_vault()[name] or name in HARMLESS
