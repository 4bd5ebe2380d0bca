"""How a keeper lets go of what it took: by what is decided, and with a maker server that fills what it offers."""

from __future__ import annotations

import asyncio
import io
import socket
from dataclasses import replace

import pytest

from bulkhead import pricing
from bulkhead.chain.errors import BadInput
from bulkhead.chain.lens import FLAGGED, read_vaults
from bulkhead.keeper.config import load
from bulkhead.keeper.decide import decide
from bulkhead.keeper.plan import Merge, Withdraw
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.service import Keeper
from bulkhead.keeper.unwind import plan_offers
from bulkhead.keeper.unwind_policy import UnwindFile, load_unwind
from bulkhead.maker.desk import Maker
from bulkhead.maker.server import QuoteServer
from bulkhead.orders import Flags
from bulkhead.replay.participants import MAKER
from bulkhead.risk.words import WAD, Kind, Leg, Series, Units
from tests.keeper.states import CELL, KEEPER, NOW, cell, state, vault
from tests.keeper.world import fall, keep, settle
from tests.worlds.local_market import EXPIRY

TERMS = UnwindFile(withdraw_health="2.5", min_withdraw=10).terms()
UNWINDS = Policy(roles=frozenset({"unwind"}), unwind=TERMS)
PUT, CALL = Leg(Kind.PUT, 160 * 10**8, -100 * 10**6), Leg(Kind.CALL, 220 * 10**8, 50 * 10**6)


def test_unwind__no_file__holds_until_it_expires():
    rich = vault(5, owner=KEEPER, equity=1000, margin=100, collateral=900 * WAD)
    assert decide(state(rich), Policy(roles=frozenset({"unwind"}))) == []


def test_unwind__margin_frees_tokens__they_come_home_down_to_the_health_of_the_file():
    rich = vault(5, owner=KEEPER, equity=1000, margin=100, collateral=900 * WAD)
    assert decide(state(rich), UNWINDS) == [Withdraw(5, 1, 750 * 10**6)]
    # never more than there are, never below IM, and what is not worth a transaction stays
    few = replace(rich, collateral=200 * WAD)
    assert decide(state(few), UNWINDS) == [Withdraw(5, 1, 200 * 10**6)]
    tight = replace(rich, initial_margin=900 * WAD)
    assert decide(state(tight), UNWINDS) == [Withdraw(5, 1, (1000 - 945) * 10**6)]
    assert decide(state(replace(rich, equity=255 * WAD)), UNWINDS) == []


@pytest.mark.parametrize("what", ["auction", "auction of another shard", "stale", "others"])
def test_unwind__tokens_may_be_wanted_or_price_is_not_fresh__nothing_is_withdrawn(what):
    rich = vault(5, owner=KEEPER, equity=1000, margin=100, collateral=900 * WAD)
    told = {
        "auction": state(rich, vault(1, equity=90, status=FLAGGED)),
        "auction of another shard": state(rich, elsewhere=frozenset({CELL})),
        "stale": state(rich, cells={CELL: cell(status=0)}),
        "others": state(replace(rich, owner="0x" + "bb" * 20)),
    }[what]
    assert decide(told, UNWINDS) == []


def test_unwind__own_vaults_hold_opposite_sides__are_brought_together():
    short, long = vault(5, owner=KEEPER, legs=(PUT,)), vault(6, owner=KEEPER, legs=(replace(PUT, quantity=30 * 10**6),))
    (merge,) = decide(state(short, long), UNWINDS)
    assert merge == Merge(6, 5, tuple(leg.pack() for leg in long.legs), long.balance)
    # the same side nets nothing, and too many series do not fit
    assert decide(state(short, replace(long, legs=(PUT,))), UNWINDS) == []
    many = tuple(Leg(Kind.CALL, i * 10**8, 10**6) for i in range(100, 115))
    assert decide(state(short, replace(long, legs=(*long.legs, *many, CALL))), UNWINDS) == []


def surfaced():
    """A cell with vols: the plain one of the states has no time left."""
    shot = pricing.flat(replace(cell().snapshot, seconds=7 * 86_400), 6 * WAD // 10)
    return replace(cell(), snapshot=shot)


@pytest.mark.parametrize(("age", "edge"), [(0, 30), (6 * 3600, 0), (12 * 3600, -30), (10**6, -30)])
def test_offers__the_longer_a_position_waits__the_cheaper_it_is_offered(age, edge):
    own = vault(5, owner=KEEPER, legs=(Leg(Kind.FUTURE, 0, 10**6),))
    (order,) = plan_offers(state(own, cells={CELL: surfaced()}), TERMS, {5: NOW - age})
    # a future is worth what spot is beyond its strike of 0
    assert order.price == 200 * WAD + 200 * WAD * edge // 10_000 and not order.is_bid


def test_offers__of_options__are_priced_by_vol_and_only_reduce():
    near = replace(PUT, strike=190 * 10**8)
    own = vault(5, owner=KEEPER, legs=(near, CALL, Leg(Kind.CASH, 0, 10**6)))
    found = plan_offers(state(own, cells={CELL: surfaced()}), TERMS, {})
    assert len(found) == 2 and all(order.iv and order.flags & Flags.REDUCE_ONLY for order in found)
    bid, ask = sorted(found, key=lambda order: not order.is_bid)
    assert (bid.size, ask.size) == (100 * 10**6, 50 * 10**6)
    assert bid.spot_min == 198 * WAD and ask.spot_max == 202 * WAD and bid.expiry == NOW + 120
    half = replace(TERMS, share=WAD // 2)
    assert plan_offers(state(own, cells={CELL: surfaced()}), half, {})[0].size in (50 * 10**6, 25 * 10**6)
    # one that is worth less than the edge is not bought back for it
    far = replace(own, legs=(replace(PUT, strike=100 * 10**8),))
    assert plan_offers(state(far, cells={CELL: surfaced()}), TERMS, {}) == []
    assert plan_offers(state(replace(own, status=FLAGGED), cells={CELL: surfaced()}), TERMS, {}) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("first_edge_bps = 10\nlast_edge_bps = 20", "what waits longer is not offered dearer"),
        ("every_seconds = 300", "between two orders there would be none"),
        ('makers = ["here"]', "is no maker server"),
        ("speed = 3", "there is no speed in a policy of unwinding"),
        ("share = 0", "share"),
        ("share", "is not TOML"),
        ('share = "half"', "share"),
        ("withdraw_health = 0.5", "withdraw_health"),
        ("withdraw_health = 1.9", "what was withdrawn would be deposited again"),
    ],
)
def test_file__mistakes__are_a_sentence_each(tmp_path, text, sentence):
    path = tmp_path / "unwind.toml"
    path.write_text(text + "\n")
    with pytest.raises(BadInput, match=sentence):
        _ = load(None, unwind=str(path)).policy
    path.write_text('makers = ["http://127.0.0.1:8650/"]\n')
    assert load_unwind(path).makers == ("http://127.0.0.1:8650",)


def test_keeper__a_maker_pays_for_what_it_offers__lets_go_of_it_and_takes_its_tokens_home(scene):
    fall(scene)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    terms = UnwindFile(
        first_edge_bps=-300, last_edge_bps=-300, every_seconds=5, makers=[f"http://127.0.0.1:{port}"], board=True
    ).terms()
    policy = Policy(roles=frozenset({"flag", "take", "tend", "unwind"}), min_bonus=WAD // 50, unwind=terms)

    async def play(keeper: Keeper):
        maker = Maker(scene.local.people[MAKER], "ETH", [EXPIRY])
        await asyncio.to_thread(maker.open)
        before = maker.client.chain.rpc.block_number()
        for _ in range(10):
            scene.local.anvil.mine(scene.local.now() + 60)
            await settle(keeper)
        held = [v for v in keeper.bookkeeper.state.vaults.values() if keeper.bookkeeper.state.own(v) and v.legs]
        serving = asyncio.create_task(QuoteServer(maker, 0.2, io.StringIO()).run("127.0.0.1", port))
        try:
            for _ in range(60):
                scene.local.anvil.mine(scene.local.now() + 6)
                await settle(keeper)
                await keeper.after(await keeper.providers.head())
                await asyncio.sleep(0.3)
                views = read_vaults(scene.local.chain, [v.vault_id for v in held])
                if not any(leg.kind is not Kind.CASH for v in views for leg in getattr(v, "legs", ())):
                    break
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        await settle(keeper)
        logs = scene.local.chain.logs(before)
        (books,) = keeper.observer.discovery.books
        me = keeper.sender.address
        held_now = int(scene.local.market.token.call("balanceOf", me)) - books.wallet(1)
        return held, views, keeper.offerers[0], logs, held_now

    (held, views, offerer, logs, brought), lines = keep(scene, play, policy=policy)
    assert held and offerer.offered and offerer.accepted
    filled = [
        log for log in logs if log.event == "OrderFilled" and log.values.maker_vault in {v.vault_id for v in held}
    ]
    assert filled and not any(leg.kind is not Kind.CASH for v in views for leg in getattr(v, "legs", ()))
    mined = {line["call"] for line in lines if line["event"] == "mined"}
    assert "QuoteBoard.post" in mined and mined & {"Clearinghouse.withdraw", "Clearinghouse.close"}
    assert brought == 200_000 * scene.local.unit
    assert not [line for line in lines if line["event"] == "bug"]


def test_offers__in_a_coin_market__are_of_the_delta_leg_and_never_of_the_money():
    """FUTURE is money there: an order of it alone has no valid form."""
    coins = replace(surfaced(), units=Units(inverse=True))
    cash = Leg(Kind.CASH, 0, -200 * 10**6)
    own = vault(5, owner=KEEPER, legs=(cash, Leg(Kind.FUTURE, 0, 10**6)))
    (order,) = plan_offers(state(own, cells={CELL: coins}), TERMS, {})
    assert Series.unpack(order.legs[0].series).kind is Kind.CASH and order.is_bid and order.size == 200 * 10**6
    # opposite sides of the money net nothing; those of the delta leg do
    money = vault(6, owner=KEEPER, legs=(Leg(Kind.FUTURE, 0, -(10**6)),))
    delta = vault(6, owner=KEEPER, legs=(replace(cash, quantity=50 * 10**6),))
    assert not [one for one in decide(state(own, money, cells={CELL: coins}), UNWINDS) if isinstance(one, Merge)]
    assert [one for one in decide(state(own, delta, cells={CELL: coins}), UNWINDS) if isinstance(one, Merge)]
