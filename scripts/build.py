"""Compiles with Ape when any source has changed: `ape run build`.

Ape compares each file with its cached artifact but not the modules and interfaces which that file imports, so a changed
module would leave old bytecode behind. Everything here that uses Ape's artifacts calls `refresh` first.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import ape
import click

ROOT = Path(__file__).resolve().parent.parent
STAMP = ROOT / ".build" / "sources.sha256"


def digest_of_sources() -> str:
    """One digest of every Vyper file and of Ape's settings."""
    files = [p for folder in ("contracts", "interfaces") for p in (ROOT / folder).rglob("*.vy*")]
    digest = hashlib.sha256()
    for path in sorted([*files, ROOT / "ape-config.yaml"]):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def refresh() -> bool:
    """Compiles everything if a source is not what it was at the last time; returns whether it did."""
    now = digest_of_sources()
    if STAMP.exists() and STAMP.read_text() == now:
        return False
    ape.project.load_contracts(use_cache=False)
    STAMP.parent.mkdir(exist_ok=True)
    STAMP.write_text(now)
    return True


@click.command()
def cli() -> None:
    """Compile every contract if any source changed."""
    click.echo("compiled" if refresh() else "nothing changed")
