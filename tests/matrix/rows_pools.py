"""Rows of settlement, insurance, pools and governance."""

from __future__ import annotations

from typing import Any

from bulkhead.chain import system
from bulkhead.chain.listing import feeds_argument
from bulkhead.vol import surface as vol
from tests.evm import CHAIN_ID
from tests.matrix.rows import Row
from tests.matrix.scene import DONE, EXPIRY, MARKET, OLDER, Scene
from tests.worlds.maker import QUOTER
from tests.worlds.surface import KEYS, surface
from tests.worlds.system import EMPTY, WAD

UNIT = 10**6
#: Shares of pools have six decimals more than their tokens.
SHARES = 10**12
FEED = (EMPTY, 0, 0, 0, 0, 0)
SETTLE, FUND, POOL, MAKER, RULES = "Settlement", "InsuranceFund", "BackstopPool", "MakerVault", "RiskParameters"


def listing(scene: Scene, vault: int) -> tuple[Any, ...]:
    """A second market on the same feeds and token."""
    feeds = feeds_argument(2, (scene.system.market.feed.address, scene.system.fallback.address, EMPTY), (3600, 3600))
    engines = list(system.engines(scene.system.at))
    return 2, scene.token.address, (10_000, False, 0, 0), engines, feeds, *scene.system.parameters.words


def published(scene: Scene, vault: int) -> tuple[Any, ...]:
    """The first smiles."""
    made = surface(scene.now, 0.6)
    contract = scene.contracts["VolSurface"]
    version = contract.settings(MARKET)[1]
    signatures = vol.sign(made, 1, version, vol.Domain(CHAIN_ID, contract.address), KEYS[:2])
    return MARKET, 1, made.made_at, made.index, made.words, list(signatures)


def lender(scene: Scene) -> str:
    return scene.people["lender"]


def to_lender(*amounts: int) -> Any:
    """Arguments that name the lender after some amounts."""
    return lambda s, v: (*amounts, lender(s))


def by_lender(amount: int) -> Any:
    """Arguments of a redemption by the lender for itself."""
    return lambda s, v: (amount, lender(s), lender(s))


ROWS = [
    Row(SETTLE, "fix", "stranger", lambda s, v: (MARKET, EXPIRY, [])),
    Row("ExpiryPrices", "fix", "stranger", lambda s, v: (MARKET, EXPIRY, [])),
    Row(SETTLE, "settle", "stranger", lambda s, v: (v,), "margined"),
    Row(SETTLE, "settle_many", "stranger", lambda s, v: ([v],), "margined", skips=True),
    Row(SETTLE, "claim", "stranger", lambda s, v: (v,), "winner"),
    Row(SETTLE, "claim_many", "stranger", lambda s, v: ([v],), "winner", skips=True),
    Row(SETTLE, "repay", "stranger", lambda s, v: (s.vaults["debtor"],)),
    Row(SETTLE, "insure", "stranger", lambda s, v: (MARKET, OLDER), skips=True),
    Row(SETTLE, "sweep", "stranger", lambda s, v: (MARKET, DONE)),
    Row(FUND, "deposit", "insurer", lambda s, v: (MARKET, 1_000 * UNIT)),
    Row(FUND, "request", "insurer", lambda s, v: (MARKET, 1)),
    Row(FUND, "withdraw", "insurer", lambda s, v: (MARKET, s.people["insurer"])),
    Row(FUND, "reserve", "stranger", lambda s, v: (MARKET, OLDER)),
    Row(POOL, "absorb", "stranger", lambda s, v: (s.vaults["big"],)),
    Row(POOL, "refill", "stranger", lambda s, v: (v,), "pool thin"),
    Row(POOL, "merge", "stranger", lambda s, v: (v, s.vaults["pool a"], 0), "pool b"),
    Row(POOL, "collect", "stranger", lambda s, v: (v,), "pool empty"),
    Row(POOL, "deposit", "lender", to_lender(1_000 * UNIT)),
    Row(POOL, "mint", "lender", to_lender(SHARES)),
    Row(POOL, "request_redeem", "lender", lambda s, v: (SHARES, 0)),
    Row(POOL, "cancel_request", "lender", lambda s, v: (2,)),
    Row(POOL, "serve", "stranger", lambda s, v: (1,), skips=True),
    Row(POOL, "withdraw", "lender", by_lender(10 * UNIT)),
    Row(POOL, "redeem", "lender", by_lender(SHARES)),
    Row(POOL, "transfer", "lender", lambda s, v: (s.people["buyer"], SHARES)),
    Row(POOL, "transferFrom", "stranger", lambda s, v: (lender(s), s.people["buyer"], SHARES)),
    Row(POOL, "approve", "lender", lambda s, v: (s.people["buyer"], SHARES)),
    Row(POOL, "set_cap", "governor", lambda s, v: (2**127,)),
    Row(MAKER, "deposit", "lender", to_lender(1_000 * UNIT)),
    Row(MAKER, "mint", "lender", to_lender(SHARES)),
    Row(MAKER, "withdraw", "lender", by_lender(10 * UNIT)),
    Row(MAKER, "redeem", "lender", by_lender(SHARES)),
    Row(MAKER, "transfer", "lender", lambda s, v: (s.people["buyer"], SHARES)),
    Row(MAKER, "transferFrom", "stranger", lambda s, v: (lender(s), s.people["buyer"], SHARES)),
    Row(MAKER, "approve", "lender", lambda s, v: (s.people["buyer"], SHARES)),
    Row(MAKER, "open_desk", "quoter", lambda s, v: (0,)),
    Row(MAKER, "fund", "quoter", lambda s, v: (v, 10 * UNIT), "desk"),
    Row(MAKER, "defund", "quoter", lambda s, v: (v, 10 * UNIT), "desk"),
    Row(MAKER, "close_desk", "quoter", lambda s, v: (v,), "desk empty"),
    Row(MAKER, "cancel_quotes", "quoter", lambda s, v: (v, 1), "desk"),
    Row(MAKER, "set_caps", "desks", lambda s, v: (v, WAD, WAD), "desk"),
    Row(MAKER, "set_bounds", "desks", lambda s, v: ((QUOTER.address, 60, 60, UNIT, 10**12, 0),)),
    Row(MAKER, "transfer_ownership", "desks", lambda s, v: (s.people["heir"],)),
    Row(RULES, "list_market", "governor", listing),
    Row(RULES, "set_parameter", "governor", lambda s, v: (MARKET, "dust", 20)),
    Row(RULES, "advance", "stranger", lambda s, v: (MARKET, "short_floor_bps")),
    Row(RULES, "pause_opening", "guardian", lambda s, v: (MARKET,)),
    Row(RULES, "pause_opening", "guardian", lambda s, v: (MARKET, 1), case="for a day"),
    Row(RULES, "resume_opening", "governor", lambda s, v: (MARKET,)),
    Row(RULES, "set_fallback", "governor", lambda s, v: (MARKET, FEED)),
    Row(RULES, "set_backstop", "governor", lambda s, v: (MARKET, s.pool.address)),
    Row(RULES, "set_guardian", "governor", lambda s, v: (s.people["heir"],)),
    Row(RULES, "transfer_ownership", "governor", lambda s, v: (s.people["heir"],)),
    Row(RULES, "accept_ownership", "heir", lambda s, v: ()),
    Row("VolSurface", "publish", "stranger", published),
    Row("VolSurface", "stop", "guardian", lambda s, v: (MARKET,)),
    Row("VolSurface", "set_publishers", "governor", lambda s, v: (MARKET, [], 0, 3600, 1000)),
]
