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
        averaged: What the window's average has fixed of the price [quote].
        slope: What multiplies the forward in every scenario, puts being calls by parity [contracts].
        constant: What stays whatever the price [quote].
        inverse: The market counts coins: amounts are over the forward of their scenario.
    """

    quantity: Floats
    strike: Floats
    log_ratio: Floats
    iv: Floats
    root: Floats
    base: Floats
    move: Floats
    time: Floats
    averaged: Floats
    slope: Floats
    constant: Floats
    inverse: bool = False

    @property
    def forward(self) -> Floats:
        """F [quote]."""
        return self.base + self.averaged

    def in_token(self, amount: Floats) -> Floats:
        """An amount of quote at the mark, in the market's token."""
        return amount / self.forward if self.inverse else amount
