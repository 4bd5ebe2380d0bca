"""Faults that once stood in the contracts, put back: `python -m benchmarks.old_faults`."""
