"""`bulkhead index ...`: logs in a database."""

from __future__ import annotations

import contextlib

import click

from bulkhead.chain.errors import BadInput, BulkheadError
from bulkhead.cli.common import DEPLOYMENT, RPC, database_option
from bulkhead.cli.output import Output, printing


@click.group()
def index() -> None:
    """The past of deployments, in a database."""


@index.command("run")
@click.option(
    "--rpc", "urls", multiple=True, envvar="BULKHEAD_RPC_URL", default=(RPC,), show_default=True,
    help="URL of a node; may be given several times, for several chains too.",
)  # fmt: skip
@click.option(
    "--deployment", "places", multiple=True, envvar="BULKHEAD_DEPLOYMENT", default=(DEPLOYMENT,), show_default=True,
    help="addresses.json or its folder; may be given several times.",
)  # fmt: skip
@database_option
@click.option(
    "--poll", type=click.FloatRange(0.01, 3600), default=0.5, show_default=True, help="Seconds between looks."
)
@click.option("--once", is_flag=True, help="End when nothing is missing.")
@click.option("--gas/--no-gas", default=True, show_default=True, help="Read receipts, for the table of gas.")
@printing
def index_run(
    urls: tuple[str, ...], places: tuple[str, ...], database: str, poll: float, once: bool, gas: bool, out: Output
) -> None:
    """Follow deployments from their first block; killed, it goes on where it was."""
    from bulkhead.chain import deployment as deployments
    from bulkhead.history.database import Database
    from bulkhead.history.follow import Follower, Progress, followers, run

    known = [deployments.load(place) for place in places]
    store = Database(database)

    def told(one: Follower, progress: Progress) -> None:
        name = one.source.deployment.network
        if progress.undone:
            out.note(f"{name}: {progress.undone} blocks were reorganised; the index is at {progress.block} again.")
        elif progress.block >= progress.head and progress.logs:
            out.note(f"{name}: block {progress.block}, {progress.logs} logs")

    try:
        with store.guarded(), store.writer() as writer:
            following = followers(writer, known, urls, gas)
            with contextlib.suppress(KeyboardInterrupt):
                run(following, poll, once, told)
            tips = [(one.source.deployment.network, one.store.tip().number) for one in following]
    finally:
        store.close()
    out.show(
        {"database": store.name, "deployments": [{"network": name, "block": block} for name, block in tips]},
        [f"{name}: block {block}" for name, block in tips],
    )


@index.command("check")
@click.option(
    "--rpc", envvar="BULKHEAD_RPC_URL", default=RPC, show_default=True, show_envvar=True, help="URL of a node."
)
@click.option(
    "--deployment", envvar="BULKHEAD_DEPLOYMENT", default=DEPLOYMENT, show_default=True, show_envvar=True,
    help="addresses.json or its folder.",
)  # fmt: skip
@database_option
@printing
def index_check(rpc: str, deployment: str, database: str, out: Output) -> None:
    """Compare every vault, claim, cell, pot and mandate of the index with the chain, at the block that is in."""
    from bulkhead.chain.connection import connect
    from bulkhead.history.check import check
    from bulkhead.history.database import Database
    from bulkhead.history.queries import deployment_of

    store = Database(database)
    try:
        store.require_current()
        chain = connect(rpc, deployment)
        with store.read_one_state() as reader:
            found = deployment_of(reader, chain.deployment)
            if found is None:
                raise BadInput(
                    f"The database {store.name} knows nothing of the deployment on {chain.deployment.network}."
                )
            report = check(reader, found, chain)
    finally:
        store.close()
    lines = [
        f"block {report.block}: {report.vaults} vaults, {report.claims} claims, {report.cells} cells, "
        f"{report.pots} pots and {report.mandates} mandates compared",
        *(f"note: vault {vault} holds {gift} more than its logs tell" for vault, gift in report.gifts.items()),
        *report.wrong,
    ]
    out.show(report, lines)
    if report.wrong:
        raise BulkheadError(f"{len(report.wrong)} things differ between index and chain.")
