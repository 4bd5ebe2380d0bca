"""The options of one pass, as the models take them."""

from __future__ import annotations

from dataclasses import dataclass

from bulkhead.risk.batch.arrays import Floats


@dataclass(frozen=True)
class Options:
    """Options of vaults with as many each; arrays of legs are (leg of the vault, vault), the others one per vault.

    Attributes:
        quantity: Signed contracts.
        strike: Less what the settlement window has averaged already [quote].
        log_ratio: ln(base/strike).
        iv: Implied vol.
        root: sqrt of the time in which variance runs.
        base: What moves with spot [quote].
        move: One standard deviation of the horizon.
        time: That time [seconds].
    """

    quantity: Floats
    strike: Floats
    log_ratio: Floats
    iv: Floats
    root: Floats
    base: Floats
    move: Floats
    time: Floats
