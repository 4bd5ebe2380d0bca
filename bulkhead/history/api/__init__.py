"""The service: the past over HTTP, read-only."""
