"""What functions return has names: Vyper cannot name several outputs, so several are a struct."""

from __future__ import annotations

import json

import pytest

from tests.architecture.sources import ROOT

STANDARD = "EIP-5267 and Chainlink prescribe these outputs"
#: Functions with several outputs without names, and why.
LISTED = {
    "eip712Domain": STANDARD,
    "getRoundData": STANDARD,
    "latestRoundData": STANDARD,
}


@pytest.mark.parametrize("path", sorted((ROOT / "bulkhead" / "chain" / "abi").glob("*.json")), ids=lambda p: p.stem)
def test_abi__several_outputs__are_a_struct_or_listed(path):
    unnamed = [
        entry["name"]
        for entry in json.loads(path.read_text())
        if entry["type"] == "function"
        and len(entry["outputs"]) > 1
        and not all(output["name"] for output in entry["outputs"])
    ]
    assert not [name for name in unnamed if name not in LISTED]
