"""Scenario nodes of the expected shortfall (docs/margin.md): what calibration finds, and all that reads nodes takes."""

from __future__ import annotations

from bulkhead.risk.calibrated import P_MILLI, Z_MILLI

#: Nodes z [standard deviations, wad], ascending, and their probabilities, as the engine's constructor takes them.
NODES = tuple(z * 10**15 for z in Z_MILLI)
WEIGHTS = tuple(p * 10**15 for p in P_MILLI)

#: Nodes from here outwards [wad] take the tail's vol moves.
TAIL_NODE = 3 * 10**18
