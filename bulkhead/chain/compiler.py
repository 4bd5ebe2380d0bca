"""The contracts compiled by the `vyper` command, for ABIs and for chains of one's own; needs the sources.

The package itself carries no compiler. Artifacts are cached under `.cache/vyper/` by a digest of the source and of
everything it imports, so only what changed is compiled again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from bulkhead.chain.errors import BulkheadError, MissingDeployment
from bulkhead.progress import doing

EVM_VERSION = "cancun"
_IMPORT = re.compile(r"^(?:from\s+([\w.]+)\s+import\s+(\w+)|import\s+([\w.]+))", re.MULTILINE)


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    layout: dict[str, Any]


def project_root(start: Path | None = None) -> Path:
    """The folder that holds contracts/ and interfaces/: the working folder, one above it, or this file's project."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / "contracts" / "vaults").is_dir() and (folder / "interfaces").is_dir():
            return folder
    raise MissingDeployment(
        "The contract sources are not here: run this inside a clone of the project, or name a deployment."
    )


def find_source(root: Path, name: str) -> Path:
    """Source of a deployable contract by name."""
    for path in sorted((root / "contracts").glob(f"*/{name}.vy")):
        return path
    raise MissingDeployment(f"There is no source of a contract named {name}.")


def command(name: str) -> str:
    """Path of a tool of the project's environment, or one on PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise BulkheadError(f"The command '{name}' is not installed; `make setup` brings it.")
    return found


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _digest(root: Path, source: Path) -> str:
    """SHA-256 over a source and, recursively, the project files it imports."""
    seen: dict[str, bytes] = {}
    waiting = [source]
    while waiting:
        path = waiting.pop()
        key = path.relative_to(root).as_posix()
        if key in seen:
            continue
        seen[key] = path.read_bytes()
        for module, name, plain in _IMPORT.findall(seen[key].decode()):
            dotted = plain or f"{module}.{name}"
            base = root / Path(*dotted.split("."))
            waiting.extend(p for p in (base.with_suffix(".vy"), base.with_suffix(".vyi")) if p.exists())
    total = hashlib.sha256(f"abi,bytecode,layout {_version('vyper')} {_version('snekmate')} {EVM_VERSION}".encode())
    for key in sorted(seen):
        total.update(key.encode() + b"\0" + seen[key] + b"\0")
    return total.hexdigest()


def compile_contract(root: Path, name: str) -> Artifact:
    """Creation code and ABI of one contract, from the cache when nothing it imports has changed."""
    source = find_source(root, name)
    cached = root / ".cache" / "vyper" / f"{name}-{_digest(root, source)[:32]}.json"
    cached.parent.mkdir(parents=True, exist_ok=True)
    # who comes second waits for the first instead of compiling the same again
    with (cached.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if cached.exists():
            stored = json.loads(cached.read_text())
            return Artifact(name, stored["abi"], bytes.fromhex(stored["bytecode"]), stored["layout"])
        return _compile(root, source, cached)


def _compile(root: Path, source: Path, cached: Path) -> Artifact:
    arguments = [
        command("vyper"),
        "-p",
        str(root),
        "--evm-version",
        EVM_VERSION,
        "-f",
        "abi,bytecode,layout",
        str(source),
    ]
    run = subprocess.run(arguments, cwd=root, capture_output=True, text=True, check=False)
    lines = run.stdout.splitlines()
    if run.returncode != 0 or len(lines) != 3:
        raise BulkheadError(f"{source.relative_to(root)} does not compile:\n{run.stderr.strip()}")
    artifact = Artifact(
        source.stem, json.loads(lines[0]), bytes.fromhex(lines[1].removeprefix("0x")), json.loads(lines[2])
    )
    for stale in cached.parent.glob(f"{source.stem}-*.json"):
        stale.unlink(missing_ok=True)
    # write and rename: a reader sees all of it or nothing
    fresh = cached.with_suffix(".part")
    fresh.write_text(json.dumps({"abi": artifact.abi, "bytecode": artifact.bytecode.hex(), "layout": artifact.layout}))
    fresh.replace(cached)
    return artifact


def compile_contracts(root: Path, names: Iterable[str]) -> dict[str, Artifact]:
    """Several contracts, two compilers at a time."""
    wanted = list(dict.fromkeys(names))
    found: dict[str, Artifact] = {}
    with doing("compiling the contracts", len(wanted)) as activity, ThreadPoolExecutor(max_workers=2) as pool:
        for artifact in pool.map(lambda name: compile_contract(root, name), wanted):
            found[artifact.name] = artifact
            activity.step()
    return found


def contract_names(root: Path) -> list[str]:
    """Every deployable contract, test doubles too."""
    return sorted(p.stem for p in (root / "contracts").glob("*/[A-Z]*.vy"))


if __name__ == "__main__":
    # ahead of the tests, beside Ape's own compiler, which has the other core
    for contract in contract_names(project_root()):
        compile_contract(project_root(), contract)
