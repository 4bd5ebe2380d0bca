"""The past of deployments in a database: an index of their logs, and what reads it."""
