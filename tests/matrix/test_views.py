"""Views answer in every state: what a front end or a keeper reads is never refused because the market is in trouble."""

from __future__ import annotations

import boa
import pytest

from bulkhead.risk.words import Kind
from tests.matrix.columns import COLUMNS
from tests.matrix.run import built
from tests.matrix.scene import EXPIRY, MARKET, OLDER
from tests.worlds.system import WAD, put


@pytest.fixture(scope="module")
def scene():
    with built() as made:
        yield made


def views(scene, order):
    """(name, call) of every view that a client asks in any state."""
    lens, orders = scene.system.lens, scene.system.OrderLens
    every = list(range(1, scene.system.clearinghouse.next_id()))
    trader, vault = scene.people["trader"], scene.vaults["margined"]
    yield "vaults", lambda: lens.vaults(every)
    yield "market", lambda: lens.market(MARKET, EXPIRY)
    yield "preview", lambda: lens.preview(vault, EXPIRY, [put(2000, 0.5)], -(10**7))
    yield "preview_new", lambda: lens.preview_new(MARKET, 0, EXPIRY, [put(2000, -0.5)], 10**9)
    yield "order_states", lambda: orders.order_states([order[0]], [order[1]], trader, vault)
    yield "top_ups", lambda: scene.contracts["AutoTopUp"].top_ups(every)
    yield "quotes", lambda: [scene.system.liquidator.quote(one, WAD) for one in every]
    yield "cells", lambda: [scene.contracts["Settlement"].cell_state(MARKET, at) for at in (EXPIRY, OLDER)]
    yield "room", lambda: scene.contracts["InsuranceFund"].available(MARKET, EXPIRY)
    for name in ("BackstopPool", "MakerVault"):
        shares = scene.contracts[name]
        for view in ("convertToAssets", "convertToShares", "previewRedeem", "previewDeposit"):
            yield f"{name}.{view}", lambda shares=shares, view=view: getattr(shares, view)(10**12)
        for view in ("maxDeposit", "maxMint", "maxWithdraw", "maxRedeem"):
            yield f"{name}.{view}", lambda shares=shares, view=view: getattr(shares, view)(scene.people["lender"])


@pytest.mark.parametrize("column", [c for c in COLUMNS if c.how == "call" and not c.on_row], ids=lambda c: c.name)
def test_views__in_every_state__answer(scene, column):
    with boa.env.anchor():
        spot, vaults = scene.spot, dict(scene.vaults)
        column.enter(scene)
        order = scene.order(Kind.PUT, False, 10**5)
        refused = {}
        for name, ask in views(scene, order):
            try:
                ask()
            except boa.BoaError as error:
                refused[name] = str(error).split("\n\n")[0][-200:]
        scene.spot, scene.vaults = spot, vaults
        assert refused == {}
