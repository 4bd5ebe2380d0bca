"""Self-contained HTML reports of runs: inline SVG, no scripts, no network."""

from bulkhead.report.page import render, write

__all__ = ["render", "write"]
