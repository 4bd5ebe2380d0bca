// Where this page reads and trades. `make app` writes it; for another network fill it in: docs/frontends.md
globalThis.BULKHEAD = undefined
