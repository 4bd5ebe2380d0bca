"""Fits of real chains, near expiries included, put in force by the contract itself."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import boa
import pytest

from bulkhead.vol import options
from bulkhead.vol.fit import fit_chain
from bulkhead.vol.fit import surface as surface_of
from bulkhead.vol.surface import DAY

ROOT = Path(__file__).resolve().parents[4]
FILE = (
    Path(os.environ.get("BULKHEAD_DATA", ROOT.parent / "shared" / "data"))
    / "deribit"
    / "deribit_chains_weekly_2025-12_2026-08.parquet"
)


@pytest.mark.skipif(not FILE.exists(), reason="the market data folder is absent (BULKHEAD_DATA)")
@pytest.mark.parametrize(("asset", "day"), [("BTC", "2026-01-28")])
def test_publish__chain_whose_near_expiries_once_broke_it__in_force(world, asset, day):
    chain = next(c for c in options.read(FILE, asset) if time.strftime("%Y-%m-%d", time.gmtime(c.made_at)) == day)
    # all expiries that are no surface alone, and the first that makes one
    last = next(i for i, expiry in enumerate(chain.expiries) if expiry.at >= chain.made_at + 7 * DAY)
    near = dataclasses.replace(chain, expiries=chain.expiries[: last + 1])
    made = surface_of(near, 1, fit_chain(near))
    assert len(made.expiries) == last + 1 > 3
    boa.env.timestamp = chain.made_at + 60
    world.publish(made)
    assert world.in_force()[0] == made
