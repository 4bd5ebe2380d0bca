"""Cells in their settlement windows: whose clock runs on its own, and whose sum may take calls to be known. Pure."""

from __future__ import annotations

from bulkhead.chain.lens import CellView
from bulkhead.keeper.plan import Action, Fix, Observe
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import KeeperState

#: A gap above 900 s restarts the auctions of a cell in its window.
CLOCK_SECONDS = 300
#: A sum that a call has not carried forward is tried again after this long: in its window, and after it.
SUM_SECONDS, FIX_SECONDS = 60, 300
#: Reason code of a status word: rounds of the cell's window could not all be summed (oracle/feeds).
WINDOW_OPEN = 10


def in_window(view: CellView, now: int) -> bool:
    """Whether the settlement window of a cell is open, as far as its snapshot tells."""
    return now < view.cell[1] and (view.snapshot.window_share > 0 or needs_sum(view, now))


def needs_sum(view: CellView, now: int) -> bool:
    """Whether the window is open and its sum more than one call away: the cell is not fresh until somebody calls."""
    return now < view.cell[1] and view.snapshot.status >> 8 & 15 == WINDOW_OPEN


def plan_observes(state: KeeperState, policy: Policy) -> list[Action]:
    """Cells with open auctions in their windows: `poke` runs the market's clock, and not theirs.

    Markets that go by the same prices have one clock of each expiry.
    """
    open_cells = [
        cell for cell in state.auctions()
        if cell in state.cells and in_window(state.cells[cell], state.now) and state.active(cell)
    ]  # fmt: skip
    return [
        Observe(cell)
        for cell in sorted({(state.priced(market), expiry) for market, expiry in open_cells})
        if policy.mine(cell[0]) and state.now - state.observed.get(cell, 0) >= CLOCK_SECONDS
    ]


def plan_fixes(state: KeeperState, policy: Policy) -> list[Action]:
    """Proofs of expiry prices, and sums of open windows that no single call completes."""
    found: list[Action] = []
    for cell, proof in sorted(state.expiry_proofs.items()):
        # a call that cannot finish may still carry a long proof forward, or start the wait of a silent feed
        pause = SUM_SECONDS if state.now < cell[1] else FIX_SECONDS
        helps = proof.walks and (proof.moves or state.now - proof.tried_at >= pause)
        if policy.mine(cell[0]) and (proof.final or helps):
            found.append(Fix(cell, proof.hints))
    return found
