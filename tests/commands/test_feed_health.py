"""What `ape run verify` says of feeds: wrong ones have code too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bulkhead.chain.connection import Connection
from bulkhead.chain.deployment import MarketEntry
from bulkhead.chain.feed_health import check_feeds
from tests.worlds.served_market import DEPLOYER, ServedMarket, local_inputs, serve


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedMarket]:
    """ETH with a fallback, a sequencer feed, and both young."""
    content = local_inputs()
    content["markets"] = {"ETH": content["markets"]["ETH"]}
    content["markets"]["ETH"]["feeds"]["fallback"] = {"mock": {"decimals": 8, "price": "195"}}
    content["markets"]["ETH"]["heartbeats"]["fallback"] = 3600
    content["markets"]["ETH"]["feeds"]["sequencer"] = {"mock": {"decimals": 0, "price": "0"}}
    with serve(tmp_path_factory.mktemp("feeds"), content) as market:
        yield market


def failures(chain: Connection) -> list[str]:
    return [words for holds, words in check_feeds(chain, entry(chain)) if not holds]


def entry(chain: Connection) -> MarketEntry:
    return chain.deployment.market("ETH")


def test_feeds__as_deployed__all_hold(listed: ServedMarket) -> None:
    found = check_feeds(listed.chain, entry(listed.chain))
    assert all(holds for holds, _ in found), found
    text = "\n".join(words for _, words in found)
    assert "primary feed" in text and "fallback feed" in text and "20 bp apart" in text and "says up" in text


@pytest.mark.parametrize(
    ("feed", "call", "words"),
    [
        (0, ("push", 0, None), "answers 0.0000"),
        (0, ("push", 250 * 10**8, None), "bp apart"),
        (1, ("push", -1, None), "answers -0.0000"),
        (1, ("set_mode", 1), "answers nothing"),
        (0, ("set_mode", 1), "answers nothing"),
        (2, ("push", 1, None), "says down"),
        (2, ("set_mode", 1), "answers nothing"),
    ],
)
def test_feeds__one_that_is_wrong__fails(listed: ServedMarket, feed: int, call: tuple[Any, ...], words: str) -> None:
    with listed.undone():
        signer = listed.client(DEPLOYER).signer
        source = listed.chain.aggregator(entry(listed.chain).feeds[feed])
        name, *arguments = call
        arguments = [listed.chain.rpc.timestamp() if one is None else one for one in arguments]
        signer.execute(source, name, *arguments)
        assert any(words in one for one in failures(listed.chain)), failures(listed.chain)


def test_feeds__older_than_their_heartbeat__fail_by_age(listed: ServedMarket) -> None:
    with listed.undone():
        listed.anvil.mine(listed.chain.rpc.timestamp() + 10_000)
        found = failures(listed.chain)
        assert any("primary feed answered 10," in one for one in found)
        assert any("fallback feed answered 10," in one for one in found)
