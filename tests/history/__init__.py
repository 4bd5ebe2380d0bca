"""The index of the past, and what reads it."""
