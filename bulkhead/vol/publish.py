"""From a chain of quotes to a surface in force: fit, keep within the cap, sign, send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from eth_account import Account

from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BadInput
from bulkhead.chain.sender import Receipt, Sender
from bulkhead.risk.scales import YEAR
from bulkhead.risk.svi import SviSlice, iv_float
from bulkhead.vol import surface as vol
from bulkhead.vol.fit import fit_chain, fit_expiry
from bulkhead.vol.fit import surface as build
from bulkhead.vol.options import Chain, Expiry, expiry
from bulkhead.vol.surface import MIN_TENOR, Surface, SurfaceError

#: Shares of the way from the surface in force to the quotes that are tried, the whole way first.
SHARES = (1.0, *(0.8**n for n in range(1, 30)), 0.0)
#: Halvings of the gap between the largest share that passes and the next one tried.
REFINE = 3


@dataclass(frozen=True)
class Plan:
    """A surface that VolSurface would take.

    Attributes:
        surface: What to sign.
        share: How far each expiry at least goes from what is in force to the quotes; below 1 the cap holds it back.
    """

    surface: Surface
    share: float


def plan(chain: Chain, market: int, made_at: int, before: Surface | None, cap_bps: int) -> Plan:
    """Fits a chain and goes as far towards it as the contract lets one publication go.

    Args:
        chain: The quotes.
        market: Market index.
        made_at: Time of the publication [unix seconds].
        before: The surface in force, None when marks depend on none.
        cap_bps: The market's cap on change [bps per hour].

    Raises:
        SurfaceError: Nothing that VolSurface would take can be made of it.
    """
    present = replace(chain, made_at=made_at)
    if before is None:
        made = build(present, market, fit_chain(present), made_at)
        vol.check(made)
        return Plan(made, 1.0)
    quoted = {quotes.at: quotes for quotes in present.expiries}
    held = before.carried(made_at)
    room = vol.MAX_EXPIRIES - len(held.expiries)
    more = [at for at in quoted if at not in held.expiries and at - made_at >= MIN_TENOR][:room]
    for expiries in ([*held.expiries, *more], list(held.expiries)):
        start = _start(before, sorted(expiries), made_at)
        goal = replace(present, expiries=tuple(quoted.get(at, _own(before, at, made_at)) for at in start.expiries))
        try:
            fits = fit_chain(goal)
        except SurfaceError:
            continue
        aim = build(goal, market, fits, made_at)
        if aim.expiries != start.expiries:
            continue
        found = farthest(start, aim, before, cap_bps)
        if found is not None:
            return found
    # what is in force, carried on: it differs from itself by nothing
    vol.check(held, before, cap_bps)
    return Plan(held, 0.0)


def farthest(start: Surface, aim: Surface, before: Surface, cap_bps: int) -> Plan | None:
    """The farthest surface on the way from what is in force to the fit that VolSurface takes, None when none is.

    All expiries go one share of the way; then each goes on alone as far as it can, so that one wild smile does not hold
    back the others. What is taken passes every check of the contract at every strike that it checks.
    """

    def passes(shares: Sequence[float]) -> Surface | None:
        slices = tuple(_between(*pair) for pair in zip(start.slices, aim.slices, shares, strict=True))
        made = replace(aim, slices=slices)
        try:
            vol.check(made, before, cap_bps)
        except (SurfaceError, ValueError):
            return None
        return made

    def longest(given: Sequence[float], lanes: Sequence[int], least: float) -> list[float] | None:
        """`given`, with the largest share in `lanes` that passes."""

        def at(share: float) -> list[float]:
            return [share if lane in lanes else other for lane, other in enumerate(given)]

        above = None
        for share in SHARES:
            if share < least:
                return None
            if passes(at(share)) is None:
                above = share
                continue
            if above is not None:
                for _ in range(REFINE):
                    middle = (share + above) / 2
                    share, above = (middle, above) if passes(at(middle)) is not None else (share, middle)
            return at(share)
        return None

    lanes = range(len(aim.slices))
    shares = longest([0.0 for _ in lanes], lanes, 0.0)
    if shares is None:
        return None
    if min(shares) < 1:
        # from the last: one that rises makes room for the one before it
        open_ = [lane for lane in lanes if start.slices[lane] != aim.slices[lane]]
        for lane in (*reversed(open_), *open_):
            shares = longest(shares, [lane], shares[lane]) or shares
    made = passes(shares)
    assert made is not None
    return Plan(made, min(shares))


def _between(start: SviSlice, aim: SviSlice, share: float) -> SviSlice:
    """A smile on the way: variance is linear in a, b and b*rho where centre and width agree."""
    if share in (0.0, 1.0):
        return aim if share else start
    a, b, tilt, m, sigma = (
        x + share * (y - x)
        for x, y in zip(
            (start.a, start.b, start.b * start.rho, start.m, start.sigma),
            (aim.a, aim.b, aim.b * aim.rho, aim.m, aim.sigma),
            strict=True,
        )
    )
    return SviSlice(round(a), round(b), round(tilt / b) if round(b) else 0, round(m), round(sigma))


def _start(before: Surface, expiries: Sequence[int], now: int) -> Surface:
    """What is in force at these expiries: a slice of its own, scaled, where there is one, else the nearest smile."""
    slices = []
    for at in expiries:
        near, _, weight = before.place(at, now)
        slices.append(SviSlice.unpack(near) if not weight else fit_expiry(_own(before, at, now), (at - now) / YEAR))
    return Surface(before.market, now, tuple(expiries), tuple(slices))


def _own(before: Surface, at: int, now: int) -> Expiry:
    """Quotes of an expiry that the chain does not list, or not yet the surface: what is in force, to its far wings."""
    tau = (at - now) / YEAR
    near, far, weight = before.place(at, now)
    deviation = float(iv_float(near, far, weight, 0.0, at - now)) * tau**0.5
    k = np.unique(np.concatenate([np.linspace(-3, 3, 25) * deviation, np.linspace(-5, 5, 5) * deviation, [-2.5, 2.5]]))
    made = expiry(at, 1.0, tau, np.exp(k).tolist(), iv_float(near, far, weight, k, at - now).tolist())
    return replace(made, weight=np.maximum(made.weight, 0.2))


def publish(connection: Connection, sender: Sender, plan_: Plan, keys: Sequence[str]) -> Receipt:
    """Signs with every key and sends.

    Raises:
        BadInput: Too few keys, or one that is no publisher's.
    """
    contract = connection["VolSurface"]
    settings = contract.call("settings", plan_.surface.market)
    for key in keys:
        account = Account.from_key(key).address
        if not contract.call("is_publisher", plan_.surface.market, account):
            raise BadInput(f"{account} is no publisher of market {plan_.surface.market}.")
    if len(keys) < settings.threshold:
        raise BadInput(f"{len(keys)} of the {settings.threshold} signatures that market {plan_.surface.market} needs.")
    domain = vol.Domain(connection.deployment.chain_id, contract.address)
    signatures = vol.sign(plan_.surface, settings.nonce + 1, settings.version, domain, list(keys))
    made = plan_.surface
    return sender.execute(
        contract, "publish", made.market, settings.nonce + 1, made.made_at, made.index, made.words, signatures
    )
