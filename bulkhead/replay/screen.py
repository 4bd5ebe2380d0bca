"""What one sees of a running replay: a live table on a terminal, a line now and then elsewhere, and a summary."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from bulkhead.chain.lens import VaultView
from bulkhead.chain.words import describe
from bulkhead.replay.run import View
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


def clock(at: int) -> str:
    """A moment as people read it."""
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
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def say(self, text: str) -> None:
        """One line that stays."""
        self.console.print(text)

    def show(self, view: View) -> None:
        """The market after a step."""
        if self.console.is_terminal and self._live is None:
            # not before there is something to show: what comes before it has a line of its own
            self._live = Live(console=self.console, refresh_per_second=8, transient=True)
            self._live.__enter__()
        pause = 0.1 if self._live is not None else 5.0
        if time.monotonic() - self._last < pause:
            return
        self._last = time.monotonic()
        if self._live is None:
            flagged = sum(v.flagged for v in view.vaults.values())
            taken = sum(len(v.takes) for v in view.record.vaults)
            self.say(
                f"{clock(view.now)}  {view.record.symbol} {view.cell.snapshot.spot / WAD:,.2f}  "
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
            f"{clock(view.now)} UTC   {view.record.symbol} {snapshot.spot / WAD:,.2f}   "
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
    for line in record.coins:
        console.print(f"In coins: {line}.")
    for check in record.checks:
        console.print(Text("passed " if check.passed else "FAILED ", "green" if check.passed else "bold red"), end="")
        console.print(f"{check.name}: {check.detail}")
