"""SVI fits: weighted least squares in vol, with the arbitrage checks of VolSurface as constraints.

Each expiry is fitted nearest first; calendar arbitrage against the one before is a penalty, as are a negative density,
slopes beyond Lee's bound and, softly, wings beyond the quotes that the next expiry alone would lie below. The outcome
is rounded to the word's integers and checked by the mirror of the contract (`bulkhead.vol.surface.check`), so a fit
that a contract would refuse is never handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bulkhead.progress import doing
from bulkhead.risk.scales import DAY, YEAR
from bulkhead.risk.svi import Floats, SviSlice, total_variance_float
from bulkhead.vol.arbitrage import natural_density, worst
from bulkhead.vol.options import Chain, Expiry
from bulkhead.vol.surface import HOUR, MAX_EXPIRIES, MAX_TENOR, MIN_TENOR, Surface, SurfaceError, check_slices

#: Checked strikes in standard deviations: VolSurface's own, and points between and beyond for a margin; then in
#: log-moneyness. Vols have bounds at the near ones only.
_CLOSE = [-3.0, -2.5, -2.0, -1.5, -1.25, -0.75, -0.35, 0.0, 0.35, 0.75, 1.25, 1.5, 2.0, 2.5, 3.0]
_BEYOND = [3.25, 3.5, 3.75, 4.0, 4.25, 4.5, 4.75, 5.0, 5.5]
CHECKS = np.array([*_CLOSE, *_BEYOND, *(-z for z in _BEYOND)])
NEAR_CHECKS = len(_CLOSE)
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


def _expand(x: Floats, scale: float, deviation: float) -> Floats:
    """From the unconstrained numbers of the optimiser to (a, b, rho, m, sigma), one row or many."""
    least, b, rho, m, sigma = x.T
    rho = 0.995 * np.tanh(rho)
    sigma = deviation * np.exp(sigma)
    b = scale / deviation * np.exp(b)
    b = np.minimum(b, 1.99 / (1 + np.abs(rho)))
    # the least total variance is positive whatever b and rho are
    a = scale * np.exp(least) - b * sigma * np.sqrt(1 - rho * rho)
    return np.stack([a, b, rho, m * deviation, sigma], axis=-1)


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
        middle = np.maximum(natural_density(natural, np.zeros(1))[0], 1e-12)
        _, _, rho, m, sigma = natural.T
        bottom = np.clip(m - rho * sigma / np.sqrt(1 - rho * rho), *REACH)[..., None]
        at = np.concatenate([CHECKS * np.sqrt(middle), bottom, np.broadcast_to(REACH, (*x.shape[:-1], 2))], axis=-1)
        w, g = natural_density(natural, at)
        vol = np.sqrt(np.maximum(w[..., :NEAR_CHECKS], 1e-12) / tau)
        penalties = [np.minimum(g - DENSITY, 0.0), np.minimum(vol - LEAST_VOL, 0) + np.maximum(vol - MOST_VOL, 0)]
        if earlier is not None:
            floor = np.maximum(total_variance_float(earlier, at[..., :-2]), 0) * (1 + CALENDAR) + 1e-9
            penalties.append(np.minimum(w[..., :-2] - floor, 0.0) / scale)
        if after is not None:
            penalties.append(SOFT * np.minimum(ceiling - natural_density(natural, beyond)[0], 0.0) / middle_later)
        errors = weight * (fitted - expiry.iv) / atm
        return np.concatenate([errors, PENALTY * np.concatenate(penalties, axis=-1) / 10], axis=-1)

    def slopes(x: Floats) -> Floats:
        """Differences to five neighbours, all in one go."""
        steps = 1.5e-8 * np.maximum(np.abs(x), 1.0)
        rows = residuals(np.concatenate([x[None], x + np.diag(steps)]))
        return np.asarray((rows[1:] - rows[0]).T / steps, np.float64)

    wide = min(4.0, 1.9 / deviation)
    bounds = (
        [-9.0, -7.0, -3.0, -wide, np.log(0.0015 / deviation)],
        [3.0, 4.0, 3.0, wide, np.log(3.5 / deviation)],
    )
    best = None
    for start in STARTS:
        inside = np.clip(start, np.array(bounds[0]) + 1e-6, np.array(bounds[1]) - 1e-6)
        found = least_squares(residuals, inside, jac=slopes, bounds=bounds, max_nfev=200, ftol=1e-6, xtol=1e-6)
        # two ways to one end are enough
        is_same = best is not None and abs(found.cost - best.cost) < 0.01 * best.cost
        if best is None or found.cost < best.cost:
            best = found
        if best.cost < GOOD or is_same:
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
    alone: list[SviSlice | None] = []
    fits: list[Fit] = []
    with doing(f"fitting the smiles of {chain.asset}", 2 * len(wanted)) as activity:
        for expiry in wanted[1:]:
            alone.append(fit_expiry(expiry, (expiry.at - chain.made_at) / YEAR))
            activity.step()
        for expiry, after in zip(wanted, (*alone, None), strict=True):
            tau = (expiry.at - chain.made_at) / YEAR
            smile = fit_expiry(expiry, tau, fits[-1].slice if fits else None, after)
            smile = _lift(smile, expiry.at, chain.made_at, fits)
            fitted = np.sqrt(np.maximum(total_variance_float(smile.floats(), expiry.k), 0) / tau)
            fits.append(Fit(expiry, tau, smile, fitted - expiry.iv))
            activity.step()
    return fits


def _lift(smile: SviSlice, at: int, made_at: int, fits: Sequence[Fit]) -> SviSlice:
    """The smile, raised by the least that leaves no arbitrage: by the contract's own checks and on a dense grid.

    Its level goes up, or all its variances by one share: that alone helps where two wings are about to cross.
    """
    before = fits[-1] if fits else None
    reason = ""
    for tries in range(40):
        part = 2**tries - 1 if tries else 0
        level = max(abs(smile.a) // 10**5, 10) * part
        for raised in (
            replace(smile, a=smile.a + level),
            replace(smile, a=smile.a + smile.a * part // 10**6, b=smile.b + smile.b * part // 10**6),
        ):
            reason = _fault(raised, at, made_at, before)
            if not reason:
                return raised
    raise SurfaceError(reason)


def _fault(smile: SviSlice, at: int, made_at: int, before: Fit | None) -> str:
    """Arbitrage of a smile with itself or the one before it: the contract's reason, empty without."""
    expiries, slices = ((at,), (smile,)) if before is None else ((before.expiry.at, at), (before.slice, smile))
    try:
        check_slices(Surface(0, made_at, expiries, slices))
    except SurfaceError as error:
        if str(error) not in ("surface/calendar", "surface/butterfly", "surface/vol-range"):
            raise
        return str(error)
    found = worst(smile, None if before is None else before.slice)
    if found.density <= 0:
        return "surface/butterfly"
    return "surface/calendar" if found.calendar <= CALENDAR / 100 else ""


def surface(chain: Chain, market: int, fits: Sequence[Fit], made_at: int | None = None) -> Surface:
    """A surface from the fits, of at most 16 expiries: the nearest are left out first when there are more."""
    chosen = list(fits)[-MAX_EXPIRIES:]
    return Surface(
        market,
        chain.made_at if made_at is None else made_at,
        tuple(fit.expiry.at for fit in chosen),
        tuple(fit.slice for fit in chosen),
    )
