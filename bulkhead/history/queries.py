"""Questions to the database."""

from __future__ import annotations

from sqlalchemy import Connection, select

from bulkhead.chain.deployment import Deployment
from bulkhead.history import tables


def deployment_of(reader: Connection, deployment: Deployment) -> int | None:
    """A deployment's number in the database; None when it is not there."""
    table = tables.deployments
    return reader.execute(
        select(table.c.id).where(
            table.c.chain_id == deployment.chain_id, table.c.clearinghouse == deployment.address("Clearinghouse")
        )
    ).scalar()
