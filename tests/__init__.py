"""Tests, by room (STYLE.md)."""
