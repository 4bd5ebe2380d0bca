"""One choice of what the calibration chooses."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bulkhead.risk.nodes import NODES
from bulkhead.risk.volatility import OracleWord
from bulkhead.risk.words import RiskWord

#: IM/MM once the fast vol is three times the slow one is the calm one and this [1e-4].
STRESSED_MORE = 2_500
BOUNDS = {
    "horizon_seconds": (4 * 3600, 48 * 3600),
    "kappa_bps": (11_000, 30_000 - STRESSED_MORE),
    "stress_share_bps": (0, 5_000),
    "stress_vol_bps": (1_000, 30_000),
}


@dataclass(frozen=True)
class Setting:
    """What a margin is made with.

    Attributes:
        horizon_seconds: h.
        kappa_bps: IM/MM in calm.
        stress_share_bps: b, the share of the stress vol in sigma_m.
        stress_vol_bps: That vol.
        nodes: Scenario nodes [wad].
    """

    horizon_seconds: int = RiskWord().horizon_seconds
    kappa_bps: int = RiskWord().kappa_calm_bps
    stress_share_bps: int = OracleWord().stress_share_bps
    stress_vol_bps: int = OracleWord().stress_vol_bps
    nodes: tuple[int, ...] = NODES

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}; it lies between {least} and {most}.")

    @property
    def risk(self) -> RiskWord:
        """The risk word."""
        return replace(
            RiskWord(),
            horizon_seconds=self.horizon_seconds,
            kappa_calm_bps=self.kappa_bps,
            kappa_stress_bps=self.kappa_bps + STRESSED_MORE,
        )

    @property
    def margin(self) -> Setting:
        """The same as far as MM depends on it: kappa moves no MM."""
        return replace(self, kappa_bps=RiskWord().kappa_calm_bps)
