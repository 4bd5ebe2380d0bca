"""Own vaults near their margin: which are topped up, by how much, in which order, and under which allowance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead.chain.lens import COVERED
from bulkhead.keeper.decide import decide
from bulkhead.keeper.plan import Approve, TopUp
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.state import MarketView
from bulkhead.risk.words import WAD, Units
from tests.keeper.states import KEEPER, MICRO, NOW, state, vault

UNIT = 10**6
TEND = Policy(roles=frozenset({"tend"}))


def holding(tokens: int, **other) -> dict[int, MarketView]:
    """The market, with so many native tokens in the wallet."""
    return {1: MarketView(1, 0, MICRO, tokens, NOW, **other)}


@pytest.mark.parametrize(
    ("vaults", "tokens", "found"),
    [
        # 1.4 times MM is enough, to the wei; what is lacking to 1.8 times is rounded up
        ([vault(5, owner=KEEPER, equity=140)], 10**9, []),
        ([replace(vault(5, owner=KEEPER), equity=140 * WAD - 1)], 10**9, [TopUp(5, 1, 40 * UNIT + 1)]),
        ([vault(5, owner=KEEPER, equity=139)], 10**9, [TopUp(5, 1, 41 * UNIT)]),
        # whatever there is
        ([vault(5, owner=KEEPER, equity=139)], 1, [TopUp(5, 1, 1)]),
        ([vault(5, owner=KEEPER, equity=139)], 0, []),
        # the nearest first, to the last token
        (
            [vault(5, owner=KEEPER, equity=130), vault(6, owner=KEEPER, equity=110)],
            100 * UNIT,
            [TopUp(6, 1, 70 * UNIT), TopUp(5, 1, 30 * UNIT)],
        ),
        ([vault(5, owner=KEEPER, equity=130), vault(6, owner=KEEPER, equity=110)], 70 * UNIT, [TopUp(6, 1, 70 * UNIT)]),
        (
            [vault(5, owner=KEEPER, equity=0, health=1), vault(6, owner=KEEPER, equity=0)],
            180 * UNIT,
            [TopUp(6, 1, 180 * UNIT)],
        ),
        # nobody's price makes a covered vault liquidatable, and without a margin all that can be lost is lost
        ([vault(5, owner=KEEPER, equity=110, status=COVERED)], 10**9, []),
        ([replace(vault(5, owner=KEEPER, margin=0), equity=-WAD)], 10**9, []),
        (
            [replace(vault(5, owner=KEEPER, margin=0), equity=-WAD, maintenance_margin=1)],
            10**9,
            [TopUp(5, 1, UNIT + 1)],
        ),
        ([vault(5, owner=KEEPER, equity=110, expiry=NOW)], 10**9, []),
        ([vault(5, owner=KEEPER, equity=110, expiry=NOW + 1)], 10**9, [TopUp(5, 1, 70 * UNIT)]),
        ([vault(5, owner=KEEPER, equity=110, market=2)], 10**9, []),
        ([vault(5, owner=KEEPER, equity=110, epoch=1)], 10**9, []),
        ([vault(5, equity=110)], 10**9, []),
    ],
)
def test_top_ups__own_vaults__each_to_its_target_while_there_are_tokens(vaults, tokens, found):
    assert decide(state(*vaults, markets=holding(tokens)), TEND) == found


def test_top_ups__worth__is_the_margin_that_an_auction_may_cost():
    mine = (vault(5, owner=KEEPER, equity=110), vault(6, owner=KEEPER, equity=390, margin=300))
    found = decide(state(*mine), TEND)
    assert [(a.vault_id, a.worth, a.legs) for a in found if isinstance(a, TopUp)] == [
        (5, 100 * WAD, 1),
        (6, 300 * WAD, 1),
    ]
    bare = decide(state(*mine, markets=holding(10**9, allowance=0)), TEND)
    assert bare == [Approve(1)] and [a.worth for a in bare if isinstance(a, Approve)] == [300 * WAD]
    coins = holding(10**9, units=Units(inverse=True, digits=3))
    dear = decide(state(*mine, markets=coins), TEND)
    assert [a.worth for a in dear if isinstance(a, TopUp)] == [200 * 100 * WAD, 200 * 300 * WAD]


@pytest.mark.parametrize(("allowance", "found"), [(110 * UNIT, [TopUp, TopUp]), (110 * UNIT - 1, [Approve])])
def test_defence__allowance__has_to_cover_all_deposits_of_a_market(allowance, found):
    mine = (vault(5, owner=KEEPER, equity=130), vault(6, owner=KEEPER, equity=120))
    seen = state(*mine, markets=holding(10**9, allowance=allowance))
    assert [type(a) for a in decide(seen, TEND)] == found
