"""The demo: deploy with Ape on an Anvil of its own, then a crash with the keeper as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bulkhead.chain import anvil, compiler
from bulkhead.chain import deployment as deployments
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BulkheadError
from bulkhead.progress import doing, shown
from bulkhead.replay.keepers import KeeperDriver, KeeperProcess
from bulkhead.replay.market import LocalMarket, deploy_plainly, save_inputs
from bulkhead.replay.price_paths.path import PricePath
from bulkhead.replay.run import run
from bulkhead.replay.screen import Screen, clock, summary
from bulkhead.report import write
from bulkhead.report.model import RunRecord


def deploy_with_ape(chain: Anvil, content: dict[str, Any]) -> Deployment:
    """Runs `ape run deploy` against a running Anvil and reads what it wrote."""
    root = compiler.project_root()
    with tempfile.TemporaryDirectory(prefix="bulkhead-") as folder:
        given, made = Path(folder) / "inputs.json", Path(folder) / "addresses.json"
        save_inputs(content, given)
        command = [
            compiler.command("ape"), "run", "deploy", "--network", "ethereum:local:foundry", "--url", chain.url,
            "--inputs", str(given), "--out", str(made),
        ]  # fmt: skip
        # ape-foundry and ape-vyper find anvil and vyper on PATH only
        tools = [str(Path(sys.executable).parent), str(Path(anvil.find_anvil()).parent), os.environ.get("PATH", "")]
        with doing("deploying with Ape"):
            done = subprocess.run(
                command,
                cwd=root,
                env={**os.environ, "PATH": os.pathsep.join(tools)},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-6:]
            raise BulkheadError("Deploying with Ape failed:\n" + "\n".join(said))
        return deployments.load(made)


@dataclass(frozen=True)
class Options:
    """How the demo runs.

    Attributes:
        report: File for the HTML report.
        log: File for the keeper's log, None for none.
        ape: Deploy with Ape; without it over plain JSON-RPC.
    """

    report: Path
    log: Path | None = None
    ape: bool = True


def play(path: PricePath, options: Options, console: Console) -> RunRecord:
    """Runs the demo.

    Raises:
        BulkheadError: Something failed, a check included.
    """
    started = time.monotonic()
    console.print(f"Prices: {path.source}.")
    console.print(
        f"{len(path.rounds)} oracle rounds, expiry {clock(path.expiry)} UTC. Deploying on a chain of its own."
    )

    def deployer(chain: Anvil, content: dict[str, Any]) -> Deployment:
        # afterwards the screen tells
        with shown("deploying"):
            made = deploy_with_ape(chain, content) if options.ape else deploy_plainly(chain, content)
        console.print(
            f"{len(made.contracts)} contracts deployed {'with Ape ' if options.ape else ''}"
            f"after {time.monotonic() - started:.0f} s; the keeper starts as a process of its own."
        )
        return made

    def keeper(local: LocalMarket) -> KeeperDriver:
        return KeeperProcess(local, stream=stream)

    with Screen(console) as screen, (options.log or Path(os.devnull)).open("w") as stream:
        record = run(path, keeper, deployer, screen.show, coins=True)
    summary(console, record)
    write(record, options.report)
    console.print(f"Report: {options.report}  ({record.seconds:.0f} s)")
    if not record.passed:
        failed = ", ".join(check.name for check in record.checks if not check.passed)
        raise BulkheadError(f"The demo ran, but these checks failed: {failed}.")
    return record
