"""Fits of real chains, near expiries included: the contract itself puts each in force, a dense grid finds no hole."""

from __future__ import annotations

import functools
from pathlib import Path

import boa
import pytest

from bulkhead.vol import options
from bulkhead.vol.arbitrage import worst
from bulkhead.vol.fit import fit_chain
from bulkhead.vol.fit import surface as surface_of
from bulkhead.vol.options import Chain
from tests.worlds import market_data

ROOT = Path(__file__).resolve().parents[4]
FILE = market_data.FOLDER / "deribit" / "deribit_chains_weekly_2025-12_2026-08.parquet"
#: Weeks in the file.
WEEKS = 31


@functools.cache
def chains(asset: str) -> list[Chain]:
    return options.read(FILE, asset)


@pytest.mark.skipif(not FILE.exists(), reason="the market data folder is absent (BULKHEAD_DATA)")
@pytest.mark.parametrize("week", range(WEEKS))
@pytest.mark.parametrize("asset", ["BTC", "ETH"])
def test_publish__fit_of_a_real_chain__in_force_and_free_of_arbitrage(world, asset, week):
    assert len(chains(asset)) == WEEKS
    chain = chains(asset)[week]
    fits = fit_chain(chain)
    made = surface_of(chain, 1, fits)
    assert len(made.expiries) == len(chain.expiries)
    boa.env.timestamp = chain.made_at + 60
    world.publish(made)
    assert world.in_force()[0] == made
    for before, fit in zip([None, *fits], fits, strict=False):
        # three times as dense as what the fit itself looks at
        assert worst(fit.slice, before and before.slice, 1201).is_free, fit.tau * 365
