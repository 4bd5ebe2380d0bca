"""Writes the shipped ABIs from the sources: `python -m bulkhead.chain.abi [--check]`, run at the project root."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bulkhead.chain import compiler
from bulkhead.chain.errors import BulkheadError

#: Test contracts that the demo and the replay talk to.
MOCKS = ("MockAggregator", "MockERC20", "MockPyth")
#: Feeds that a market may be listed with; no deployment needs them.
FEEDS = ("PythAdapter", "RedStoneAdapter", "RoundRecorder")


def wanted(root: Path) -> dict[str, str]:
    """Text of each file by contract: PascalCase sources of contracts/, and the mocks."""
    names = [*sorted(p.stem for p in (root / "contracts").glob("*/[A-Z]*.vy") if p.parent.name != "testing"), *MOCKS]
    return {name: render(artifact.abi) for name, artifact in compiler.compile_contracts(root, names).items()}


def render(entries: list[dict[str, Any]]) -> str:
    """ABI as the file's text: one entry a line, so that a change shows as one line."""
    ordered = sorted(entries, key=lambda e: (e["type"], e.get("name", ""), len(e.get("inputs", []))))
    return "[\n" + ",\n".join(json.dumps(e, sort_keys=True) for e in ordered) + "\n]\n"


def drifted(root: Path, folder: Path) -> list[str]:
    """Names whose shipped file differs from what the sources give."""
    fresh = wanted(root)
    shipped = {p.stem: p.read_text() for p in folder.glob("*.json")}
    return sorted(name for name in fresh | shipped if fresh.get(name) != shipped.get(name))


def main(arguments: list[str]) -> int:
    """Writes or checks the files; returns the exit code."""
    root = compiler.project_root()
    folder = Path(__file__).parent
    try:
        if "--check" in arguments:
            names = drifted(root, folder)
            if names:
                print(f"ABIs differ from the sources: {', '.join(names)}. Run python -m bulkhead.chain.abi")
            return 1 if names else 0
        fresh = wanted(root)
        for stale in {p.stem for p in folder.glob("*.json")} - set(fresh):
            (folder / f"{stale}.json").unlink()
        for name, text in fresh.items():
            (folder / f"{name}.json").write_text(text)
    except BulkheadError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"wrote {len(fresh)} ABIs to {folder.relative_to(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
