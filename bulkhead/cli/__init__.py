"""The command line: one file for each group of commands, loaded when one of its commands is called.

Whatever a user can get wrong ends in one sentence and a non-zero exit; only a bug shows a traceback.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from bulkhead import progress
from bulkhead.chain.errors import BulkheadError

#: Where each command is; what runs chains, keepers and servers is imported by its own command.
COMMANDS = {
    "alerts": "bulkhead.cli.alerts",
    "anvil": "bulkhead.cli.anvil",
    "calibrate": "bulkhead.cli.calibrate",
    "demo": "bulkhead.cli.replay",
    "drill": "bulkhead.cli.replay",
    "explain": "bulkhead.cli.explain",
    "export": "bulkhead.cli.export",
    "govern": "bulkhead.cli.govern",
    "index": "bulkhead.cli.index",
    "keeper": "bulkhead.cli.keeper",
    "maker": "bulkhead.cli.maker",
    "mandate": "bulkhead.cli.mandate",
    "market": "bulkhead.cli.market",
    "markets": "bulkhead.cli.market",
    "order": "bulkhead.cli.order",
    "replay": "bulkhead.cli.replay",
    "rfq": "bulkhead.cli.rfq",
    "serve": "bulkhead.cli.serve",
    "vault": "bulkhead.cli.vault",
    "vol": "bulkhead.cli.vol",
}
#: What tells about itself while it runs: servers, and what has a screen of its own.
SPEAKS = frozenset({"alerts", "demo", "keeper", "maker", "serve"})
#: Most characters of an error.
LONGEST = 600


class Commands(click.Group):
    """Loads a command when it is asked for, and turns expected failures into a sentence and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, out of its file."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        name = next(iter([*(getattr(ctx, "_protected_args", None) or ctx.protected_args), *ctx.args]), "")
        try:
            if name in SPEAKS:
                return super().invoke(ctx)
            with progress.shown(f"bulkhead {name}"):
                return super().invoke(ctx)
        except BulkheadError as error:
            self._fail(ctx, str(error), 1)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx is not None else ctx.command_path
            self._fail(ctx, f"{_ended(error.format_message())} `{where} --help` tells what there is.", 2)
        except ValueError as error:
            from bulkhead.orders import OrderError

            if not isinstance(error, OrderError):
                raise
            self._fail(ctx, f"The order is not valid: {error}.", 1)

    @staticmethod
    def _fail(ctx: click.Context, text: str, code: int) -> None:
        progress.clear()
        click.echo(f"error: {_one_line(text)}", err=True)
        ctx.exit(code)


def _ended(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _one_line(text: str) -> str:
    """A text that may quote what somebody typed: on one line, and no longer than people read."""
    found = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return found if len(found) <= LONGEST else f"{found[: LONGEST // 2]} ... {found[-LONGEST // 2 :]}"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bulkhead")
def main() -> None:
    """Bulkhead: isolated-margin options, every position its own collateral vault."""
