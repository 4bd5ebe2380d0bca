"""`bulkhead export`: the past as Parquet."""

from __future__ import annotations

from pathlib import Path

import click

from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import database_option
from bulkhead.cli.output import Output, printing

LAST = 2**62


@click.command()
@click.argument("folder", type=Path)
@database_option
@click.option("--deployment", type=click.IntRange(1, 2**31 - 1), default=1, show_default=True, help="Its number there.")
@click.option("--first", type=click.IntRange(0, LAST), default=0, show_default=True, help="First block.")
@click.option("--last", type=click.IntRange(0, LAST), help="Last block; the newest that is in without it.")
@click.option("--table", "names", multiple=True, help="A table; may be given several times. All without it.")
@printing
def export(
    folder: Path, database: str, deployment: int, first: int, last: int | None, names: tuple[str, ...], out: Output
) -> None:
    """Write tables of the index into FOLDER, one Parquet file each, for DuckDB and pandas."""
    from bulkhead.history import queries
    from bulkhead.history.database import Database
    from bulkhead.history.export import export as write

    store = Database(database)
    try:
        store.require_current()
        with store.read_one_state() as reader:
            if deployment not in {one.id for one in queries.deployments(reader)}:
                raise BadInput(f"There is no deployment {deployment} in {store.name}.")
            files = write(reader, deployment, folder, first, LAST if last is None else last, names)
    finally:
        store.close()
    out.show(files, [f"{one.path}: {one.rows} rows" for one in files])
