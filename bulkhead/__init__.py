"""Bulkhead: isolated-margin options on the EVM."""
