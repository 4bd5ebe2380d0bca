"""`bulkhead alerts run`: tells owners what happens to their vaults."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import click

from bulkhead.cli.common import Place, chain_options
from bulkhead.cli.output import Output, printing
from bulkhead.progress import doing


@click.group()
def alerts() -> None:
    """Messages about vaults, by rules of your own."""


@alerts.command("run")
@click.argument("rules", metavar="RULES")
@click.option("--state", "state_file", help="What was told already; by default beside RULES, as NAME.state.json.")
@click.option("--looks", type=click.IntRange(1), help="Looks until it ends; without it, none is the last.")
@chain_options
@printing
def alerts_run(rules: str, state_file: str | None, looks: int | None, place: Place, out: Output) -> None:
    """Watch vaults by the TOML file RULES (docs/alerts.md) and notify through Apprise."""
    from bulkhead.alerts.notify import Notifier
    from bulkhead.alerts.rules import load_rules
    from bulkhead.alerts.state import State
    from bulkhead.alerts.watch import Watch

    made = load_rules(rules)
    notifier = Notifier(sorted({target for rule in made.rule for target in made.targets(rule)}))

    def tell(targets: tuple[str, ...], title: str, lines: list[str]) -> bool:
        taken = notifier.tell(targets, title, lines)
        if not taken:
            out.note("a notification was not taken; it is sent again at the next look")
        return taken

    chain = place.connection()
    kept = Path(state_file) if state_file is not None else Path(rules).with_suffix(".state.json")
    state = State(kept, chain.deployment.chain_id, chain.deployment.address("Clearinghouse")).load()
    watch = Watch(made, chain, state, tell)
    done = 0
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for message in watch.look():
                out.show(message.model_dump(include={"when", "vault_id", "text"}), message.text)
            done += 1
            if looks is not None and done >= looks:
                break
            with doing("watching"):
                time.sleep(made.every)
