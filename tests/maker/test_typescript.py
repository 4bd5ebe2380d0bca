"""The TypeScript package against a real chain and a maker server: what it asks, signs and hands over is understood."""

from __future__ import annotations

import os
import subprocess

import pytest

from bulkhead.client import Bulkhead
from examples.common import friday
from tests.contracts import ROOT
from tests.maker.test_client import market, people
from tests.maker.test_rfq import serving

__all__ = ["market", "people"]

VITEST = ROOT / "web" / "node_modules" / ".bin" / "vitest"


@pytest.mark.skipif(not VITEST.exists(), reason="the page's packages are not installed (`make app` installs them)")
def test_package__asks_takes_signs_and_hands_over_as_the_server_and_the_chain_want_it(
    people: tuple[Bulkhead, Bulkhead],
) -> None:
    maker, trader = people
    with serving(maker) as url:
        environment = {
            **os.environ, "MAKER_URL": url, "EXPIRY": str(friday(trader, 1)), "BULKHEAD_RPC_URL": trader.chain.rpc.url,
        }  # fmt: skip
        done = subprocess.run(
            [VITEST, "run", "--config", "vitest.live.config.ts"],
            cwd=ROOT / "web", env=environment, capture_output=True, text=True, timeout=200,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-1_000:]
