"""Which prices to bring: spot that somebody needs and that is old, and samples a few at a time. Pure."""

from __future__ import annotations

from bulkhead.keeper.plan import Action
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.price_updates import INSTANT, SPOT_SECONDS, BringSamples, BringSpot, BroughtFeed, Message
from bulkhead.keeper.state import KeeperState
from bulkhead.risk.words import WAD

#: Samples wait for others so long, so that not each costs a transaction of its own; a cell in its window stays fresh
#: while three are missing.
GATHER_SECONDS = 150
#: Samples of one transaction: a settlement window.
BATCH = 30
#: Moves at which spot is brought: with vaults near their edge, and while there are vaults at all [bps].
NEAR_MOVE_BPS, MOVE_BPS = 10, 50
#: Share of its age limit at which spot is renewed while there are vaults [percent].
RENEW_PERCENT = 80
#: So long before it is too old a price is not sent any more: it has to be mined in time.
MARGIN_SECONDS = 15
#: A poke waits so long for a sample of a whole ten minutes that is still to come [seconds].
HOLD_SECONDS = 1_800


def plan_brings(state: KeeperState, policy: Policy) -> list[Action]:
    """Spot first: a liquidation may wait for it."""
    feeds = [feed for feed in state.brought if policy.mine(feed.market)]
    found: list[Action] = [spot for feed in feeds if (spot := _spot(state, policy, feed)) is not None]
    for feed in feeds:
        found += _samples(state, feed)
    return found


def holds_poke(state: KeeperState, policy: Policy, market: int) -> bool:
    """Whether folding now would pass over an instant whose sample this keeper is still to bring."""
    return "bring" in policy.roles and any(
        at % INSTANT == 0 and INSTANT <= state.now - at <= HOLD_SECONDS
        for feed in state.brought
        if feed.market == market and feed.is_primary
        for at in feed.missing
    )


def _samples(state: KeeperState, feed: BroughtFeed) -> list[Action]:
    due = sorted(feed.samples, key=lambda message: message.at)
    if not due or (state.now - due[0].at < GATHER_SECONDS and len(due) < BATCH):
        return []
    parts: list[tuple[Message, ...]] = [(message,) for message in due if message.at in feed.alone]
    rest = [message for message in due if message.at not in feed.alone]
    parts += [tuple(rest[i : i + BATCH]) for i in range(0, len(rest), BATCH)]
    return [BringSamples(feed.market, feed.address, part, feed.fee) for part in parts]


def _spot(state: KeeperState, policy: Policy, feed: BroughtFeed) -> BringSpot | None:
    offered = feed.offered
    if offered is None or not feed.spot_at < offered.at <= state.now:
        return None
    if state.now - offered.at > SPOT_SECONDS - MARGIN_SECONDS:
        return None
    worth = _near(state, policy, feed.market)
    if not (worth is not None and _has_moved(feed, offered, NEAR_MOVE_BPS)) and not _is_wanted(state, feed, offered):
        return None
    return BringSpot(feed.market, feed.address, offered, feed.fee, worth or 0)


def _is_wanted(state: KeeperState, feed: BroughtFeed, offered: Message) -> bool:
    """Whether spot is too old, or too far from the newest price, for those who have vaults or trade."""
    age = state.now - feed.spot_at
    if feed.keep_fresh and age >= feed.keep_fresh:
        return True
    if feed.market not in {state.priced(market) for market in state.busy}:
        return False
    return _has_moved(feed, offered, MOVE_BPS) or age * 100 >= feed.age_limit * RENEW_PERCENT


def _has_moved(feed: BroughtFeed, offered: Message, bps: int) -> bool:
    return abs(offered.price - feed.spot) * 10_000 >= bps * feed.spot


def _near(state: KeeperState, policy: Policy, market: int) -> int | None:
    """What liquidating the dearest of the vaults near their edge may bring [wad quote], None where there are none."""
    served = {market} | {index for index in state.markets if state.priced(index) == market}
    pools = {state.markets[index].pool.lower() for index in served & state.markets.keys()} - {""}
    worths = [0 for cell in state.unknown.values() if cell[0] in served]
    for vault in state.vaults.values():
        minded = state.ours(vault) or (vault.owner.lower() in pools and vault.epoch == 0)
        if vault.market in served and state.live(vault) and (vault.flagged or not minded):
            bonus = policy.min_bonus * vault.maintenance_margin // WAD if "take" in policy.roles else 0
            worths.append(state.in_quote(vault.market, bonus))
    return max(worths, default=None)
