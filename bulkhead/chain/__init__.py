"""Typed access to a Bulkhead deployment: addresses, ABIs, batched JSON-RPC, transactions."""
