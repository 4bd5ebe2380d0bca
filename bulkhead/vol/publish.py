"""From a chain of quotes to a surface in force: fit, keep within the cap, sign, send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from eth_account import Account

from bulkhead.chain.connection import Connection
from bulkhead.chain.errors import BadInput
from bulkhead.chain.sender import Receipt, Sender
from bulkhead.risk import svi
from bulkhead.risk.svi import SviSlice, iv_float
from bulkhead.vol import surface as vol
from bulkhead.vol.fit import fit_chain
from bulkhead.vol.fit import surface as build
from bulkhead.vol.options import Chain, Expiry, expiry
from bulkhead.vol.surface import MIN_TENOR, Surface, SurfaceError

#: Shares of the way from the surface in force to the quotes that are tried, the whole way first.
SHARES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.02, 0.0)


@dataclass(frozen=True)
class Plan:
    """A surface that VolSurface would take.

    Attributes:
        surface: What to sign.
        share: How far it goes from the surface in force to the quotes; below 1 the cap on change holds it back.
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
    kept = [] if before is None else [at for at in before.expiries if at >= made_at + MIN_TENOR]
    if before is not None:
        quoted = {quotes.at: quotes for quotes in present.expiries}
        room = vol.MAX_EXPIRIES - len(kept)
        more = [at for at in quoted if at not in kept][:room]
        present = replace(
            present,
            expiries=tuple(
                _reprice(quoted[at], before, made_at, 1.0) if at in quoted else _own(before, at, made_at)
                for at in sorted({*kept, *more})
            ),
        )
    refusal: SurfaceError | None = None
    for share in SHARES if before is not None else (1.0,):
        moved = present
        if before is not None and share < 1:
            moved = replace(
                present, expiries=tuple(_reprice(quotes, before, made_at, share) for quotes in present.expiries)
            )
        try:
            made = build(moved, market, fit_chain(moved), made_at)
            vol.check(made, before, cap_bps)
        except SurfaceError as error:
            refusal = error
            continue
        return Plan(made, share)
    if before is not None:
        # what is in force, carried on: it differs from itself by nothing
        made = Surface(market, made_at, tuple(kept), tuple(_carry(before, at, made_at) for at in kept))
        vol.check(made, before, cap_bps)
        return Plan(made, 0.0)
    assert refusal is not None
    raise refusal


def _carry(before: Surface, at: int, now: int) -> SviSlice:
    part = before.slices[before.expiries.index(at)]
    return SviSlice.unpack(svi.scale(part.pack(), at - now, at - before.made_at))


def _vols(before: Surface, at: int, now: int, k: svi.Floats) -> svi.Floats:
    near, far, weight = before.place(at, now)
    return iv_float(near, far, weight, k, at - now)


def _reprice(quotes: Expiry, before: Surface, now: int, share: float) -> Expiry:
    """The quotes, a share of the way from the surface in force, in variance."""
    old = _vols(before, quotes.at, now, quotes.k)
    return replace(quotes, iv=np.sqrt(old * old + share * (quotes.iv * quotes.iv - old * old)))


def _own(before: Surface, at: int, now: int) -> Expiry:
    """Quotes of an expiry that the chain does not list: what is in force."""
    tau = (at - now) / vol.YEAR
    deviation = float(_vols(before, at, now, np.zeros(1))[0]) * tau**0.5
    k = np.linspace(-3, 3, 25) * deviation
    return expiry(at, 1.0, tau, np.exp(k).tolist(), _vols(before, at, now, k).tolist())


def publish(connection: Connection, sender: Sender, plan_: Plan, keys: Sequence[str]) -> Receipt:
    """Signs with every key and sends.

    Raises:
        BadInput: Too few keys, or one that is no publisher's.
    """
    contract = connection["VolSurface"]
    nonce, _, threshold, _, _ = contract.call("settings", plan_.surface.market)
    for key in keys:
        account = Account.from_key(key).address
        if not contract.call("is_publisher", plan_.surface.market, account):
            raise BadInput(f"{account} is no publisher of market {plan_.surface.market}.")
    if len(keys) < int(threshold):
        raise BadInput(f"{len(keys)} of the {threshold} signatures that market {plan_.surface.market} needs.")
    domain = vol.Domain(connection.deployment.chain_id, contract.address)
    signatures = vol.sign(plan_.surface, int(nonce) + 1, domain, list(keys))
    made = plan_.surface
    return sender.execute(
        contract, "publish", made.market, int(nonce) + 1, made.made_at, made.index, made.words, signatures
    )
