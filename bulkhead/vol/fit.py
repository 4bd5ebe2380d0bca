"""SVI fits: weighted least squares in vol, with the arbitrage checks of VolSurface as constraints.

Each expiry is fitted nearest first; calendar arbitrage against the one before is a penalty, as are a negative density,
slopes beyond Lee's bound and, softly, wings beyond the quotes that the next expiry alone would lie below. The outcome
is rounded to the word's integers and checked by the mirror of the contract (`bulkhead.vol.surface.check`), so a fit
that a contract would refuse is never handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bulkhead.risk.scales import DAY, YEAR
from bulkhead.risk.svi import Floats, SviSlice, total_variance_float
from bulkhead.vol.options import Chain, Expiry
from bulkhead.vol.surface import HOUR, MAX_EXPIRIES, MAX_TENOR, MIN_TENOR, Surface, SurfaceError, check_slices

#: Checked strikes in standard deviations: VolSurface's own, and points between and beyond for a margin; then in
#: log-moneyness. Vols have bounds at the near ones only.
CHECKS = np.array(
    [-3.0, -2.5, -2.0, -1.5, -1.25, -0.75, -0.35, 0.0, 0.35, 0.75, 1.25, 1.5, 2.0, 2.5, 3.0, -5.0, -4.0, 4.0, 5.0]
)
NEAR_CHECKS = 15
REACH = np.array([-2.5, 2.5])
#: Least density, and the share by which total variance must exceed the expiry before.
DENSITY = 1e-3
CALENDAR = 1e-5
PENALTY = 30.0
#: Share of it for a wing above the next expiry's: it gives way to quotes.
SOFT = 0.002
#: Where the search begins, in order, and the cost (half the mean squared relative error) at which it is content.
STARTS = ((-0.2, -1.0, -0.2, 0.0, 0.0), (-0.7, -0.3, 0.2, 0.3, -0.7), (-0.1, -2.0, -0.5, -0.5, 0.5))
GOOD = 2e-6
LEAST_VOL, MOST_VOL = 0.055, 4.95


@dataclass(frozen=True)
class Fit:
    """One expiry fitted.

    Attributes:
        expiry: The quotes.
        tau: Years to it.
        slice: The smile, as it would go on chain.
        error: Fitted less quoted vol at each strike (0.01 = one vol point).
    """

    expiry: Expiry
    tau: float
    slice: SviSlice
    error: Floats

    @property
    def inner(self) -> Floats:
        """Errors at strikes with a delta of 5 to 95 %."""
        return self.error[(self.expiry.delta >= 0.05) & (self.expiry.delta <= 0.95)]


def natural_density(x: Floats, k: Floats) -> tuple[Floats, Floats]:
    """Total variance and Durrleman's g at k, of natural SVI numbers."""
    a, b, rho, m, sigma = x
    y = k - m
    r = np.sqrt(y * y + sigma * sigma)
    w = a + b * (rho * y + r)
    slope = b * (rho + y / r)
    bend = b * sigma * sigma / r**3
    safe = np.maximum(w, 1e-12)
    g = (1 - k * slope / (2 * safe)) ** 2 - slope * slope / 4 * (1 / safe + 0.25) + bend / 2
    return w, g


def _expand(x: Floats, scale: float, deviation: float) -> Floats:
    """From the unconstrained numbers of the optimiser to (a, b, rho, m, sigma)."""
    least, b, rho, m, sigma = x
    rho = 0.995 * np.tanh(rho)
    sigma = deviation * np.exp(sigma)
    b = scale / deviation * np.exp(b)
    b = min(b, 1.99 / (1 + abs(rho)))
    # the least total variance is positive whatever b and rho are
    return np.array([scale * np.exp(least) - b * sigma * np.sqrt(1 - rho * rho), b, rho, m * deviation, sigma])


def fit_expiry(expiry: Expiry, tau: float, before: SviSlice | None = None, after: SviSlice | None = None) -> SviSlice:
    """The smile of one expiry.

    Args:
        expiry: Its quotes.
        tau: Time to it [years].
        before: The smile of the expiry before it, which it must lie above.
        after: The smile that the next one has by itself: far from the money, where nothing is quoted, this one stays
            below it, so that the wings of a nearer expiry do not lift those after it off their quotes.
    """
    from scipy.optimize import least_squares

    atm = float(np.interp(0.0, expiry.k, expiry.iv))
    scale = atm * atm * tau
    deviation = float(np.sqrt(scale))
    weight = np.sqrt(expiry.weight / expiry.weight.sum())
    earlier = None if before is None else before.floats()
    if after is not None:
        later = after.floats()
        middle_later = max(float(total_variance_float(later, np.zeros(1))[0]), 1e-12)
        beyond = CHECKS * np.sqrt(middle_later)
        beyond = beyond[(beyond < expiry.k.min()) | (beyond > expiry.k.max())]
        ceiling = np.maximum(total_variance_float(later, beyond), 0) / (1 + CALENDAR) - 1e-9

    def residuals(x: Floats) -> Floats:
        natural = _expand(x, scale, deviation)
        fitted = np.sqrt(np.maximum(natural_density(natural, expiry.k)[0], 1e-12) / tau)
        middle = max(natural_density(natural, np.zeros(1))[0][0], 1e-12)
        bottom = np.clip(natural[3] - natural[2] * natural[4] / np.sqrt(1 - natural[2] ** 2), *REACH)
        at = np.concatenate([CHECKS * np.sqrt(middle), [bottom], REACH])
        w, g = natural_density(natural, at)
        vol = np.sqrt(np.maximum(w[:NEAR_CHECKS], 1e-12) / tau)
        penalties = [np.minimum(g - DENSITY, 0.0), np.minimum(vol - LEAST_VOL, 0) + np.maximum(vol - MOST_VOL, 0)]
        if earlier is not None:
            floor = np.maximum(total_variance_float(earlier, at[:-2]), 0) * (1 + CALENDAR) + 1e-9
            penalties.append(np.minimum(w[:-2] - floor, 0.0) / scale)
        if after is not None:
            penalties.append(SOFT * np.minimum(ceiling - natural_density(natural, beyond)[0], 0.0) / middle_later)
        return np.concatenate([weight * (fitted - expiry.iv) / atm, PENALTY * np.concatenate(penalties) / 10])

    wide = min(4.0, 1.9 / deviation)
    bounds = (
        [-9.0, -7.0, -3.0, -wide, np.log(0.0015 / deviation)],
        [3.0, 4.0, 3.0, wide, np.log(3.5 / deviation)],
    )
    best = None
    for start in STARTS:
        inside = np.clip(start, np.array(bounds[0]) + 1e-6, np.array(bounds[1]) - 1e-6)
        found = least_squares(residuals, inside, bounds=bounds, max_nfev=200)
        if best is None or found.cost < best.cost:
            best = found
        if best.cost < GOOD:
            break
    assert best is not None
    return SviSlice.from_floats(*_expand(best.x, scale, deviation))


def fit_chain(chain: Chain, expiries: Sequence[int] | None = None) -> list[Fit]:
    """Every expiry of a chain, nearest first, each above the one before.

    Args:
        chain: The quotes.
        expiries: Only these [unix seconds]; all that a surface could hold when None.
    """
    wanted = [
        expiry
        for expiry in chain.expiries
        if (expiries is None or expiry.at in expiries)
        and expiry.at % DAY == HOUR
        and MIN_TENOR <= expiry.at - chain.made_at <= MAX_TENOR
    ]
    alone = [fit_expiry(expiry, (expiry.at - chain.made_at) / YEAR) for expiry in wanted[1:]]
    fits: list[Fit] = []
    for expiry, after in zip(wanted, (*alone, None), strict=True):
        tau = (expiry.at - chain.made_at) / YEAR
        smile = fit_expiry(expiry, tau, fits[-1].slice if fits else None, after)
        smile = _lift(smile, expiry.at, chain.made_at, fits)
        fitted = np.sqrt(np.maximum(total_variance_float(smile.floats(), expiry.k), 0) / tau)
        fits.append(Fit(expiry, tau, smile, fitted - expiry.iv))
    return fits


def _lift(smile: SviSlice, at: int, made_at: int, fits: Sequence[Fit]) -> SviSlice:
    """The smile, raised by the least that the contract's own checks of it and the one before want."""
    expiries = (*(fit.expiry.at for fit in fits[-1:]), at)
    reason = ""
    step = max(abs(smile.a) // 10**5, 10)
    for tries in range(60):
        raised = SviSlice(smile.a + (step * (2**tries - 1) if tries else 0), smile.b, smile.rho, smile.m, smile.sigma)
        try:
            check_slices(Surface(0, made_at, expiries, (*(fit.slice for fit in fits[-1:]), raised)))
        except SurfaceError as error:
            reason = str(error)
            if reason not in ("surface/calendar", "surface/butterfly", "surface/vol-range"):
                raise
            continue
        return raised
    raise SurfaceError(reason)


def surface(chain: Chain, market: int, fits: Sequence[Fit], made_at: int | None = None) -> Surface:
    """A surface from the fits, of at most 16 expiries: the nearest are left out first when there are more."""
    chosen = list(fits)[-MAX_EXPIRIES:]
    return Surface(
        market,
        chain.made_at if made_at is None else made_at,
        tuple(fit.expiry.at for fit in chosen),
        tuple(fit.slice for fit in chosen),
    )
