"""Prices of many cells in flat arrays, read out of snapshots or given as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bulkhead.risk import exact
from bulkhead.risk.batch.arrays import BEYOND, YEAR, Bools, Floats, Ints, floats
from bulkhead.risk.fixed import ONE
from bulkhead.risk.svi import LEAST, MOST, Mix, SviSlice, total_variance_float
from bulkhead.risk.words import WAD, Snapshot, Status


@dataclass(frozen=True)
class Cells:
    """Prices of many cells; every attribute is an array with one entry per cell.

    Attributes:
        spot: Price of one unit of underlying [quote].
        base: What moves with spot: F, or (1-w)*S inside the settlement window [quote].
        averaged: What the window's average has already fixed [quote].
        seconds: Time to expiry.
        time: In which variance runs, as `marks.Setting` has it [seconds].
        root: Its root in years, 0 in the last hundredth of the window.
        sigma: sigma_m.
        vol_ratio: Fast over slow vol.
        rate: Per year.
        flat: iv of a flat surface.
        curved: The surface is SVI.
        near: SVI slice of the nearer expiry, scaled to the time left: rows a, b, rho, m, sigma.
        far: The same of the farther expiry.
        weight: Share of the farther one in total variance.
        fade: Share of the flat iv in variance; 0 while the surface is live.
    """

    spot: Floats
    base: Floats
    averaged: Floats
    seconds: Floats
    time: Floats
    root: Floats
    sigma: Floats
    vol_ratio: Floats
    rate: Floats
    flat: Floats
    curved: Bools
    near: Floats
    far: Floats
    weight: Floats
    fade: Floats

    @classmethod
    def of(cls, snapshots: Sequence[Snapshot]) -> Cells:
        """Cells from snapshots; refuses what the engines refuse, under the same names."""
        settings = [exact.setting_of(s) for s in snapshots]
        for s in snapshots:
            if not exact.MIN_VOL <= s.sigma <= exact.MAX_VOL:
                raise ValueError("es/vol-range")
            if not s.status & Status.SURFACE_SVI and not exact.MIN_VOL <= s.surface_near <= exact.MAX_VOL:
                raise ValueError("es/vol-range")

        def column(values: Sequence[int], unit: float = 1e18) -> Floats:
            return np.array(values, np.float64) / unit

        curved = np.array([bool(s.status & Status.SURFACE_SVI) for s in snapshots], np.bool_)
        mixes = [Mix.unpack(s.surface_weight if c else 0) for s, c in zip(snapshots, curved, strict=True)]
        return cls(
            spot=column([s.spot for s in snapshots]),
            base=column([s.base for s in settings]),
            averaged=column([s.averaged for s in settings]),
            seconds=column([s.seconds for s in snapshots], 1.0),
            time=column([s.time for s in settings], 1.0),
            root=column([s.root for s in settings], 2.0**64),
            sigma=column([s.sigma for s in snapshots]),
            vol_ratio=column([s.vol_ratio for s in snapshots]),
            rate=column([s.rate for s in snapshots]),
            flat=column([m.flat if c else s.surface_near for s, m, c in zip(snapshots, mixes, curved, strict=True)]),
            curved=curved,
            near=_slices([s.surface_near if c else 0 for s, c in zip(snapshots, curved, strict=True)]),
            far=_slices([s.surface_far if c else 0 for s, c in zip(snapshots, curved, strict=True)]),
            weight=column([m.weight for m in mixes]),
            fade=column([m.fade for m in mixes]),
        )

    @classmethod
    def flat_surface(
        cls,
        spot: ArrayLike,
        seconds: ArrayLike,
        sigma: ArrayLike,
        iv: ArrayLike,
        vol_ratio: ArrayLike = 1.0,
        averaged: ArrayLike = 0.0,
        share: ArrayLike = 0.0,
        window: ArrayLike = 0.0,
    ) -> Cells:
        """Cells with a flat surface and no rate, from plain numbers.

        Args:
            spot: Quote.
            seconds: Time to expiry.
            sigma: sigma_m.
            iv: Implied vol.
            vol_ratio: Fast over slow vol.
            averaged: Share of the window elapsed times its average so far [quote].
            share: Share of the window elapsed.
            window: Length of the settlement window [seconds].
        """
        one = np.broadcast_arrays(
            *(np.asarray(x, np.float64) for x in (spot, seconds, sigma, iv, vol_ratio, averaged, share, window))
        )
        price, left, sigmas, ivs, ratio, fixed, gone, length = (np.atleast_1d(x).astype(np.float64) for x in one)
        none = np.zeros(len(price))
        time = left - 2 * np.minimum(left, length) / 3
        empty = np.zeros((5, len(price)))
        return cls(
            spot=price,
            base=(1 - gone) * price,
            averaged=fixed,
            seconds=left,
            time=time,
            root=np.where(gone <= exact.MAX_SHARE / WAD, np.sqrt(time / YEAR), 0.0),
            sigma=sigmas,
            vol_ratio=ratio,
            rate=none,
            flat=ivs,
            curved=np.zeros(len(price), np.bool_),
            near=empty,
            far=empty,
            weight=none,
            fade=none,
        )

    def __len__(self) -> int:
        return len(self.spot)

    def moves(self, horizon_seconds: float) -> Floats:
        """One standard deviation of the horizon: sigma_m*sqrt(h/year)."""
        horizon = np.minimum(horizon_seconds, np.maximum(self.seconds, exact.MIN_HORIZON))
        return floats(self.sigma * np.sqrt(horizon / YEAR))

    def vols(self, cell: Ints, log_ratio: Floats) -> Floats:
        """Implied vols of options at ln(F/K), each in its cell."""
        if not self.curved.any():
            return np.broadcast_to(self.flat[cell], log_ratio.shape)
        k = np.where(log_ratio < BEYOND, -log_ratio, 0.0)
        near = np.maximum(total_variance_float(self.near[:, cell], k), 0.0)
        far = np.maximum(total_variance_float(self.far[:, cell], k), 0.0)
        variance = (near + self.weight[cell] * (far - near)) * YEAR / self.seconds[cell]
        flat = self.flat[cell]
        variance += self.fade[cell] * (flat * flat - variance)
        return np.where(self.curved[cell], np.sqrt(np.clip(variance, LEAST / ONE, MOST / ONE)), flat)


def _slices(words: Sequence[int]) -> Floats:
    """Rows a, b, rho, m and sigma of packed slices."""
    return np.array([SviSlice.unpack(word).floats() for word in words], np.float64).reshape(-1, 5).T
