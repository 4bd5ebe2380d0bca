"""The machine of tests/stateful/test_invariants.py, by what its actors do."""
