"""VolSurface against its mirror: on random surfaces, mad and mild, both accept or both refuse for the same reason."""

from __future__ import annotations

import os
import random
from collections import Counter

import boa

from bulkhead.risk.svi import SviSlice
from bulkhead.risk.words import WAD
from bulkhead.vol import surface as vol
from bulkhead.vol.surface import Surface, SurfaceError
from tests.worlds.surface import grid, settled, settled_level, settled_system, smile

__all__ = ["settled", "settled_level", "settled_system"]

SURFACES = 400 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 18


def drawn(draw: random.Random, now: int, days: tuple[int, ...]) -> Surface:
    """A surface like one at 60 %, with a few numbers of a few smiles bent."""
    expiries = grid(now, days)
    level = draw.uniform(0.5, 0.72)
    slices = []
    for at in expiries:
        part = smile(level * draw.uniform(0.99, 1.01), at - now, draw.uniform(-0.5, 0.1), draw.uniform(0.55, 0.65))
        if draw.random() < 0.15:
            name = draw.choice(("a", "b", "rho", "m", "sigma"))
            values = {f: getattr(part, f) for f in ("a", "b", "rho", "m", "sigma")}
            least = 0 if name in ("b", "sigma") else -(10**15)
            values[name] = max(
                least, round(values[name] * draw.choice((0.7, 1.4, -1, 4, 0.02)) + draw.choice((0, 10**6)))
            )
            part = SviSlice(**values)
        slices.append(part)
    return Surface(1, now, expiries, tuple(slices))


def test_publish__random_surfaces__contract_and_mirror_agree(settled):
    seen: Counter[str] = Counter()
    settled.cap_bps = 5000
    settled.set_publishers()
    settled.wait(3600, 2000)
    before, in_force = settled.in_force()
    assert in_force
    for seed in range(SURFACES):
        made = drawn(random.Random(seed), settled.now, settled.days())
        try:
            ends = vol.check(made, before, settled.cap_bps)
        except SurfaceError as refusal:
            seen[str(refusal)] += 1
            with boa.reverts(str(refusal)):
                settled.publish(made)
            continue
        seen["accepted"] += 1
        with boa.env.anchor():
            settled.publish(made)
            word = int(settled.oracle.surface(1)[0])
            assert (word >> 180 & 65535, (word >> 164 & 65535) - 1) == ends
            assert (word >> 124 & (2**40 - 1)) == made.sigma_atm() // 10**9
            for at in (made.expiries[2], made.expiries[3] + 86400):
                facts = settled.snapshot(at)
                assert (facts.surface_near, facts.surface_far) == made.place(at, settled.now)[:2]
                assert facts.surface_weight & (2**64 - 1) <= WAD
    assert seen["accepted"] >= 3
    assert len(seen) >= 3, seen
