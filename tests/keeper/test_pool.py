"""What a keeper does for a market's backstop pool, on a real Anvil: absorb, refill, collect."""

from __future__ import annotations

from typing import Any

import pytest

from bulkhead.chain.pool import PoolView, read_pool
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.service import Keeper
from bulkhead.replay.price_paths.rounds import Round
from tests.keeper.world import fall, keep, settle
from tests.worlds.local_market import EXPIRY, opened

#: What the pool's one depositor puts in [quote].
DEPOSIT = 200_000
ROLES = frozenset({"flag", "absorb", "poke", "fix", "settle", "claim"})


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("pool") / "log") as replay:
        yield replay


def test_keeper__pool_with_money__absorbs_refills_and_collects(scene):
    local, market = scene.local, scene.local.market
    pool = local.chain.backstop(local.chain.deployment.market(market.symbol))
    amount = DEPOSIT * local.unit
    insurer, keeper_address = local.people["insurer"], local.people["keeper"].address
    minter = local.people["deployer"].signer
    minter.forget_nonce()  # the node signs for the feed with this account
    minter.execute(market.token, "mint", insurer.address, amount)
    insurer.ensure_allowance(market, pool, amount)
    insurer.signer.execute(pool, "deposit", amount, insurer.address)
    before = market.token.call("balanceOf", keeper_address)
    whole = 10 ** pool.call("decimals")
    insurer.signer.execute(pool, "request_redeem", 3 * whole, 5)
    seen: list[PoolView] = []

    async def play(keeper: Keeper) -> None:
        fall(scene)
        await settle(keeper)
        # the pool wants a fifth of the margin: auctions pay that after a while
        for _ in range(20):
            if pool.call("vaults"):
                seen.append(read_pool(local.chain, market.symbol))
                break
            local.anvil.mine(local.now() + 30)
            await settle(keeper)
        # further down, what was taken over lacks initial margin
        for price in (170, 164, 158):
            local.push(Round(local.now() + 30, price * 10**8))
            await settle(keeper)
        for at in (EXPIRY - 3_000, EXPIRY - 1_200, EXPIRY + 60):
            local.push(Round(at, 158 * 10**8))
            await settle(keeper)
        for _ in range(4):
            local.anvil.mine(local.now() + 60)
            await settle(keeper)

    fresh = read_pool(local.chain, market.symbol)
    assert (fresh.assets, fresh.idle, fresh.vaults) == (amount, amount, ()) and fresh.share_price == local.unit
    assert fresh.room == fresh.cap - amount and fresh.shares == DEPOSIT * whole
    (request,) = fresh.queue
    assert (request.owner, request.shares, request.least) == (insurer.address, 3 * whole, 5)
    _, said = keep(scene, play, policy=Policy(roles=ROLES))
    (filled,) = seen
    # bought for a gain, left at a haircut
    assert [v.owner for v in filled.vaults] == [pool.address] and filled.vaults[0].legs
    assert filled.assets is not None and filled.assets > amount > filled.idle
    assert filled.share_price is not None and filled.redemption_price is not None
    assert filled.share_price > max(local.unit, filled.redemption_price)
    assert counted(said, "mined", "Pool.absorb") >= 1
    assert counted(said, "mined", "Pool.refill") >= 1
    assert counted(said, "mined", "Pool.collect") >= 1
    assert not [line for line in said if line["event"] in ("reverted", "bug")]
    assert pool.call("vaults") == []
    # absorbing needs no capital of the keeper's, and pays it the tips
    assert market.token.call("balanceOf", keeper_address) > before


def counted(said: list[dict[str, Any]], event: str, call: str) -> int:
    return sum(line["event"] == event and line.get("call") == call for line in said)
