"""A keeper that brings prices to real adapters on a real node: what goes wrong, and what it costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bulkhead.chain import price_messages as messages
from bulkhead.keeper.price_sources import RedStoneSource
from bulkhead.keeper.price_updates import LATE_SECONDS, Message
from bulkhead.replay.price_service import SERVICE
from tests.worlds.pulled import EXPIRY, INSTANT, MINUTE, PRICE, RIVAL, START, Bringing, by_minutes, pulled, undone


@pytest.fixture(scope="module")
def running():
    with pulled("redstone") as market:
        yield market


@pytest.fixture
def market(running):
    with undone(running) as found:
        yield found


def instants(first: int, last: int) -> list[int]:
    """Whole ten minutes of a stretch."""
    return list(range(-(-first // INSTANT) * INSTANT, last + 1, INSTANT))


def minutes_sent(bringing: Bringing) -> list[int]:
    return [at for line in bringing.sent("bringsamples") for at in line["minutes"]]


def alerts(bringing: Bringing) -> list[str]:
    return [line["kind"] for line in bringing.said("alert")]


def test_samples__source_that_is_away_for_an_hour__loses_none(market):
    with Bringing(market) as bringing:
        market.service.down = True
        by_minutes(market, START + 60 * MINUTE, bringing.settle_down)
        assert minutes_sent(bringing) == []
        assert "sample-missing" in alerts(bringing)
        market.service.down = False
        by_minutes(market, START + 63 * MINUTE, bringing.settle_down)
        wanted = instants(START + MINUTE, START + 60 * MINUTE)
        assert [market.sampled(at) for at in wanted] == [market.honest(at) for at in wanted]
        # all of them in one transaction, each once
        assert minutes_sent(bringing) == wanted and len(bringing.sent("bringsamples")) == 1
        assert not bringing.said("bug")


def test_samples__one_that_never_comes__is_told_of_in_time_and_when_it_is_lost(market):
    gone = instants(START + MINUTE, EXPIRY)[0]
    market.service.missing.add(gone)
    with Bringing(market) as bringing:
        by_minutes(market, gone + 9 * MINUTE, bringing.settle_down)
        assert "sample-missing" not in alerts(bringing)
        by_minutes(market, gone + 11 * MINUTE, bringing.settle_down)
        (told,) = [line for line in bringing.said("alert") if line["kind"] == "sample-missing"]
        assert str(gone) in told["text"] and told["about"] == "ETH"
        by_minutes(market, gone + LATE_SECONDS - MINUTE, bringing.settle_down)
        assert "sample-lost" not in alerts(bringing) and market.sampled(gone) is None
        by_minutes(market, gone + LATE_SECONDS + 2 * MINUTE, bringing.settle_down)
        assert "sample-lost" in alerts(bringing)
        page = bringing.keeper.metrics.page().decode()
        assert 'bulkhead_keeper_samples_total{market="ETH",outcome="lost"} 1.0' in page
        assert 'bulkhead_keeper_call_gas_wei_total{call="PullFeed.bring_many"}' in page


def test_samples__signers_that_come_late__replace_what_fewer_have_signed(market):
    late = instants(START + MINUTE, EXPIRY)[0]
    market.service.late_signers[late] = 3
    with Bringing(market) as bringing:
        by_minutes(market, late + 4 * MINUTE, bringing.settle_down)
        few = market.sampled(late)
        assert few is not None and few != market.service.path(late)
        del market.service.late_signers[late]
        assert few != market.honest(late)
        by_minutes(market, late + 6 * MINUTE, bringing.settle_down)
        assert market.sampled(late) == market.honest(late)
        assert minutes_sent(bringing) == [late, late]


def test_samples__message_that_the_adapter_refuses__keeps_no_other_from_coming(market):
    """A payload of another minute: the batch is refused, then each is tried alone."""
    wanted = instants(START + MINUTE, START + 50 * MINUTE)

    class Wrong(RedStoneSource):
        async def sample(self, at: int) -> Message | None:
            found = await super().sample(at if at != wanted[1] else at - MINUTE)
            return None if found is None else Message(at, found.price, found.data, found.signers)

    source = Wrong(market.service.url, "ETH", SERVICE, messages.local_signers())
    with Bringing(market, source=source) as bringing:
        market.anvil.mine(START + 50 * MINUTE)
        by_minutes(market, START + 56 * MINUTE, bringing.settle_down)
        rest = [at for at in wanted if at != wanted[1]]
        assert [market.sampled(at) for at in rest] == [market.honest(at) for at in rest]
        assert market.sampled(wanted[1]) is None
        assert "sample-missing" in alerts(bringing)
        refused = [line for line in bringing.said("action-failed") if line["action"] == "bringsamples"]
        assert all("another-minute" in line["reason"] for line in refused)
        assert not bringing.said("bug") and not bringing.said("reverted")


def test_samples__somebody_else_has_brought_them__cost_nothing(market):
    with Bringing(market, account=RIVAL) as rival, Bringing(market) as bringing:
        by_minutes(market, START + 25 * MINUTE, rival.settle_down, bringing.settle_down)
        assert minutes_sent(rival) == instants(START + MINUTE, START + 22 * MINUTE)
        assert minutes_sent(bringing) == []
    with Bringing(market) as restarted:
        # what is on chain is read there, not remembered
        restarted.settle_down()
        assert minutes_sent(restarted) == []


def test_spot__vault_that_only_the_new_price_makes_unsafe__is_brought_and_flagged(market):
    desk = market.maker.vaults.open("ETH", deposit=Decimal(20_000))
    bought = market.maker.orders.sign(desk, EXPIRY, ["put:180"], "buy", Decimal("0.5"), 5)
    short = market.trader.orders.fill(bought, deposit=Decimal(200))
    market.service.path = lambda at: PRICE
    with Bringing(market, ("bring", "flag", "poke")) as bringing:
        by_minutes(market, START + 5 * MINUTE, bringing.settle_down)
        before = len(bringing.sent("bringspot"))
        market.service.path = lambda at: PRICE * (72 if at >= START + 6 * MINUTE else 100) // 100
        by_minutes(market, START + 8 * MINUTE, bringing.settle_down)
        assert len(bringing.sent("bringspot")) == before + 1
        flagged: dict[int, Any] = {v.vault_id: v for v in market.chain.book().vaults.values() if v.flagged}
        assert set(flagged) == {short}


def test_spot__source_ahead_of_the_chain__the_newest_that_the_next_block_takes_is_brought(market):
    """Blocks are seconds apart and sources are not: the newest price of all is from the newest block's future."""
    clock, market.service.clock = market.service.clock, lambda: market.now + 7
    try:
        with Bringing(market, keep_fresh=60) as bringing:
            for at in range(START + 5 * MINUTE, START + 9 * MINUTE, 12):
                market.anvil.mine(max(at, market.now + 1))
                bringing.settle_down()
            assert len(bringing.sent("bringspot")) >= 3
            assert not bringing.said("action-failed") and not bringing.said("reverted")
    finally:
        market.service.clock = clock


def test_spot__nobody_holds_anything__is_not_brought_unless_asked_for(market):
    with Bringing(market) as bringing:
        by_minutes(market, START + 9 * MINUTE, bringing.settle_down)
        assert bringing.sent("bringspot") == []
    with Bringing(market, keep_fresh=300) as bringing:
        by_minutes(market, START + 30 * MINUTE, bringing.settle_down)
        assert 3 <= len(bringing.sent("bringspot")) <= 6
