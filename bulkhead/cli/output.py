"""How commands print: text for people or, with --json, one JSON document for programs; all that print use it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bulkhead import progress
from bulkhead.cli.common import chain_options, key_option

Command = Callable[..., Any]
#: No table is wider.
WHOLE = 10_000


def plain(value: Any) -> Any:
    """A value as JSON has it: decimals as text, so that no digit is lost, bytes in hexadecimal, legs in words."""
    from bulkhead.chain.words import describe
    from bulkhead.risk.words import Leg

    if isinstance(value, Leg):
        return describe(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return value


def columns(*names: str, title: str | None = None, justify: str = "left") -> Table:
    """A table whose columns have these names."""
    table = Table(box=None, title=title)
    for name in names:
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    return table


@dataclass(frozen=True)
class Output:
    """Where a command prints.

    Attributes:
        as_json: JSON is wanted.
    """

    as_json: bool

    def show(self, content: Any, text: str | Sequence[str]) -> None:
        """The result of a command.

        Args:
            content: For programs.
            text: For people: a text, or lines.
        """
        if self.as_json:
            self.line(json.dumps(plain(content), indent=2))
            return
        for line in [text] if isinstance(text, str) else text:
            self.line(line)

    def receipt(self, receipt: Any, **more: Any) -> None:
        """A transaction that was mined, and what came of it."""
        found = {"transaction": receipt.hash, "block": receipt.block, "gas_used": receipt.gas_used, **more}
        self.show(found, receipt.hash)

    def facts(self, content: Any, rows: Sequence[tuple[str, str]]) -> None:
        """Names and values in two columns."""
        table = Table(box=None, show_header=False)
        for name, value in rows:
            table.add_row(name, value)
        self.table(content, table)

    def table(self, content: Any, table: Table, *below: str) -> None:
        """A table: whole in a pipe or a file, with cells of several lines on a narrow terminal.

        Args:
            content: For programs.
            table: For people.
            *below: Lines below it.
        """
        if self.as_json:
            self.line(json.dumps(plain(content), indent=2))
            return
        progress.clear()
        console = Console()
        for column in table.columns:
            column.overflow = "fold"
        if not console.is_terminal:
            console = Console(width=console.measure(table, options=console.options.update(max_width=WHOLE)).maximum)
        console.print(table)
        for text in below:
            self.line(text)

    @staticmethod
    def note(text: str) -> None:
        """A line on standard error, which is no part of the result."""
        progress.clear()
        click.echo(text, err=True)

    @staticmethod
    def line(text: str) -> None:
        """A line on standard output."""
        progress.clear()
        click.echo(text)


def printing(command: Command) -> Command:
    """Adds --json; the command gets an `Output` as `out`."""

    @functools.wraps(command)
    def printed(*arguments: Any, as_json: bool, **options: Any) -> Any:
        return command(*arguments, out=Output(as_json), **options)

    option = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
    wrapped: Command = option(printed)
    return wrapped


def acting(command: Command) -> Command:
    """Of a command that signs: it names a deployment, a node and a key, and gets a `Place` and an `Output`."""
    return chain_options(key_option()(printing(command)))
