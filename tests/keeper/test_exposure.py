"""Limits of capital and exposure, and own vaults before takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkhead import pricing
from bulkhead.keeper.decide import decide
from bulkhead.keeper.exposure import Bound, Exposure, of_legs, own_exposure, spendable
from bulkhead.keeper.plan import Take, TopUp
from bulkhead.keeper.policy import Limits, Policy
from bulkhead.keeper.shortages import shortages
from bulkhead.keeper.state import MarketView
from bulkhead.risk.words import WAD, Kind, Leg
from tests.keeper.states import CELL, FLAGGED_90, KEEPER, MICRO, NOW, TAKES, cell, empty, quote, state, vault

FUTURE = (Leg(Kind.FUTURE, 0, 10 * 10**6),)
FULL = {1: MarketView(1, 0, MICRO, 10**9, NOW)}
BOTH = frozenset({"tend", "take"})


def priced():
    """The cell with a vol and time left."""
    found = cell()
    return replace(found, snapshot=pricing.flat(replace(found.snapshot, seconds=864_000), WAD // 2))


def test_of_legs__future_and_options__are_those_of_black_scholes():
    future = of_legs(FUTURE, priced())
    assert (future.delta, future.vega, future.notional) == (2_000, 0, 2_000)
    call = of_legs([Leg(Kind.CALL, 200 * 10**8, 10**6)], priced())
    put = of_legs([Leg(Kind.PUT, 200 * 10**8, 10**6)], priced())
    # parity: a call less a put is a forward; at the money vega is 0.4 * F * sqrt(T), a hundredth of it a point
    assert call.delta - put.delta == pytest.approx(200) and call.vega == pytest.approx(put.vega)
    assert call.vega == pytest.approx(0.3989 * 200 * (10 / 365) ** 0.5 / 100, rel=0.01)
    assert of_legs([Leg(Kind.CASH, 0, 10**6)], priced()) == Exposure()
    half = of_legs(FUTURE, priced(), 0.5)
    assert (half.delta, half.notional) == (1_000, 1_000)


@pytest.mark.parametrize(
    ("limits", "share", "allowed"),
    [
        (Limits(), WAD, True),
        (Limits(delta=3_000 * WAD), WAD, False),
        (Limits(delta=4_000 * WAD), WAD, True),
        (Limits(delta=4_000 * WAD), WAD // 2, False),
        (Limits(notional=3_999 * WAD), WAD, False),
        (Limits(vega=WAD), WAD, True),
    ],
)
def test_fits__limits_in_all_and_per_expiry(limits, share, allowed):
    held = {CELL: Exposure(2_000, 0, 2_000)}
    policy = Policy(limits=limits, expiry_share=share)
    assert Bound(held, policy.limits, policy.expiry_share).allows(CELL, Exposure(2_000, 0.5, 2_000)) == allowed
    # what makes an exposure smaller is allowed beyond every limit
    beyond = {CELL: Exposure(90_000, 0, 0)}
    assert Bound(beyond, policy.limits, policy.expiry_share).allows(CELL, Exposure(-1_000, 0, 0))


def test_take__beyond_a_limit__is_left_and_told():
    quotes = {1: quote(cash=240 * 10**6)}
    rich = {1: MarketView(1, 0, MICRO, 10**12, NOW)}
    own = replace(empty(5, 10_000), legs=())
    scene = state(FLAGGED_90, own, quotes=quotes, markets=rich, cells={CELL: priced()})
    free = replace(TAKES, keep_free=0)
    assert [type(a) for a in decide(scene, free)] == [Take]
    tight = replace(free, limits=Limits(notional=WAD))
    assert decide(scene, tight) == []
    assert [kind for kind, _, _ in shortages(scene, tight)] == ["limit"]
    assert shortages(scene, free) == []


def test_spendable__capital_share_and_own_vaults_come_first():
    scene = state(vault(5, owner=KEEPER), markets=FULL)  # 1,000 tokens in the wallet, as many in the vault
    assert spendable(scene, Policy(), 1) == 10**9
    assert spendable(scene, Policy(keep_free=WAD // 4), 1) == 5 * 10**8
    assert spendable(scene, Policy(), 1, reserved=3 * 10**8) == 7 * 10**8
    assert spendable(scene, Policy(max_capital=1_200 * WAD), 1) == 2 * 10**8
    assert spendable(scene, Policy(max_capital=100 * WAD), 1) == 0


def test_top_up__own_vault_and_a_take_want_the_same_tokens__the_own_vault_gets_them():
    own = vault(5, owner=KEEPER, equity=130)
    wallet = {1: MarketView(1, 0, MICRO, 50 * 10**6, NOW)}
    scene = state(FLAGGED_90, own, empty(6), quotes={1: quote(cash=240 * 10**6)}, markets=wallet)
    found = decide(scene, Policy(roles=BOTH))
    assert found == [TopUp(5, 1, 50 * 10**6)]
    # a cell of which no price could be read changes nothing about the own vault's need
    assert decide(replace(scene, cells={}), Policy(roles=BOTH)) == [TopUp(5, 1, 50 * 10**6)]


def test_shortages__own_vault_without_tokens__is_told():
    scene = state(vault(5, owner=KEEPER, equity=130), markets={1: MarketView(1, 0, MICRO, 0, NOW)})
    assert [(kind, about) for kind, about, _ in shortages(scene, Policy())] == [("own-vault", "5")]
    assert own_exposure(scene)[CELL].notional > 0


@pytest.mark.parametrize(("tokens", "kinds"), [(0, ["no-capital"]), (1, ["no-capital"]), (200, [])])
def test_shortages__fewer_tokens_than_the_least_share_of_a_take__are_told(tokens, kinds):
    """What is left after tips is not nothing, and no capital all the same."""
    scene = state(FLAGGED_90, quotes={1: quote(cash=240 * 10**6)}, markets={1: MarketView(1, 0, MICRO, tokens * 10**6)})
    assert [kind for kind, _, _ in shortages(scene, Policy())] == kinds
