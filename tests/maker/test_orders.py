"""Orders with slip, patience, deficits and pairs, from the client and the command line, on one Anvil."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bulkhead import orders
from bulkhead.chain import anvil
from bulkhead.chain.errors import BadInput, Reverted
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.client import Bulkhead, SignedOrder
from bulkhead.orders import Flags
from examples.common import friday
from tests.maker.test_client import market, offer, people, run

__all__ = ["market", "people"]

WAD = 10**18
MINUTE = 60


def push(user: Bulkhead, price: int, seconds: int = MINUTE) -> None:
    """A round of the feed, a while later."""
    at = user.chain.rpc.timestamp() + seconds
    user.chain.rpc.call("evm_setNextBlockTimestamp", at)
    feed = user.chain.feed(user.chain.deployment.market("ETH"))
    Sender(user.chain.rpc, account_from_key(anvil.key(0))).execute(feed, "push", price * 10**8, at)


def position(maker: Bulkhead, trader: Bulkhead) -> tuple[int, int]:
    """A vault of the trader with two calls, and the desk that sold them."""
    sold = offer(maker)
    return trader.orders.fill(sold, deposit=1_000), sold.order.maker_vault


def test_build__without_them__since_and_max_deficit_are_the_clients(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, _ = people
    now = maker.chain.rpc.timestamp()
    desk = maker.vaults.open("ETH", deposit=20_000)
    small = maker.orders.build(desk, friday(maker, 1), ["call:2000"], "sell", 80, 2)
    large = maker.orders.build(desk, friday(maker, 1), ["call:2000"], "sell", 80, 500)
    assert now <= small.since <= maker.chain.rpc.timestamp()
    pot = maker.chain["Lens"].call("market", 1, friday(maker, 1))["insured"]
    # 100 units, and 0.1 % of 500 at 2,000
    assert small.max_deficit == pot + 100 * WAD
    assert large.max_deficit == pot + 1_000 * WAD
    own = maker.orders.build(desk, friday(maker, 1), ["call:2000"], "sell", 80, 2, since=5, max_deficit=7, epoch=1)
    assert (own.since, own.max_deficit, own.epoch) == (5, 7, 1)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"slip": 10, "iv": WAD}, "priced by a vol or by slip off mark, not by both"),
        ({"slip": 10_001}, "slip is at most 10,000 bps of spot, not 10,001"),
        ({"slip": 10, "patience": 3_601, "spot_min": 1}, "patience is at most 3,600 s, not 3,601"),
        ({"slip": 10, "patience": 60}, "patience lets slip grow while spot is in a band, so it needs both"),
        ({"patience": 60, "spot_min": 1}, "patience lets slip grow while spot is in a band, so it needs both"),
        ({"flags": Flags.TOGETHER, "salt": 0}, "share a salt that is not 0"),
    ],
)
def test_build__bounds_that_do_not_hold__say_why(
    people: tuple[Bulkhead, Bulkhead], fields: dict[str, int], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        offer(people[0], **fields)


def test_fill__of_an_order_priced_at_the_fill__needs_a_limit(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    for bound in ({"slip": 100}, {"iv": WAD}):
        signed = offer(maker, price=-1_000, **bound)
        with pytest.raises(BadInput, match="priced at the fill: give the worst price"):
            trader.orders.fill(signed, deposit=1_000)
        price = trader.orders.preview(signed, deposit=1_000).price
        vault = trader.orders.fill(signed, deposit=1_000, limit_price=price + 1)
        assert len(trader.vaults.get(vault).legs) == 1


def test_stop__is_previewed_and_filled_at_the_slip_of_the_oldest_round(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    vault, desk = position(maker, trader)
    stop = trader.orders.sign(
        vault, friday(trader, 1), ["call:2000"], "sell", 0, 2, good_for=86_400, slip=300, patience=1_800,
        spot_max=1_900 * WAD, flags=Flags.REDUCE_ONLY,
    )  # fmt: skip
    [(status, _, reason)] = trader.orders.states([stop])
    assert (status, reason) == ("not now", "exchange/spot-outside")
    push(maker, 1_890)
    at_once = maker.orders.preview(stop, desk).price
    push(maker, 1_890, 15 * MINUTE)
    seen = maker.orders.preview(stop, desk)
    # half of 3 % of 1,890 below mark, which moves by less than a dollar in a quarter of an hour
    assert at_once - seen.price == pytest.approx(Decimal("28.35"), abs=Decimal(1))
    assert maker.orders.states([stop], desk)[0][:2] == ("open", 2)
    maker.orders.fill(stop, desk, limit_price=seen.price + Decimal("0.1"))
    assert trader.vaults.get(vault).legs == ()
    with pytest.raises(Reverted) as refused:
        maker.orders.preview(stop, desk)
    assert refused.value.reason == "exchange/filled"


def test_close_all__ends_what_was_signed_for_the_position(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    vault, desk = position(maker, trader)
    expiry = friday(trader, 1)
    profit = trader.orders.sign(vault, expiry, ["call:2000"], "sell", 300, 2, flags=Flags.REDUCE_ONLY)
    bid = maker.orders.sign(desk, expiry, ["call:2000"], "buy", 70, 2)
    trader.orders.close_all(vault, [bid])
    [(status, _, reason)] = trader.orders.states([profit])
    assert (status, reason) == ("invalid", "exchange/stale-epoch")


def test_max_deficit__of_the_client__lets_a_fill_pass_that_zero_would_not(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    signed = offer(maker)
    poor = trader.vaults.open("ETH", deposit=330)
    bid = maker.orders.sign(signed.order.maker_vault, friday(maker, 1), ["call:2000"], "buy", 80, 1, good_for=10**5)
    trader.orders.fill(bid, poor)
    push(maker, 2_450)
    trader.signer.execute(trader.chain["Liquidator"], "flag", poor)
    deficit = trader.vaults.get(poor).deficit
    assert 0 < deficit < 100
    late = maker.orders.sign(signed.order.maker_vault, friday(maker, 1), ["call:2500"], "sell", 80, 1)
    with pytest.raises(Reverted, match="owe more than the limit given") as refused:
        trader.orders.fill(late, deposit=1_000, max_deficit=deficit - Decimal("0.01"))
    assert refused.value.reason == "exchange/taker-deficit"
    fresh = trader.orders.fill(late, deposit=1_000)
    seen = trader.vaults.get(fresh)
    insured = Decimal(trader.chain["Lens"].call("market", 1, friday(trader, 1))["insured"]).scaleb(-18)
    assert seen.deficit == deficit and seen.at_risk == min(seen.value, max(deficit - insured, Decimal(0)))
    stingy = maker.orders.sign(signed.order.maker_vault, friday(maker, 1), ["call:2500"], "sell", 80, 1, max_deficit=0)
    with pytest.raises(Reverted, match="more than the order's maker lets them"):
        trader.orders.preview(stingy, deposit=1_000)


# --- pairs --------------------------------------------------------------------------------------------------------


def pair(maker: Bulkhead, trader: Bulkhead, salt: int) -> tuple[SignedOrder, SignedOrder]:
    """A stop and a take-profit of the trader."""
    vault, _ = position(maker, trader)
    common = {"flags": Flags.REDUCE_ONLY | Flags.TOGETHER, "salt": salt, "good_for": 86_400}
    expiry = friday(trader, 1)
    stop = trader.orders.sign(vault, expiry, ["call:2000"], "sell", 0, 2, slip=300, spot_max=1_900 * WAD, **common)  # type: ignore[arg-type]
    profit = trader.orders.sign(vault, expiry, ["call:2000"], "sell", 90, 2, **common)  # type: ignore[arg-type]
    return stop, profit


def test_cancel__one_of_a_pair__ends_both(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    stop, profit = pair(maker, trader, 11)
    assert trader.orders.states([profit])[0][0] == "open"
    trader.orders.cancel([stop])
    assert [state for state, _, _ in trader.orders.states([stop, profit])] == ["cancelled", "cancelled"]
    with pytest.raises(BadInput, match="nothing to cancel"):
        trader.orders.cancel([profit])


def test_cancel_together__by_salt__ends_both(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    stop, profit = pair(maker, trader, 12)
    arguments = (stop.order.maker_vault, friday(trader, 1), ["call:2000"], "sell", 12)
    with pytest.raises(Reverted) as refused:
        maker.orders.cancel_together(*arguments, signer=trader.address)
    assert refused.value.reason == "exchange/not-vault-owner"
    trader.orders.cancel_together(*arguments)
    assert [state for state, _, _ in trader.orders.states([stop, profit])] == ["cancelled", "cancelled"]
    with pytest.raises(BadInput, match="cancelled already"):
        trader.orders.cancel_together(*arguments)
    with pytest.raises(BadInput, match="side is"):
        trader.orders.cancel_together(*arguments[:3], "both", 12)


# --- commands -----------------------------------------------------------------------------------------------------


def test_commands__sign_a_pair__and_end_it_by_its_number(people: tuple[Bulkhead, Bulkhead], tmp_path: Path) -> None:
    maker, trader = people
    vault, _ = position(maker, trader)
    legs = (vault, "sell", "call:2000", "--expiry", friday(trader, 1))
    common = ("--size", 2, "--reduce-only", "--together", 77)
    signed = []
    for options in (
        ("--price", 0, "--spot-max", 1900, "--slip", 300, "--patience", 1800, "--max-deficit", "250.5"),
        ("--price", 90, "--fill-or-kill"),
    ):
        text = run("order", "sign", *legs, *options, *common, key="TRADER_KEY")
        (tmp_path / f"{len(signed)}.json").write_text(text)
        signed.append(SignedOrder.from_json(text))
    stop, profit = (one.order for one in signed)
    assert (stop.slip, stop.patience, stop.spot_max, stop.salt) == (300, 1800, 1900 * WAD, 77)
    assert stop.max_deficit == 2505 * 10**17 and stop.flags == Flags.REDUCE_ONLY | Flags.TOGETHER
    assert (
        profit.flags == Flags.REDUCE_ONLY | Flags.TOGETHER | Flags.FILL_OR_KILL and profit.spot_max == orders.MAX_UINT
    )
    run("order", "cancel-together", *legs, "--together", 77, key="TRADER_KEY")
    assert "cancelled" in run("order", "state", tmp_path / "1.json")


def test_commands__fill__takes_a_limit_and_a_deficit(people: tuple[Bulkhead, Bulkhead], tmp_path: Path) -> None:
    maker, trader = people
    file = tmp_path / "offer.json"
    file.write_text(offer(maker, price=-1_000, slip=100).to_json())
    limits = ("--limit", "200", "--max-deficit", "0", "--deposit", "1000")
    vault = int(run("order", "fill", file, *limits, key="TRADER_KEY"))
    assert len(trader.vaults.get(vault).legs) == 1
