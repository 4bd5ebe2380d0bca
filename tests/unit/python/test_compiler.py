"""Contracts compiled by the command: what comes back, what is kept, and what does not compile."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkhead.chain.compiler import compile_contract, compile_contracts
from bulkhead.chain.errors import BulkheadError, MissingDeployment

GOOD = "# pragma version 0.4.3\n\n\nstored: uint256\n\n\n@external\n@view\ndef answer() -> uint256:\n    return 41\n"


def project(folder: Path, **sources: str) -> Path:
    """A folder with these contracts."""
    room = folder / "contracts" / "vaults"
    room.mkdir(parents=True, exist_ok=True)
    for name, text in sources.items():
        (room / f"{name}.vy").write_text(text)
    return folder


def kept(root: Path) -> list[str]:
    return sorted(path.name for path in (root / ".cache" / "vyper").glob("*.json"))


def test_compile__source_alone__gives_code_abi_and_layout_and_keeps_only_the_newest(tmp_path):
    root = project(tmp_path, Small=GOOD)
    first = compile_contract(root, "Small")
    assert first.name == "Small" and first.bytecode and [entry["name"] for entry in first.abi] == ["answer"]
    assert first.layout["storage_layout"]["stored"]["slot"] == 0
    (before,) = kept(root)
    assert compile_contract(root, "Small") == first and kept(root) == [before]
    changed = compile_contract(project(tmp_path, Small=GOOD.replace("41", "42")), "Small")
    assert changed.bytecode != first.bytecode and changed.abi == first.abi
    assert len(kept(root)) == 1 and kept(root) != [before]


def test_compile__source_with_a_fault__says_which_and_why_and_keeps_nothing(tmp_path):
    root = project(tmp_path, Broken=GOOD.replace("return 41", "return nothing"))
    with pytest.raises(BulkheadError, match=r"contracts/vaults/Broken\.vy does not compile:\n(.|\n)*nothing"):
        compile_contract(root, "Broken")
    assert kept(root) == []


def test_compile__contract_without_a_source__is_named(tmp_path):
    with pytest.raises(MissingDeployment, match="named Absent"):
        compile_contracts(project(tmp_path), ["Absent"])
