"""What the table of calls and states has shown: shares, refills, merges and flags in states nobody had asked about."""

from __future__ import annotations

import boa
import pytest

from tests.matrix import columns
from tests.matrix.fixtures import made, scene
from tests.matrix.scene import EXPIRY, HOUR, MARKET
from tests.worlds.system import put

__all__ = ["made", "scene"]

VIEWS = ("convertToShares", "convertToAssets", "previewDeposit", "previewMint", "previewWithdraw", "previewRedeem")


@pytest.mark.parametrize("state", ["stale", "apart", "expired", "fixed", "settled"])
@pytest.mark.parametrize("contract", ["BackstopPool", "MakerVault"])
def test_views_of_shares__every_state__answer(scene, contract, state):
    """They were refused between the final price and the settlement, as the engine has nothing open to assess."""
    enter = {"stale": columns.stale, "apart": columns.apart(0.6, HOUR), "expired": columns.expired,
             "fixed": columns.fixed, "settled": columns.settled}[state]  # fmt: skip
    enter(scene)
    shares = scene.contracts[contract]
    assert shares.totalAssets() > 0
    assert all(getattr(shares, view)(10**12) > 0 for view in VIEWS)
    if state != "settled":
        assert (shares.maxDeposit(scene.people["lender"]), shares.maxMint(scene.people["lender"])) == (0, 0)


@pytest.mark.parametrize("contract", ["BackstopPool", "MakerVault"])
def test_shares__final_price__are_shown_at_it(scene, contract):
    """What settling will make of them, not what the last undisputed spot says."""
    columns.fixed(scene)
    shares = scene.contracts[contract]
    before = shares.totalAssets()
    every = list(range(1, scene.system.clearinghouse.next_id()))
    for start in range(0, len(every), 32):
        scene.contracts["Settlement"].settle_many(every[start : start + 32])
    # tips of settling are the vaults' own
    assert abs(shares.totalAssets() - before) < 20 * 10**6


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_shares__feeds_far_apart_for_an_hour__are_not_dealt(scene, share):
    """The primary counts then whatever it says; shares bought at a wrong price are bought from the other holders."""
    columns.apart(share, HOUR)(scene)
    lender = scene.people["lender"]
    assert scene.system.snapshot(EXPIRY).half_width * 10 > scene.system.snapshot(EXPIRY).spot
    for name, amount in (("deposit", 10**9), ("mint", 10**12)):
        with boa.reverts("backstop/price-not-fresh"):
            getattr(scene.pool, name)(amount, lender, sender=lender)
        with boa.reverts("maker/not-priceable"):
            getattr(scene.desks, name)(amount, lender, sender=lender)
    with boa.reverts("backstop/price-not-fresh"):
        scene.pool.serve(1, sender=lender)
    for name, amount in (("withdraw", 10**7), ("redeem", 10**12)):
        with boa.reverts("maker/not-priceable"):
            getattr(scene.desks, name)(amount, lender, lender, sender=lender)


@pytest.mark.parametrize("state", ["apart", "long apart", "grace"])
def test_refill__price_may_be_wrong__adds_no_token_to_a_vault_that_may_be_lost(scene, state):
    """Feeds apart: at the higher price the vault of the pool is thin, at the lower it is gone."""
    enter = {"apart": columns.apart(0.3), "long apart": columns.apart(0.3, HOUR), "grace": columns.grace}[state]
    enter(scene)
    idle = scene.pool.idle()
    with boa.reverts("backstop/price-not-fresh"):
        scene.pool.refill(scene.vaults["pool thin"], sender=scene.people["stranger"])
    assert scene.pool.idle() == idle


def test_absorb__expired_vault__says_so(scene):
    columns.expired(scene)
    with boa.reverts("backstop/expired"):
        scene.pool.absorb(scene.vaults["big"], sender=scene.people["stranger"])


def test_clear__says_why_nothing_was_cleared(scene):
    """Nobody is told that a vault is unhealthy when no price says so."""
    keeper, auction = scene.people["keeper"], scene.contracts["Liquidator"]
    columns.active(scene)
    with boa.reverts("liquidator/still-unhealthy"):
        auction.clear(scene.vaults["weak"], sender=keeper)
    scene.push(scene.spot, scene.spot * 0.8)
    for name in ("weak", "healed"):
        with boa.reverts("liquidator/price-not-active"):
            auction.clear(scene.vaults[name], sender=keeper)
    assert auction.refresh([scene.vaults["weak"], scene.vaults["healed"]], sender=keeper) == 0
    assert auction.clear(scene.vaults["covered again"], sender=keeper) == 2
    scene.system.wait(EXPIRY - scene.now)
    with boa.reverts("liquidator/expired"):
        auction.clear(scene.vaults["healed"], sender=keeper)


@pytest.mark.parametrize("whole", [True, False])
def test_transfer_legs__flagged_vault__keeps_its_legs(scene, whole):
    """Moved out whole, they left a vault without legs, and so without its flag: no cure, no tip for who ends it."""
    columns.active(scene)
    owner, house = scene.people["owner"], scene.system.clearinghouse
    scene.open("spare", "owner", 10_000)
    legs = list(house.load(scene.vaults["weak"])[1])
    moved = legs if whole else [put(2000, -0.5)]
    for pair in (("weak", "spare"), ("spare", "weak")):
        if pair[0] == "spare":
            scene.trade("spare", "rich", [put(2000, 1)], EXPIRY, 60)
        with boa.reverts("margin/flagged"):
            house.transfer_legs(scene.vaults[pair[0]], scene.vaults[pair[1]], moved, 0, sender=owner)
    assert house.vault_word(scene.vaults["weak"]) >> 188 & 1
    assert house.cell(MARKET, EXPIRY) > 0
