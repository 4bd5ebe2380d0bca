"""Requests for quotes between real servers and the client: what is answered, what is dropped, what is taken."""

from __future__ import annotations

import socket
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkhead import orders
from bulkhead.chain import anvil
from bulkhead.chain.errors import BadInput, Reverted
from bulkhead.chain.sender import account_from_key
from bulkhead.client import Bulkhead, quote_requests
from bulkhead.client.exposure import Exposure
from bulkhead.client.fill_check import order_states
from bulkhead.client.makers import ask_all, hand_over
from bulkhead.maker.hedging import PaperHedger, load
from bulkhead.maker.ladder import Style
from bulkhead.maker.limits import RiskLimits
from bulkhead.maker.rates import RateLimit
from bulkhead.maker.server import is_loopback
from bulkhead.maker.signing import QuoteSigner, digest, separator
from bulkhead.orders import Order, OrderLeg, PremiumStyle
from bulkhead.risk.words import Kind, Series
from examples.common import friday
from tests.maker.test_client import market, people, run
from tests.maker.test_examples import free_port
from tests.maker.test_orders import position, push
from tests.worlds.maker_server import served, serving

__all__ = ["market", "people"]

WAD = 10**18


def answering(answer: Any) -> Callable[[], web.Application]:
    """An application that answers every request alike."""

    async def said(_request: web.Request) -> web.Response:
        return web.json_response(answer)

    def make() -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/rfq", said)])
        return app

    return make


# --- answers --------------------------------------------------------------------------------------------------------


def test_rfq__two_makers_and_a_silent_one__are_shown_side_by_side_and_one_is_taken(
    people: tuple[Bulkhead, Bulkhead],
) -> None:
    maker, trader = people
    second = Bulkhead(maker.chain, key=anvil.key(0))
    token = maker.chain.market("ETH").token
    second.signer.execute(token, "mint", second.address, 10**12)
    with socket.create_server(("127.0.0.1", 0)) as silent, serving(maker) as near:
        mute = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with serving(second, Style(edge_bps=60, strikes=1, step=50 * 10**8)) as far:
            request = trader.rfq.request(["put:1900"], 2, friday(trader, 1))
            answers = trader.rfq.ask(request, [far, mute, near])
            assert [(one.source, one.side) for one in answers if one.signed] == [
                (near, "buy"), (far, "buy"), (near, "sell"), (far, "sell")
            ]  # fmt: skip
            left_out = [one for one in answers if one.signed is None]
            assert {one.source for one in left_out} == {mute}
            assert "800 ms" in left_out[0].remark
            best = answers[0]
            assert best.price is not None and best.mark is not None and best.iv is not None and best.fee is not None
            assert best.price > best.mark and best.total == 2 * best.price + best.fee
            assert best.signed is not None
            signed = best.signed.order
            assert signed.taker == trader.address and signed.iv and 0 < best.seconds <= 60
            low, high = signed.spot_min, signed.spot_max
            assert high - low == pytest.approx(2 * 2_000 * WAD * 30 // 10_000, rel=1e-3)
            vault = trader.rfq.take(request, best, deposit=500, tolerance="0.5")
            assert [(leg.kind, leg.quantity) for leg in trader.vaults.get(vault).legs] == [(Kind.PUT, 2 * 10**6)]


def test_take__limit_is_what_was_shown_and_nothing_else_is_taken_in_its_place(
    people: tuple[Bulkhead, Bulkhead], monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, trader = people
    asked: list[tuple[int, str, int]] = []

    def counted(chain: Any, signed: Any, taker: str, vault_id: int) -> Any:
        asked.append((len(signed), taker, vault_id))
        return order_states(chain, signed, taker, vault_id)

    monkeypatch.setattr(quote_requests, "order_states", counted)
    vault = trader.vaults.open("ETH", deposit=2_000)
    with serving(maker) as url:
        request = trader.rfq.request(["put:1900"], 2, friday(trader, 1), vault_id=vault)
        answers = trader.rfq.ask(request, [url])
        # both sides in one look of the lens, for the one who will fill and the vault it goes into
        assert asked == [(2, trader.address, vault)]
        buy = next(one for one in answers if one.side == "buy")
        # spot falls by a part of the band: by its vol the put costs more now than was shown
        push(maker, 1_997, 10)
        sent = trader.chain.rpc.call("eth_getTransactionCount", trader.address, "latest")
        with pytest.raises(Reverted, match=r"limit|worse") as refused:
            trader.rfq.take(request, buy)
        assert refused.value.reason == "exchange/limit-price"
        # it was found out before anything was sent, and the other answer is left alone
        assert trader.chain.rpc.call("eth_getTransactionCount", trader.address, "latest") == sent
        assert trader.vaults.get(vault).legs == ()
        assert trader.rfq.take(request, buy, tolerance=5) == vault
        assert len(trader.vaults.get(vault).legs) == 1


def test_rfq__spread_and_future__are_priced(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    with serving(maker) as url:
        for legs, deferred in ((["call:2000", "-call:2100"], False), (["future"], True)):
            request = trader.rfq.request(legs, 1, friday(trader, 1), side="buy", deferred=deferred)
            (answer,) = trader.rfq.ask(request, [url])
            assert answer.signed is not None, answer.remark
            vault = trader.rfq.take(request, answer, deposit=600, tolerance=1)
            assert len(trader.vaults.get(vault).legs) == 2


def test_rfq__same_question_of_two_askers__has_one_price(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    other = Bulkhead(maker.chain, key=anvil.key(0))
    maker.signer.execute(maker.chain.market("ETH").token, "mint", other.address, 10**10)
    with serving(maker) as url:
        prices = set()
        for asker in (trader, other):
            # sizes of one step, 1 to 2 packages
            for size in ("1.5", "2"):
                request = asker.rfq.request(["put:1900"], size, friday(asker, 1), side="buy")
                raw = ask_all([url], "/rfq", request.to_json())[url]["answers"]
                prices.add(raw[0]["price"])
        assert len(prices) == 1


def test_rfq__asker_without_vault_and_premium__gets_a_price_without_a_signature(
    people: tuple[Bulkhead, Bulkhead],
) -> None:
    maker, _ = people
    poor = Bulkhead(maker.chain, key=anvil.key(9))
    with serving(maker) as url:
        request = poor.rfq.request(["call:2000"], 5, friday(maker, 1), side="buy")
        (answer,) = poor.rfq.ask(request, [url])
        assert answer.signed is None and answer.price is not None
        assert "no vault and not enough tokens" in answer.remark
        with pytest.raises(BadInput, match="cannot be taken"):
            poor.rfq.take(request, answer)


def test_rfq__three_answers_live__the_fourth_is_not_signed(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    with serving(maker) as url:
        requests = [
            trader.rfq.request([f"put:{k}"], 1, friday(trader, 1), side="buy") for k in (1800, 1850, 1900, 1950)
        ]
        signed = [trader.rfq.ask(request, [url])[0].signed is not None for request in requests]
        assert signed == [True, True, True, False]


def test_rfq__live_answers_count_against_the_limits(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    with serving(maker, limits=RiskLimits(delta=Decimal(2))) as url:
        # each sells about half a delta to the asker and a little more
        request = trader.rfq.request(["call:2000"], 3, friday(trader, 1), side="buy")
        first, second = (trader.rfq.ask(request, [url])[0] for _ in range(2))
        assert first.signed is not None
        assert second.signed is None and "at its limit" in second.remark


def test_rfq__answer_to_another_question__is_dropped(people: tuple[Bulkhead, Bulkhead]) -> None:
    """A server that signs something else than was asked, for each thing that could differ."""
    maker, trader = people
    expiry = friday(trader, 1)
    desk = maker.vaults.open("ETH", deposit=20_000)
    request = trader.rfq.request(["put:1900"], 2, expiry, side="buy")

    def wrong(legs: tuple[str, ...] = ("put:1900",), size: int = 2, side: str = "sell", **other: Any) -> Any:
        terms = {"taker": trader.address, **other}
        signed = maker.orders.sign(desk, expiry, legs, side, 20, size, **terms)
        return {"answers": [{"side": "buy", "price": "20", "mark": "20", "signed": signed.to_dict()}]}

    right = wrong()
    bad = {
        "size": wrong(size=1),
        "side": wrong(side="buy"),
        "legs": wrong(("put:1950",)),
        "ratio": wrong(("2*put:1900",)),
        "style": wrong(premium_style=PremiumStyle.DEFERRED),
        "taker": wrong(taker=maker.address),
        "flags": wrong(flags=orders.Flags.FILL_OR_KILL),
    }
    for what, answer in bad.items():
        with served(answering(answer)) as url:
            (dropped,) = trader.rfq.ask(request, [url])
            assert dropped.signed is None and "another question" in dropped.remark, what
    for answer in ({}, [], {"answers": 5}, {"answers": [7]}, {"answers": [{"side": "buy", "signed": {}}]}, "x"):
        with served(answering(answer)) as url:
            (dropped,) = trader.rfq.ask(request, [url])
            assert dropped.signed is None and dropped.remark
    with served(answering(right)) as url:
        (kept,) = trader.rfq.ask(request, [url])
        assert kept.signed is not None
        push(maker, 2_000)
        maker.vaults.cancel_all(desk)
        (dead,) = trader.rfq.ask(request, [url])
        assert dead.signed is None and dead.remark


def test_rfq__without_servers__looks_through_the_board(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    expiry = friday(trader, 1)
    desk = maker.vaults.open("ETH", deposit=20_000)
    for price, size in ((30, 5), (25, 5), (10, 1)):
        maker.orders.post(maker.orders.sign(desk, expiry, ["put:1900"], "sell", price, size))
    request = trader.rfq.request(["put:1900"], 2, expiry, side="buy")
    answers = trader.rfq.ask(request)
    assert [(one.price, one.source) for one in answers] == [(25, "QuoteBoard"), (30, "QuoteBoard")]
    vault = trader.rfq.take(request, answers[0], deposit=100)
    assert len(trader.vaults.get(vault).legs) == 1


@pytest.mark.parametrize(
    ("legs", "terms", "sentence"),
    [
        (["put:1900"], {"expiry": 1_893_456_000 + 61}, "grid|whole|expir"),
        (["put:1900"], {"expiry": 1}, "has passed"),
        (["put:1900"], {"side": "hold"}, "'buy', 'sell' or 'both'"),
        (["put:1900"], {"size": 0}, "no valid form"),
        (["cash"], {}, "cash alone"),
        (["put:1900", "put:1900"], {}, "no valid form"),
        (["straw:1"], {}, "is not a leg"),
    ],
)
def test_request__that_nobody_could_answer__is_refused_before_it_is_sent(
    people: tuple[Bulkhead, Bulkhead], legs: list[str], terms: dict[str, Any], sentence: str
) -> None:
    _, trader = people
    given_terms = {"size": 1, "expiry": friday(trader, 1), **terms}
    with pytest.raises(BadInput, match=sentence):
        trader.rfq.request(legs, **given_terms)


def test_command__rfq__shows_and_takes(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    with serving(maker) as url:
        asked = ("rfq", "put:1900", "--size", "1", "--expiry", friday(trader, 1), "--maker", url)
        shown = run(*asked, key="TRADER_KEY")
        assert "total" in shown and url in shown
        vault = run(*asked, "--side", "buy", "--take", "1", "--yes", "--deposit", "200", "--tolerance", "1",
                    key="TRADER_KEY")  # fmt: skip
        assert len(trader.vaults.get(int(vault)).legs) == 1


# --- the server -----------------------------------------------------------------------------------------------------


def test_server__what_is_not_asked_properly__is_a_sentence(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    with serving(maker) as url, httpx.Client(trust_env=False) as http:
        answers = [
            http.post(f"{url}/rfq", content="{"),
            http.post(f"{url}/rfq", json={"legs": 5}),
            http.post(f"{url}/orders", json={"order": 1}),
            http.post(f"{url}/rfq", content="x" * 9_000),
        ]
        assert [one.status_code for one in answers] == [400, 400, 400, 413]
        assert all(len(one.json()["error"]) > 15 for one in answers)
        asked = http.options(f"{url}/rfq")
        assert asked.status_code == 204 and asked.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in asked.headers
        assert http.get(f"{url}/quotes", headers={"Host": "evil.example"}).status_code == 403
        codes = [http.post(f"{url}/rfq", json={}).status_code for _ in range(8)]
        assert codes[-1] == 429


def test_server__stop_by_post__waits(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, trader = people
    vault, _ = position(maker, trader)
    with serving(maker) as url:
        stop = trader.stops.stop(vault, below=1_900)
        assert hand_over([url], stop) == {url: "waiting"}
        assert "cannot be reached" in hand_over([f"http://127.0.0.1:{free_port()}"], stop).popitem()[1]
    with pytest.raises(BadInput, match="no address"):
        hand_over(["ftp://x"], stop)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1:8650", True), ("localhost", True), ("[::1]:80", True), ("::1", True), ("0.0.0.0", False),
     ("evil.example:80", False), ("127.0.0.1.evil.example", False), ("", False)],
)  # fmt: skip
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_rate_limit__refills_with_time() -> None:
    now = [0.0]
    limit = RateLimit(5, lambda: now[0])
    assert [limit.allows("a") for _ in range(6)] == [True] * 5 + [False]
    assert limit.allows("b")
    now[0] = 0.2
    assert [limit.allows("a") for _ in range(2)] == [True, False]


# --- limits, hedging, signatures ------------------------------------------------------------------------------------


def test_limits__what_brings_nearer_to_zero_is_allowed() -> None:
    limits, held = RiskLimits(delta=Decimal(2)), Exposure(delta=Decimal(3))
    assert not limits.allows(held, Exposure(delta=Decimal("0.1")))
    assert limits.allows(held, Exposure(delta=Decimal("-0.1")))
    # through zero to the other side, no nearer than before
    assert not limits.allows(held, Exposure(delta=Decimal(-6)))
    assert limits.allows(held, Exposure(delta=Decimal(-5)))
    assert limits.lean(held) == 1 and RiskLimits().lean(held) == 0


def test_paper_hedger__trades_only_beyond_its_band() -> None:
    hedger = PaperHedger(band=Decimal(1))
    for delta in ("0.5", "1", "3", "3.5", "-1"):
        hedger.exposed("ETH", Decimal(delta), Decimal(100))
    assert (hedger.trades, hedger.held, hedger.cash) == (2, Decimal(1), Decimal(-100))


@pytest.mark.parametrize("name", ["", "nothing", "json:loads", "bulkhead.maker.rates:RateLimit", "no.such:Thing"])
def test_hedger__that_is_none__says_so(name: str) -> None:
    with pytest.raises(BadInput, match="is no hedger"):
        load(name)


uints = st.integers(0, 2**256 - 1)


@settings(max_examples=200, deadline=None)
@given(
    numbers=st.lists(uints, min_size=11, max_size=11),
    price=st.integers(-(2**127), 2**127),
    ratios=st.lists(st.integers(-(2**63), 2**63 - 1).filter(bool), min_size=1, max_size=4),
    small=st.tuples(st.booleans(), st.sampled_from(PremiumStyle), st.integers(0, 7)),
    taker=st.binary(min_size=20, max_size=20),
)
def test_digest__equals_the_document(
    numbers: list[int], price: int, ratios: list[int], small: tuple[bool, PremiumStyle, int], taker: bytes
) -> None:
    names = (
        "maker_vault",
        "iv",
        "slip",
        "patience",
        "size",
        "min_fill",
        "max_fee",
        "spot_min",
        "spot_max",
        "salt",
        "expiry",
    )
    order = Order(
        signer=account_from_key(anvil.key(1)).address,
        taker="0x" + taker.hex(),
        legs=tuple(OrderLeg(Series(1, Kind.CALL, 1_800_000_000, k + 1).pack(), r) for k, r in enumerate(ratios)),
        price=price,
        is_bid=small[0],
        premium_style=small[1],
        flags=orders.Flags(small[2]),
        **dict(zip(names, numbers, strict=True)),  # type: ignore[arg-type]
    )
    domain = orders.Domain(31_337, "0x" + "11" * 20)
    assert digest(order, separator(domain)) == orders.order_hash(order, domain)


def test_quote_signer__signs_as_the_client_does(people: tuple[Bulkhead, Bulkhead]) -> None:
    maker, _ = people
    desk = maker.vaults.open("ETH", deposit=10)
    order = maker.orders.build(desk, friday(maker, 1), ["call:2000"], "sell", 80, 2)
    assert QuoteSigner(maker).sign(order) == maker.orders.sign_order(order)
