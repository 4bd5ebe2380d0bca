"""Stops, takes of profit and trailing stops of the client, and a maker that fills them, on one Anvil."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from bulkhead import orders
from bulkhead.chain import anvil, compiler
from bulkhead.chain.abi import Abi
from bulkhead.chain.contract import Contract
from bulkhead.chain.errors import BadInput
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.client import Bulkhead, SignedOrder
from bulkhead.client.stops import PATIENCE, SLIP_BPS
from bulkhead.maker.desk import Maker
from bulkhead.maker.ladder import Style
from bulkhead.maker.limits import RiskLimits
from bulkhead.maker.waiting_orders import WaitingOrders
from bulkhead.orders import Flags
from examples.common import friday
from tests.maker.test_client import market, people, run
from tests.maker.test_orders import MINUTE, WAD, position, push

__all__ = ["market", "people"]

STYLE = Style(size=5 * 10**6, strikes=1, step=50 * 10**8)


class Scene(NamedTuple):
    """A maker of the first Friday, the orders that wait at it, and a vault with two long calls of a trader."""

    maker: Bulkhead
    trader: Bulkhead
    quoting: Maker
    waiting: WaitingOrders
    vault: int


@pytest.fixture
def scene(people: tuple[Bulkhead, Bulkhead]) -> Scene:
    maker, trader = people
    quoting = Maker(maker, "ETH", [friday(maker, 1)], STYLE, Decimal(20_000))
    quoting.open()
    return Scene(maker, trader, quoting, WaitingOrders(quoting), position(maker, trader)[0])


def short_position(maker: Bulkhead, trader: Bulkhead) -> int:
    """A vault of the trader that sold two calls."""
    desk = maker.vaults.open("ETH", deposit=20_000)
    bid = maker.orders.sign(desk, friday(maker, 1), ["call:2000"], "buy", 60, 2)
    return trader.orders.fill(bid, deposit=5_000)


# --- what the client signs ------------------------------------------------------------------------------------------


def test_stop__of_a_long_call__is_reduce_only_from_the_trigger_down(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    vault, _ = position(maker, trader)
    order = trader.stops.stop(vault, below=1_900).order
    assert (order.spot_min, order.spot_max) == (0, 1_900 * WAD)
    assert (order.slip, order.patience, order.iv, order.is_bid) == (SLIP_BPS, PATIENCE, 0, False)
    assert order.flags == Flags.REDUCE_ONLY | Flags.TOGETHER and order.salt
    assert order.size == 2 * 10**6 and [leg.ratio for leg in order.legs] == [1]
    # good until the expiry, and a gap to half the trigger is inside the outermost price
    assert order.expiry == friday(trader, 1) - 1
    assert order.price < 0


def test_stop__of_a_short_call__is_from_the_trigger_up(people: tuple[Bulkhead, Bulkhead]) -> None:
    vault = short_position(*people)
    order = people[1].stops.stop(vault, above=2_150, size=1, worst=-400, good_for=600).order
    assert (order.spot_min, order.spot_max) == (2_150 * WAD, orders.MAX_UINT)
    assert (order.size, order.price) == (10**6, -400 * WAD)
    assert order.expiry == order.since + 600 or order.expiry - order.since <= 602


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({}, "give one of the two"),
        ({"below": 1_900, "above": 2_100}, "give one of the two"),
        ({"below": 2_050}, "already in the band of that stop"),
        ({"above": 1_950}, "already in the band of that stop"),
        ({"above": 2_200}, "wrong side for a stop"),
        ({"below": 0}, "trigger above 0"),
        ({"below": 1_900, "size": 3}, "holds 2 packages; sell at most those"),
        ({"below": 1_900, "size": 0}, "holds 2 packages; sell at most those"),
        ({"below": 1_900, "slip": 10_001}, "slip is at most 10,000 bps"),
        ({"below": 1_900, "patience": 3_601}, "patience is at most 3,600 s"),
        ({"below": 1_900, "slip": 0}, "so it needs both"),
    ],
)
def test_stop__that_cannot_be_meant__says_why(
    people: tuple[Bulkhead, Bulkhead], terms: dict[str, int], sentence: str
) -> None:
    vault, _ = position(*people)
    with pytest.raises(BadInput, match=sentence):
        people[1].stops.stop(vault, **terms)  # type: ignore[arg-type]


def test_stop__of_nothing__says_so(people: tuple[Bulkhead, Bulkhead]) -> None:
    vault = people[1].vaults.open("ETH", deposit=10)
    with pytest.raises(BadInput, match="no option and no future"):
        people[1].stops.stop(vault, below=1_900)


def test_take_profit__stands_above_mark_and_shares_the_salt(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    vault, _ = position(maker, trader)
    stop = trader.stops.stop(vault, below=1_900)
    profit = trader.stops.take_profit(vault, 150, salt=stop.order.salt)
    domain = trader.domain
    assert orders.order_key(stop.order, domain) == orders.order_key(profit.order, domain)
    assert not orders.has_band(profit.order) and profit.order.slip == 0
    with pytest.raises(BadInput, match="is worth .* now"):
        trader.stops.take_profit(vault, 1)


def test_trail__moves_only_away_from_the_position(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    vault, _ = position(maker, trader)
    stop = trader.stops.stop(vault, below=1_900)
    assert trader.stops.trail(stop, 100) is None
    push(maker, 2_040)
    newer = trader.stops.trail(stop, 100)
    assert newer is not None
    assert newer.order.spot_max == 1_940 * WAD and newer.order.salt == stop.order.salt
    assert newer.order.since > stop.order.since and newer.order.expiry == stop.order.expiry
    push(maker, 2_000)
    assert trader.stops.trail(newer, 100) is None
    plain = trader.orders.sign(vault, friday(trader, 1), ["call:2000"], "sell", 300, 2)
    for bad, sentence in ((plain, "no stop that could trail"), (newer, "distance above 0")):
        with pytest.raises(BadInput, match=sentence):
            trader.stops.trail(bad, 0 if bad is newer else 1)


# --- who fills them -------------------------------------------------------------------------------------------------


def test_maker__fills_a_posted_stop_once_its_slip_covers_the_edge(scene: Scene) -> None:
    maker, trader, quoting, waiting, vault = scene
    trader.orders.post(trader.stops.stop(vault, below=1_900))
    waiting.watch_board()
    assert len(waiting) == 1
    assert waiting.fill(quoting.look()) == []
    push(maker, 1_890)
    # the round is new: the slip is nothing yet
    assert waiting.fill(quoting.look()) == []
    push(maker, 1_890, 10 * MINUTE)
    (taken,) = waiting.fill(quoting.look())
    assert taken.packages == 2 * 10**6
    assert trader.vaults.get(vault).legs == ()
    waiting.fill(quoting.look())
    assert len(waiting) == 0


def test_maker__fills_nothing_beyond_its_limits(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    quoting = Maker(
        maker, "ETH", [friday(maker, 1)], STYLE, Decimal(20_000), RiskLimits(delta=Decimal("0.1"), vega=Decimal(5))
    )
    quoting.open()
    caps = maker.vaults.caps(quoting.desks[friday(maker, 1)])
    assert (caps.delta, caps.vega) == (Decimal("0.1"), Decimal(500))
    waiting = WaitingOrders(quoting)
    vault, _ = position(maker, trader)
    waiting.add(trader.stops.stop(vault, below=1_990))
    push(maker, 1_980)
    push(maker, 1_980, 30 * MINUTE)
    assert waiting.fill(quoting.look()) == []
    assert len(waiting) == 1
    # and no quote of the ladder would take it beyond either
    quoted = quoting.quotes()
    assert {q["series"] for q in quoted if q["side"] == "sell"}.isdisjoint({"future", "call:2000"})


def test_add__what_is_not_for_this_desk__is_refused_with_the_reason(scene: Scene) -> None:
    maker, trader, _, waiting, vault = scene
    stop = trader.stops.stop(vault, below=1_900)
    forged = SignedOrder(orders.with_changes(stop.order, price=0), stop.signature, stop.chain_id, stop.exchange)
    elsewhere = SignedOrder(stop.order, stop.signature, 1, stop.exchange)
    other = trader.orders.sign(
        trader.vaults.open("ETH", deposit=10), friday(trader, 2), ["call:2000"], "sell", 1, 1, flags=Flags.REDUCE_ONLY
    )
    bound = trader.orders.sign(vault, friday(trader, 1), ["call:2000"], "sell", 1, 1, taker=trader.address)
    for bad, sentence in (
        (forged, "not that of the order's signer"),
        (elsewhere, "another Exchange"),
        (other, "not quoted here"),
        (bound, "for another taker"),
    ):
        with pytest.raises(BadInput, match=sentence):
            waiting.add(bad)
    waiting.add(stop)
    push(maker, 2_040)
    newer = trader.stops.trail(stop, 100)
    assert newer is not None
    waiting.add(newer)
    assert len(waiting) == 1
    with pytest.raises(BadInput, match="newer level"):
        waiting.add(stop)
    # the take of profit stands beside it
    waiting.add(trader.stops.take_profit(vault, 300, salt=stop.order.salt))
    assert len(waiting) == 2


def wallet_of(trader: Bulkhead) -> Contract:
    """A contract that signs what it is told to (EIP-1271)."""
    deployer = Sender(trader.chain.rpc, account_from_key(anvil.key(0)))
    found = compiler.compile_contract(compiler.project_root(), "SignerWallet")
    address, _ = deployer.create(found.bytecode)
    return Contract(trader.chain.rpc, Abi("SignerWallet", found.abi), address)


def test_maker__fills_a_stop_that_a_contract_signed(scene: Scene) -> None:
    maker, trader, quoting, waiting, vault = scene
    stop = trader.stops.stop(vault, below=1_900)
    wallet = wallet_of(trader)
    trader.signer.execute(trader.chain["VaultToken"], "transferFrom", trader.address, wallet.address, vault)
    epoch = trader.chain["Exchange"].call("epoch_for", vault, [])
    order = orders.with_changes(stop.order, signer=wallet.address, epoch=epoch)
    by_contract = SignedOrder(order, b"by contract", stop.chain_id, stop.exchange)
    # neither its old owner's signature nor one that it does not know
    for signature in (stop.signature, b"by contract", b"x" * 1_025):
        with pytest.raises(BadInput, match="not that of the order's signer"):
            waiting.add(SignedOrder(order, signature, stop.chain_id, stop.exchange))
    trader.signer.execute(wallet, "accept", orders.order_hash(order, trader.domain), b"by contract")
    # all that a wallet can do wrong, but to write (6): a question to a node is not static, and the lens refuses it
    for mode in (1, 2, 3, 4, 5, 7):
        trader.signer.execute(wallet, "set_mode", mode)
        with pytest.raises(BadInput, match="not that of the order's signer"):
            waiting.add(by_contract)
    trader.signer.execute(wallet, "set_mode", 0)
    waiting.add(by_contract)
    push(maker, 1_890)
    push(maker, 1_890, 10 * MINUTE)
    (taken,) = waiting.fill(quoting.look())
    assert taken.packages == 2 * 10**6
    assert trader.vaults.get(vault).legs == ()


def test_add__the_twin_of_a_signature__does_not_take_the_orders_place(scene: Scene) -> None:
    """Anybody can turn s over; the chain refuses that, and what waits must not be replaced by it."""
    maker, trader, quoting, waiting, vault = scene
    stop = trader.stops.stop(vault, below=1_900)
    waiting.add(stop)
    order_of_curve = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order_of_curve - int.from_bytes(stop.signature[32:64], "big")
    twin = stop.signature[:32] + s.to_bytes(32, "big") + bytes([55 - stop.signature[64]])
    with pytest.raises(BadInput, match="not that of the order's signer"):
        waiting.add(SignedOrder(stop.order, twin, stop.chain_id, stop.exchange))
    push(maker, 1_890)
    push(maker, 1_890, 10 * MINUTE)
    assert len(waiting.fill(quoting.look())) == 1


def test_add__of_one_signer__a_hundred_and_no_more(scene: Scene) -> None:
    _, trader, _, waiting, vault = scene
    stop = trader.stops.stop(vault, below=1_900)

    def other(number: int) -> SignedOrder:
        return trader.orders.sign_order(orders.with_changes(stop.order, salt=number))

    for number in range(1, 101):
        waiting.add(other(number))
    with pytest.raises(BadInput, match="100 orders of that signer"):
        waiting.add(other(101))
    # another level of one of them has its place
    waiting.add(trader.orders.sign_order(orders.with_changes(stop.order, salt=7, since=stop.order.since + 1)))
    assert len(waiting) == 100


def test_fill__what_is_out_of_its_band__costs_no_question_to_the_chain(scene: Scene) -> None:
    maker, trader, quoting, waiting, vault = scene
    waiting.add(trader.stops.stop(vault, below=1_900))
    look, posts = quoting.look(), maker.chain.rpc.posts
    assert waiting.fill(look) == [] and maker.chain.rpc.posts == posts
    # in its band, and with no patience to come to what the desk wants: neither
    waiting.add(trader.orders.sign_order(orders.with_changes(trader.stops.stop(vault, below=1_950).order, slip=1)))
    push(maker, 1_940)
    look, posts = quoting.look(), maker.chain.rpc.posts
    assert waiting.fill(look) == [] and maker.chain.rpc.posts == posts


def test_stop_and_take_profit__together__never_close_more_than_the_position(scene: Scene) -> None:
    maker, trader, quoting, waiting, vault = scene
    stop = trader.stops.stop(vault, below=1_990)
    profit = trader.stops.take_profit(vault, 100, salt=stop.order.salt)
    other = maker.vaults.open("ETH", deposit=20_000)
    push(maker, 2_150)
    maker.orders.fill(profit, other, size=1)
    waiting.add(stop)
    push(maker, 1_980)
    push(maker, 1_980, 30 * MINUTE)
    (taken,) = waiting.fill(quoting.look())
    assert taken.packages == 10**6
    assert trader.vaults.get(vault).legs == ()
    assert [status for status, *_ in trader.orders.states([stop, profit])] == ["filled", "filled"]


# --- commands -------------------------------------------------------------------------------------------------------


def test_commands__stop_and_take_profit__print_orders_that_the_board_has(
    people: tuple[Bulkhead, Bulkhead], tmp_path: Path
) -> None:
    maker, trader = people
    vault, _ = position(maker, trader)
    file = tmp_path / "stop.json"
    file.write_text(run("order", "stop", vault, "--below", "1900", key="TRADER_KEY"))
    stop = SignedOrder.from_json(file.read_text())
    assert stop.order.spot_max == 1_900 * WAD
    profit = SignedOrder.from_json(
        run("order", "take-profit", vault, "150", "--with", file, "--size", "1", key="TRADER_KEY")
    )
    assert profit.order.salt == stop.order.salt and profit.order.size == 10**6
    said = run(
        "order", "stop", vault, "--below", "1900", "--trail", "50", "--every", "0.1", "--rounds", "1", key="TRADER_KEY"
    )
    levels = [json.loads(one) for one in said.replace("}\n{", "}\n\0{").split("\0")]
    assert [int(one["order"]["spot_max"]) // WAD for one in levels] == [1_900, 1_950]
