"""Scenario nodes of the expected shortfall (protocol 5.2): what calibration finds, and all that reads nodes takes."""

from __future__ import annotations

#: Nodes z [standard deviations * 1000], ascending, and their probabilities [1e-3].
_Z_MILLI = (-7500, -4600, -3500, -2650, -1550, -400, 450, 1550, 2500, 3200, 4300, 7300)
_P_MILLI = (1, 4, 5, 15, 75, 400, 400, 75, 15, 5, 4, 1)

#: The same in wad, as the engine's constructor takes them.
NODES = tuple(z * 10**15 for z in _Z_MILLI)
WEIGHTS = tuple(p * 10**15 for p in _P_MILLI)

#: Nodes from here outwards [wad] take the tail's vol moves.
TAIL_NODE = 3 * 10**18
