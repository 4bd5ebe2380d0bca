"""Alembic's environment: the connection that `Database.migrate` holds."""

from alembic import context

from bulkhead.history.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
