"""Storage layouts of the deployed contracts; `python -m tests.architecture.snapshots` rewrites them and the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bulkhead.chain.system import DEPLOYABLE
from tests.architecture import figures
from tests.contracts import deployer

FILE = Path(__file__).parent / "storage_layout.json"


def layout(contract: str) -> dict[str, Any]:
    """Slot and type of every variable of a contract, modules' included."""
    found = deployer(contract).artifact.layout
    return {area: found.get(area, {}) for area in ("storage_layout", "transient_storage_layout")}


def layouts() -> dict[str, Any]:
    """Layouts by contract."""
    return {contract: layout(contract) for contract in sorted(DEPLOYABLE)}


if __name__ == "__main__":
    FILE.write_text(json.dumps(layouts(), indent=1, sort_keys=True) + "\n")
    figures.FILE.write_text(json.dumps(figures.figures(), indent=1) + "\n")
    print(f"wrote {FILE.name}, {figures.FILE.name}")
