"""What users of the client and its commands get wrong, on one Anvil: each is refused with the reason."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.gas import INPUTS, START
from bulkhead import orders
from bulkhead.chain import anvil, compiler, reasons
from bulkhead.chain.abi import Abi
from bulkhead.chain.anvil import Anvil
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract
from bulkhead.chain.errors import BadInput, Reverted
from bulkhead.chain.messages import to_int
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.cli import main
from bulkhead.client import MAX_UINT, Bulkhead, SignedOrder
from bulkhead.maker.desk import Maker
from bulkhead.maker.ladder import Style
from bulkhead.orders import Flags
from bulkhead.risk.words import Series
from examples.common import friday
from tests.maker.test_examples import published


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A deployment with three people, found through the environment as a user finds one."""
    with Anvil(timestamp=START) as chain, pytest.MonkeyPatch.context() as patch:
        yield published(chain, INPUTS, tmp_path_factory.mktemp("deployment"), patch)


@pytest.fixture
def people(market: Connection) -> Iterator[tuple[Bulkhead, Bulkhead]]:
    """Maker and trader; what they do is undone."""
    kept = to_int(market.rpc.call("evm_snapshot"))
    yield Bulkhead(market, key=os.environ["MAKER_KEY"]), Bulkhead(market, key=os.environ["TRADER_KEY"])
    anvil.revert(market.rpc, kept)


def offer(maker: Bulkhead, *legs: str, price: int = 80, size: int = 2, **other: object) -> SignedOrder:
    """A signed offer of a funded desk, of a call unless legs are named."""
    desk = maker.vaults.open("ETH", deposit=20_000)
    expiry = other.pop("at", None) or friday(maker, 1)
    return maker.orders.sign(desk, expiry, legs or ["call:2000"], "sell", price, size, **other)  # type: ignore[arg-type]


def wait(user: Bulkhead, until: int) -> None:
    """A block at a moment."""
    user.chain.rpc.call("evm_setNextBlockTimestamp", until)
    user.chain.rpc.call("evm_mine")


def last_minutes(user: Bulkhead, expiry: int) -> None:
    """Twenty minutes before an expiry, with an active price."""
    feed = user.chain.feed(user.chain.deployment.market("ETH"))
    deployer = Sender(user.chain.rpc, account_from_key(anvil.key(0)))
    # after a silence of days the price is in its grace period: rounds until that is over
    for minutes in (200, 140, 80, 40, 20):
        at = expiry - minutes * 60
        user.chain.rpc.call("evm_setNextBlockTimestamp", at)
        deployer.execute(feed, "push", 2_000 * 10**8, at)
        user.signer.execute(user.chain["OracleAdapter"], "poke", user.chain.market("ETH").index, 64)


# --- amounts ------------------------------------------------------------------------------------------------------


def test_open__deposit_as_text__is_taken_exactly(people: tuple[Bulkhead, Bulkhead]) -> None:
    _, trader = people
    vault = trader.vaults.get(trader.vaults.open("ETH", deposit="100.000001"))
    assert vault.balance == Decimal("100.000001")


def test_open__deposit_as_float__says_float_and_sends_nothing(people: tuple[Bulkhead, Bulkhead]) -> None:
    _, trader = people
    before = trader.chain.rpc.block_number()
    with pytest.raises(BadInput, match="is a float"):
        trader.vaults.open("ETH", deposit=0.1)  # type: ignore[arg-type]
    assert trader.chain.rpc.block_number() == before


def test_open__token_that_changes_allowances_only_from_zero__is_approved_twice(
    people: tuple[Bulkhead, Bulkhead], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, trader = people
    deployer = Sender(trader.chain.rpc, account_from_key(anvil.key(0)))
    found = compiler.compile_contract(compiler.project_root(), "HostileERC20")
    address, _ = deployer.create(found.bytecode + (6).to_bytes(32, "big"))
    token = trader.chain.token(address)
    strict = Contract(trader.chain.rpc, Abi("HostileERC20", found.abi), address)
    deployer.execute(token, "mint", trader.address, 10**9)
    deployer.execute(strict, "be_strict", True)
    spender = trader.chain["Clearinghouse"]
    entry = trader.chain.market("ETH")
    usdt = type(entry)(**{**entry.__dict__, "token": token})
    for held in (0, 5):
        if held:
            # what other programs left behind
            trader.signer.execute(token, "approve", spender.address, 0)
            trader.signer.execute(token, "approve", spender.address, held)
        trader.ensure_allowance(usdt, spender, 10**6)
        assert token.call("allowance", trader.address, spender.address) == MAX_UINT


# --- packages -----------------------------------------------------------------------------------------------------


def test_build__five_legs__says_how_many_there_may_be(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, _ = people
    legs = [f"call:{strike}" for strike in range(1800, 2300, 100)]
    with pytest.raises(BadInput, match="one to four legs"):
        offer(maker, *legs)


def test_fill__five_legs__says_how_many_there_may_be(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    signed = offer(maker)
    four = offer(maker, "call:1800", "call:1900", "call:2100", "call:2200")
    five = orders.with_changes(signed.order, legs=(*signed.order.legs, *four.order.legs))
    edited = SignedOrder(five, signed.signature, signed.chain_id, signed.exchange)
    for refused in (
        lambda: trader.orders.fill(edited, deposit=100),
        lambda: trader.orders.preview(edited, deposit=100),
        lambda: trader.orders.states([edited]),
    ):
        with pytest.raises(orders.OrderError, match="one to four legs"):
            refused()


# --- cancelling ---------------------------------------------------------------------------------------------------


def test_cancel__by_hash__kills_the_order(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    signed = offer(maker)
    maker.orders.cancel(["0x" + orders.order_hash(signed.order, maker.domain).hex()])
    assert maker.orders.states([signed])[0][0] == "cancelled"
    with pytest.raises(Reverted, match="cancelled"):
        trader.orders.preview(signed)


def test_cancel__order_of_another_key__is_refused_and_nothing_sent(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    signed = offer(maker)
    before = maker.chain.rpc.block_number()
    with pytest.raises(BadInput, match=f"signed by {maker.address}; only that key"):
        trader.orders.cancel([signed])
    assert maker.chain.rpc.block_number() == before
    assert maker.orders.states([signed])[0][0] == "open"


def test_cancel__filled_beside_one_alive__cancels_the_rest(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    gone, alive = offer(maker), offer(maker)
    trader.orders.fill(gone, deposit=1_000)
    maker.orders.cancel([gone, alive])
    assert [state for state, _, _ in maker.orders.states([gone, alive])] == ["filled", "cancelled"]
    with pytest.raises(BadInput, match="nothing to cancel"):
        maker.orders.cancel([gone, alive])


@pytest.mark.parametrize("one", ["0x12", "soon", b"\0" * 31])
def test_cancel__what_is_no_hash__is_refused(people: tuple[Bulkhead, Bulkhead], one: str | bytes) -> None:
    with pytest.raises(BadInput, match="is not the hash of an order"):
        people[0].orders.cancel([one])


# --- previews -----------------------------------------------------------------------------------------------------


def test_preview__expired_order__is_refused(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    signed = offer(maker, good_for=5)
    wait(maker, maker.chain.rpc.timestamp() + 10)
    for order in (signed, signed.order):
        with pytest.raises(Reverted, match="The order has expired") as refused:
            trader.orders.preview(order, deposit=1_000)
        assert refused.value.reason == "exchange/order-expired"


@pytest.mark.parametrize(
    ("legs", "hours", "reason"),
    [
        (("call:2000",), 1, "exchange/expiry-off-grid"),
        (("call:2000.5",), 0, "exchange/strike-off-grid"),
        (("put:100",), 0, "exchange/strike-off-grid"),
    ],
)
def test_preview__off_the_grid__is_refused_as_the_fill_is(
    people: tuple[Bulkhead, Bulkhead], legs: tuple[str, ...], hours: int, reason: str
) -> None:
    maker, trader = people
    signed = offer(maker, *legs, price=1, at=friday(maker, 1) + hours * 3600, off_grid=True)
    vault = trader.vaults.open("ETH", deposit=5_000)
    for where in ({}, {"deposit": 5_000}, {"vault_id": vault}):
        with pytest.raises(Reverted) as seen:
            trader.orders.preview(signed, **where)  # type: ignore[arg-type]
        assert seen.value.reason == reason
    with pytest.raises(Reverted) as met:
        trader.orders.fill(signed, vault)
    assert met.value.reason == reason


OFF_GRID = [
    (("call:2000",), 1, "exchange/expiry-off-grid"),
    (("call:2000",), 24 * 5, "exchange/expiry-off-grid"),
    (("call:2000.5",), 0, "exchange/strike-off-grid"),
    (("call:2000", "-call:2100.00000001"), 0, "exchange/strike-off-grid"),
    (("put:100",), 0, "exchange/strike-off-grid"),
    (("call:30000",), 0, "exchange/strike-off-grid"),
]


@pytest.mark.parametrize(("legs", "hours", "reason"), OFF_GRID)
def test_sign__off_the_grid__is_refused_by_client_and_command(
    people: tuple[Bulkhead, Bulkhead], legs: tuple[str, ...], hours: int, reason: str
) -> None:
    """The sentence is that of the refused fill; an order for others who close is signed when it is asked for."""
    maker, _ = people
    desk, at = maker.vaults.open("ETH", deposit=20_000), friday(maker, 1) + hours * 3600
    with pytest.raises(BadInput) as refused:
        maker.orders.sign(desk, at, legs, "sell", 1, 1)
    assert str(refused.value) == reasons.sentence(reason)
    typed = ("order", "sign", desk, "sell", *legs, "--expiry", at, "--price", 1, "--size", 1)
    environment = {"BULKHEAD_KEY": os.environ["MAKER_KEY"]}
    done = CliRunner(mix_stderr=False).invoke(main, [str(word) for word in typed], env=environment)
    assert done.exit_code != 0 and reasons.sentence(reason) in done.stderr and not done.stdout
    assert "signature" in run(*typed, "--off-grid")


def test_sign__what_the_vault_holds__is_signed_wherever_the_grid_went(people: tuple[Bulkhead, Bulkhead]) -> None:
    """A tick may change and spot may leave a strike behind: who holds a position can always offer it."""
    maker, trader = people
    vault = trader.orders.fill(offer(maker), deposit=1_000)
    parameters = maker.chain["RiskParameters"]
    owner = Sender(maker.chain.rpc, account_from_key(anvil.key(0)))
    owner.execute(parameters, "set_parameter", 1, "tick", 300 * 10**8)
    assert trader.orders.sign(vault, friday(maker, 1), ["call:2000"], "sell", 50, 1)
    with pytest.raises(BadInput, match="tick"):
        trader.orders.sign(vault, friday(maker, 1), ["call:2000", "-call:2200"], "sell", 50, 1)


def test_preview__more_than_is_left__is_refused(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    signed = offer(maker, size=3)
    trader.orders.fill(signed, size=Decimal(1), deposit=1_000)
    with pytest.raises(Reverted) as refused:
        trader.orders.preview(signed, size=Decimal(3), deposit=1_000)
    assert refused.value.reason == "exchange/above-remainder"
    # without a size it is what is left
    assert trader.orders.preview(signed, deposit=1_000).premium == 160
    whole = offer(maker, flags=Flags.FILL_OR_KILL)
    with pytest.raises(Reverted) as refused:
        trader.orders.preview(whole, size=Decimal(1), deposit=1_000)
    assert refused.value.reason == "exchange/fill-or-kill"


def test_preview__other_key_signed__is_refused(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    signed = offer(maker)
    forged = trader.orders.sign_order(signed.order)
    with pytest.raises(Reverted) as refused:
        trader.orders.preview(forged, deposit=1_000)
    assert refused.value.reason == "exchange/bad-signature"


def test_preview__maker_without_margin__shows_the_numbers_and_the_reason(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    desk = maker.vaults.open("ETH", deposit=15)
    order = maker.orders.build(desk, friday(maker, 1), ["call:2000"], "sell", 20, 5)
    seen = maker.orders.preview(order)
    assert not seen.passes and seen.refusal == "margin/below-initial"
    assert seen.after.equity < seen.after.initial_margin
    taken = trader.orders.preview(maker.orders.sign_order(order), deposit=1_000)
    assert not taken.passes and taken.after.state == "covered"


def test_preview__where_nothing_is_opened__is_for_those_who_close(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    expiry = friday(maker)
    sold = offer(maker, at=expiry)
    vault = trader.orders.fill(sold, deposit=1_000)
    last_minutes(maker, expiry)
    desk = sold.order.maker_vault
    back = maker.orders.sign(desk, expiry, ["call:2000"], "buy", 1, 2)
    other = maker.orders.sign(desk, expiry, ["call:2100"], "buy", 1, 2)
    assert trader.orders.preview(back, vault).after.legs == ()
    with pytest.raises(Reverted) as refused:
        trader.orders.preview(other)
    assert refused.value.reason == "exchange/no-open-window"
    # a desk without legs would open with its bid, but the trader closes against it
    fresh = maker.orders.sign(maker.vaults.open("ETH", deposit=5_000), expiry, ["call:2000"], "buy", 1, 2)
    seen = maker.orders.preview(fresh)
    assert seen.refusal == "exchange/no-open-window" and not seen.passes
    assert trader.orders.preview(fresh, vault).passes


# --- commands -----------------------------------------------------------------------------------------------------


def run(*arguments: object, key: str = "MAKER_KEY") -> str:
    """A command that succeeds."""
    done = CliRunner(mix_stderr=False).invoke(main, [str(a) for a in arguments], env={"BULKHEAD_KEY": os.environ[key]})
    assert done.exit_code == 0, done.output + done.stderr
    return done.output.strip()


def test_order_sign__sold_leg_as_typed__is_a_leg(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, _ = people
    desk, expiry = maker.vaults.open("ETH", deposit=20_000), friday(maker, 1)
    options = ("--expiry", expiry, "--price", "-3", "--size", "1")
    for typed in (
        (desk, "sell", "put:1800", "-put:1600", *options),
        (desk, "sell", "-put:1600", "put:1800", *options),
        (*options, desk, "sell", "-1*put:1600", "put:1800"),
        (*options, "--", desk, "sell", "put:1800", "-put:1600"),
    ):
        order = SignedOrder.from_json(run("order", "sign", *typed)).order
        assert sorted(leg.ratio for leg in order.legs) == [-1, 1] and order.price == -3 * 10**18


def test_vault_split__short_leg_as_typed__moves_it(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    signed = offer(maker, "call:2000", "-call:2200", price=60)
    vault = trader.orders.fill(signed, deposit=500)
    new = run("vault", "split", vault, "call:2000", "-CALL:2200", "--size", "1", "--cash", "100", key="TRADER_KEY")
    assert [leg.quantity for leg in trader.vaults.get(int(new)).legs] == [10**6, -(10**6)]


def test_order_sign__typed_option_that_there_is_not__is_a_usage_error() -> None:
    done = CliRunner().invoke(main, ["order", "sign", "1", "sell", "call:200", "-x"])
    assert done.exit_code == 2 and "No such option" in done.output


def test_order_cancel__number_under_which_orders_were_signed__says_how_those_end(
    people: tuple[Bulkhead, Bulkhead],
) -> None:
    done = CliRunner().invoke(main, ["order", "cancel", "5", "--key-env", "MAKER_KEY"])
    assert done.exit_code == 1 and "cancel-together VAULT SIDE LEGS" in done.output


def test_order_cancel__hash_and_file__and_another_key(people: tuple[Bulkhead, Bulkhead], tmp_path: Path) -> None:
    maker, _ = people
    first, second = offer(maker), offer(maker)
    file = tmp_path / "order.json"
    file.write_text(first.to_json())
    digest = "0x" + orders.order_hash(second.order, maker.domain).hex()
    done = CliRunner(mix_stderr=False).invoke(
        main, ["order", "cancel", str(file)], env={"BULKHEAD_KEY": os.environ["TRADER_KEY"]}
    )
    assert done.exit_code == 1 and "only that key can cancel it" in done.stderr
    assert run("order", "cancel", file, digest).startswith("0x")
    assert {state for state, _, _ in maker.orders.states([first, second])} == {"cancelled"}


# --- the maker ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expiry", "style", "sentence"),
    [
        (lambda user: friday(user) + 3_600, Style(), "only in expiries of the grid"),
        (lambda user: friday(user, 30), Style(), "only in expiries of the grid"),
        (lambda user: START - 86_400, Style(), "has passed"),
        (lambda user: friday(user), Style(step=10**8 // 2), "multiples of"),
    ],
)
def test_maker__what_cannot_trade__is_refused_before_a_desk_is_opened(
    people: tuple[Bulkhead, Bulkhead], expiry, style: Style, sentence: str
) -> None:
    maker, _ = people
    before = maker.chain.rpc.block_number()
    with pytest.raises(BadInput, match=sentence):
        Maker(maker, "ETH", [expiry(maker)], style).open()
    assert maker.chain.rpc.block_number() == before


def test_maker__port_in_use__is_refused_before_a_desk_is_opened(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, _ = people
    before = maker.chain.rpc.block_number()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        command = ["maker", "run", "--expiry", str(friday(maker, 1)), "--port", port, "--rounds", "1"]
        done = CliRunner().invoke(main, [*command, "--key-env", "MAKER_KEY"])
    assert done.exit_code == 1 and f"127.0.0.1:{port} cannot be listened on" in done.output
    assert maker.chain.rpc.block_number() == before


def test_maker__last_minutes_of_an_expiry__quotes_only_for_those_who_close(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    near, far = friday(maker), friday(maker, 1)
    quoting = Maker(maker, "ETH", [near, far], Style(strikes=1))
    quoting.open()
    assert {q["expiry"] for q in quoting.quotes()} == {near, far}
    kept = to_int(maker.chain.rpc.call("evm_snapshot"))
    bought = next(q for q in quoting.quotes() if q["expiry"] == near and q["side"] == "sell")
    last_minutes(maker, near)
    quotes = [SignedOrder.from_json(json.dumps(q["signed"])) for q in quoting.quotes()]
    assert {Series.unpack(s.order.legs[0].series).expiry for s in quotes} == {far}
    assert {state for state, _, _ in maker.orders.states(quotes)} == {"open"}
    # once somebody holds a position the near expiry is quoted on, for closing
    anvil.revert(maker.chain.rpc, kept)
    maker.signer.forget_nonce()
    signed = SignedOrder.from_json(json.dumps(bought["signed"]))
    trader.orders.fill(signed, deposit=10_000)
    last_minutes(maker, near)
    assert {q["expiry"] for q in quoting.quotes()} == {near, far}
