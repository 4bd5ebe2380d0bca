"""The demo: deploy with Ape on an Anvil of its own, then a crash with the keeper as a process of its own.

The keeper talks JSON-RPC only; the demo waits for it by reading its log lines, so that the play does not run ahead
of it on a slow machine.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from bulkhead.chain import anvil, compiler
from bulkhead.chain import deployment as deployments
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.deployment import Deployment
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.lens import VaultView
from bulkhead.chain.words import describe
from bulkhead.replay.keepers import KeeperProcess, Line
from bulkhead.replay.market import Stage, save_inputs
from bulkhead.replay.participants import ROLES
from bulkhead.replay.run import KeeperDriver, Plot, View, run
from bulkhead.report import write
from bulkhead.report.model import RunRecord
from bulkhead.risk.words import WAD

COLOURS = {
    "healthy": "green",
    "covered": "cyan",
    "margin-call": "yellow",
    "liquidatable": "red",
    "flagged": "bold red",
    "empty": "dim",
    "expired": "dim",
    "claim": "magenta",
    "debt": "red",
    "unknown": "bold yellow",
}


# --- deploying ----------------------------------------------------------------------------------------------------


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


# --- the keeper's process -----------------------------------------------------------------------------------------


class Companion:
    """The keeper's process beside the play, which waits for it."""

    def __init__(self, stage: Stage, log_path: Path | None = None) -> None:
        """Starts it.

        Args:
            stage: The market it keeps.
            log_path: File for its log lines.
        """
        self._stage = stage
        self._open = contextlib.ExitStack()
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="bulkhead-keeper-")))
        log = None if log_path is None else self._open.enter_context(log_path.open("w"))
        key = anvil.key(ROLES.index("keeper"))
        self._keeper = self._open.enter_context(KeeperProcess(stage, key, folder, stream=log))
        self._tick: Line = {"block": -1}
        self._read = 0

    def settle_down(self) -> None:
        """Waits until the keeper has looked at the newest block and sent nothing more."""
        while True:
            head = self._stage.anvil.rpc.block_number()
            if self._tick["block"] >= head and not self._tick["sent"] and not self._tick["pending"]:
                return
            self._tick, self._read = self._keeper.wait_for_look(head, self._read)

    def stop(self) -> None:
        """SIGTERM, and a clean end."""
        with self._open:
            if self._keeper.process.poll() is None:
                self._keeper.stop()


# --- what one sees ------------------------------------------------------------------------------------------------


def _clock(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d %b %H:%M:%S}"


class Screen:
    """A live table on a terminal; on anything else a line now and then."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task: TaskID | None = None
        self._live: Live | None = None
        self._last = 0.0

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=8, transient=True)
            self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def say(self, text: str) -> None:
        """One line that stays."""
        self.console.print(text)

    def show(self, view: View) -> None:
        """The market after a step."""
        pause = 0.1 if self._live is not None else 5.0
        if time.monotonic() - self._last < pause:
            return
        self._last = time.monotonic()
        if self._live is None:
            flagged = sum(v.flagged for v in view.vaults.values())
            taken = sum(len(v.takes) for v in view.record.vaults)
            self.say(
                f"{_clock(view.now)}  {view.record.symbol} {view.cell.snapshot.spot / WAD:,.2f}  "
                f"vol {view.cell.snapshot.sigma / WAD:.0%}  round {view.step}/{view.steps}  "
                f"flagged {flagged}  takes {taken}"
            )
            return
        if self._task is None:
            self._task = self.progress.add_task("rounds", total=view.steps)
        self.progress.update(self._task, completed=view.step, total=view.steps, description=view.phase)
        self._live.update(Group(self._head(view), self._table(view), self.progress))

    @staticmethod
    def _head(view: View) -> Text:
        snapshot = view.cell.snapshot
        return Text(
            f"{_clock(view.now)} UTC   {view.record.symbol} {snapshot.spot / WAD:,.2f}   "
            f"sigma {snapshot.sigma / WAD:.1%}   insurance {view.record.amount(view.cell.insurance):,.2f}",
            style="bold",
        )

    @staticmethod
    def _table(view: View) -> Table:
        table = Table(box=None, pad_edge=False)
        for name in ("owner", "vault", "legs"):
            table.add_column(name, no_wrap=name != "legs")
        for name in ("equity", "MM", "health"):
            table.add_column(name, justify="right")
        table.add_column("state")
        for vault in view.record.vaults:
            now = view.vaults.get(vault.vault_id)
            if now is None:
                continue
            table.add_row(
                vault.who, f"{vault.vault_id} {vault.title}", _legs(now), f"{now.equity / WAD:,.2f}",
                f"{now.maintenance_margin / WAD:,.2f}", _health(now), Text(now.state, style=COLOURS[now.state]),
            )  # fmt: skip
        return table


def _legs(view: VaultView) -> str:
    text = ", ".join(describe(leg) for leg in view.legs[:4])
    return text + (f", and {len(view.legs) - 4} more" if len(view.legs) > 4 else "")


def _health(view: VaultView) -> str:
    if view.health is None or view.covered:
        return "-"
    return f"{min(view.health / WAD, 99):.2f}"


def summary(console: Console, record: RunRecord) -> None:
    """Who was liquidated and at what cost, what everybody kept, and what was checked."""

    def money(native: int) -> str:
        return f"{record.amount(native):,.2f}"

    table = Table(title="What every owner kept", title_justify="left", box=None, pad_edge=False)
    for name in ("owner", "vault", "in the crash"):
        table.add_column(name)
    for name in ("deposited", "cost of liquidation", "settled for", "tokens at the end"):
        table.add_column(name, justify="right")
    for vault in sorted(record.vaults, key=lambda v: (v.who, v.vault_id)):
        what = Text(f"taken over {len(vault.takes)} times", style="red") if vault.takes else Text("untouched", "green")
        table.add_row(
            vault.who, f"{vault.vault_id} {vault.title}", what, money(vault.deposit),
            f"{sum(take.cost for take in vault.takes):,.2f}" if vault.takes else "-",
            "-" if vault.settled_net is None else money(vault.settled_net), money(vault.equity_end),
        )  # fmt: skip
    console.print(table)
    console.print(
        f"Settlement price {record.expiry_price:,.2f}; {record.recovery:.2%} of every claim paid; insurance used "
        f"{money(record.totals['insurance_used'])}, received {money(record.totals['insurance_cuts'])}."
    )
    for check in record.checks:
        console.print(Text("passed " if check.passed else "FAILED ", "green" if check.passed else "bold red"), end="")
        console.print(f"{check.name}: {check.detail}")


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


def play(plot: Plot, options: Options, console: Console) -> RunRecord:
    """Runs the demo.

    Raises:
        BulkheadError: Something failed, a check included.
    """
    from bulkhead.replay.market import deploy_plainly

    started = time.monotonic()
    console.print(f"Prices: {plot.source}.")
    console.print(
        f"{len(plot.rounds)} oracle rounds, expiry {_clock(plot.expiry)} UTC. Deploying on a chain of its own."
    )

    def deployer(chain: Anvil, content: dict[str, Any]) -> Deployment:
        made = deploy_with_ape(chain, content) if options.ape else deploy_plainly(chain, content)
        console.print(
            f"{len(made.contracts)} contracts deployed {'with Ape ' if options.ape else ''}"
            f"after {time.monotonic() - started:.0f} s; the keeper starts as a process of its own."
        )
        return made

    def keeper(stage: Stage) -> KeeperDriver:
        return Companion(stage, options.log)

    with Screen(console) as screen:
        record = run(plot, keeper, deployer, screen.show)
    summary(console, record)
    write(record, options.report)
    console.print(f"Report: {options.report}  ({record.seconds:.0f} s)")
    if not record.passed:
        failed = ", ".join(check.name for check in record.checks if not check.passed)
        raise BulkheadError(f"The demo ran, but these checks failed: {failed}.")
    return record
