"""The command line: one file for each group of commands, loaded when one of its commands is called.

Whatever a user can get wrong ends in one sentence and a non-zero exit; only a bug shows a traceback.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from bulkhead.chain.errors import BulkheadError

#: Where each command is; what runs chains, keepers and servers is imported by its own command.
COMMANDS = {
    "calibrate": "bulkhead.cli.calibrate",
    "demo": "bulkhead.cli.replay",
    "drill": "bulkhead.cli.replay",
    "explain": "bulkhead.cli.explain",
    "govern": "bulkhead.cli.govern",
    "keeper": "bulkhead.cli.keeper",
    "maker": "bulkhead.cli.maker",
    "mandate": "bulkhead.cli.mandate",
    "markets": "bulkhead.cli.market",
    "order": "bulkhead.cli.order",
    "replay": "bulkhead.cli.replay",
    "vault": "bulkhead.cli.vault",
    "vol": "bulkhead.cli.vol",
}


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
        try:
            return super().invoke(ctx)
        except BulkheadError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(1)
        except ValueError as error:
            from bulkhead.orders import OrderError

            if not isinstance(error, OrderError):
                raise
            click.echo(f"error: The order is not valid: {error}.", err=True)
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bulkhead")
def main() -> None:
    """Bulkhead: isolated-margin options, every position its own collateral vault."""
