"""The whole system, fresh for every test, and a listing that would be accepted as market 7."""

from __future__ import annotations

import dataclasses

import boa
import pytest

from bulkhead.chain.listing import EMPTY, MarketListing
from tests.worlds.system_fixtures import deployed, stranger, system

__all__ = ["deployed", "listing", "parameters", "stranger", "system"]


@pytest.fixture
def parameters(system):
    return system.RiskParameters


@pytest.fixture
def listing(system, parameters):
    """`listing(**changes)` lists market 7 as the owner."""
    base = MarketListing(
        market=7,
        token=system.market.token.address,
        feeds=(system.market.feed.address, EMPTY, EMPTY),
        heartbeats=(3600, 0),
        engines=(system.at["EsEngine"], EMPTY, EMPTY),
    )

    def list_market(words=None, sender=None, struct=None, **changes):
        made = dataclasses.replace(base, **changes)
        arguments = list(made.arguments)
        if struct is not None:
            arguments[4] = struct
        for index, word in (words or {}).items():
            arguments[5 + index] = word
        with boa.env.prank(sender or system.owner):
            parameters.list_market(*arguments)
        return made

    return list_market
