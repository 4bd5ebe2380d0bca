"""`bulkhead serve`: the past over HTTP."""

from __future__ import annotations

import click

from bulkhead.chain.errors import BadInput
from bulkhead.cli.common import database_option


@click.command()
@database_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8651, show_default=True, help="Where to listen.")
@click.option("--origin", "origins", multiple=True, default=("*",), show_default=True, help="Web pages that may ask.")
@click.option(
    "--rate", type=click.FloatRange(0), default=0, show_default=True, help="Requests a second of one address; 0: any."
)
@click.option("--seconds", type=click.FloatRange(0.0), help="How long to serve; without it, for ever.")
def serve(database: str, host: str, port: int, origins: tuple[str, ...], rate: float, seconds: float | None) -> None:
    """Serve the past that `bulkhead index run` keeps; several may serve one database."""
    from bulkhead.history.database import Database
    from bulkhead.history.server import listen

    store = Database(database)
    try:
        store.require_current()
        listen(store, host, port, origins, rate, seconds)
    except OSError as error:
        raise BadInput(f"Nobody can listen at {host}:{port}: {error.strerror or error}.") from None
    finally:
        store.close()
