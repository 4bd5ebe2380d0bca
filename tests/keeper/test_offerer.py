"""What a keeper says of its offers and where it leaves them: without a node, with maker servers of every mood."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.chain import anvil
from bulkhead.chain.errors import BulkheadError
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper import offerer as module
from bulkhead.keeper.books import Entry
from bulkhead.keeper.fees import GWEI
from bulkhead.keeper.node import Head
from bulkhead.keeper.offerer import A_POST, Offerer
from bulkhead.keeper.unwind import plan_offers
from bulkhead.keeper.unwind_policy import UnwindFile
from bulkhead.orders.signing import recover
from bulkhead.risk.words import Kind, Leg
from tests.keeper.states import CELL, KEEPER, NOW, OTHER, state, vault
from tests.keeper.test_unwind import surfaced

HEAD = Head(100, "0x" + "0b" * 32, "0x" + "0a" * 32, NOW, GWEI, 30_000_000)
URLS = ["http://127.0.0.1:1", "http://127.0.0.1:2"]


class Exchange:
    address = OTHER

    def query(self, name: str, vault_id: int, series: list[int]) -> tuple[str, int]:
        return name, vault_id


class Nodes:
    """Providers that know an epoch of each vault: ten times its id."""

    epochs: Any = None

    async def read_each(self, asked: list[tuple[str, int]], block: int) -> list[Any]:
        assert block == HEAD.number and {name for name, _ in asked} <= {"epoch_for"}
        return [self.epochs or vault_id * 10 for _, vault_id in asked]


@pytest.fixture
def told():
    return []


@pytest.fixture
def offerer(told):
    chain: Any = type("Chain", (dict,), {"deployment": SimpleNamespace(chain_id=31337)})(Exchange=Exchange())
    terms = UnwindFile(every_seconds=60, board=True).terms()
    key = bytes.fromhex(anvil.key(4).removeprefix("0x"))
    nodes: Any = Nodes()
    return Offerer(chain, nodes, key, terms, lambda event, **fields: told.append((event, fields)))


def own(*ids: int) -> Any:
    vaults = [vault(i, owner=KEEPER, legs=(Leg(Kind.FUTURE, 0, 10**6),)) for i in ids]
    return state(*vaults, cells={CELL: surfaced()})


def run(offerer: Offerer, ids: tuple[int, ...], seconds: int = 0, entries: tuple[Entry, ...] = ()) -> list[Any]:
    return asyncio.run(offerer.run(own(*ids), replace(HEAD, timestamp=NOW + seconds), entries))


def test_run__positions_to_let_go_of__are_signed_posted_and_told(offerer, told):
    (posted,) = run(offerer, (6, 5))
    assert posted.vault_ids == (5, 6) or posted.vault_ids == (6, 5)
    assert told == [("offered", {"block": 100, "orders": 2, "vaults": [5, 6]})] and offerer.offered == 2


def test_signed__order_of_the_vaults_epoch__is_the_accounts_own(offerer):
    planned = plan_offers(own(5, 6), offerer.terms, {})
    signed = asyncio.run(offerer._signed(planned, HEAD))
    assert [one.order.epoch for one in signed] == [one.order.maker_vault * 10 for one in signed]
    assert [replace(one.order, epoch=0) for one in signed] == planned
    me = account_from_key(anvil.key(4)).address
    for one in signed:
        assert (one.chain_id, one.exchange) == (31337, OTHER)
        assert recover(one.order, offerer._domain, one.signature) == me


def test_run__not_yet_time__signs_nothing_anew(offerer, told):
    assert len(run(offerer, (5,))) == 1
    assert run(offerer, (5,), 59) == [] and len(told) == 1
    assert len(run(offerer, (5,), 60)) == 1 and len(told) == 2
    # a block before the last one, as after a reorganisation, waits as long
    assert run(offerer, (5,), 1) == [] and len(run(offerer, (5,), -60)) == 1


def test_run__nothing_to_offer__says_nothing_and_looks_again_at_once(offerer, told):
    assert run(offerer, ()) == [] and told == [] and offerer.offered == 0
    assert len(run(offerer, (5,), 1)) == 1


def test_run__more_than_a_call_takes__several_calls(offerer, told):
    found = run(offerer, tuple(range(1, A_POST + 3)))
    assert [len(one.orders) for one in found] == [A_POST, 2] == [len(one.signatures) for one in found]
    assert sorted(i for one in found for i in one.vault_ids) == list(range(1, A_POST + 3))
    for one in found:
        assert [order[0] for order in one.orders] == list(one.vault_ids)


def test_run__no_board__leaves_orders_with_makers_alone(offerer, told):
    offerer.terms = replace(offerer.terms, board=False)
    assert run(offerer, (5,)) == [] and offerer.offered == 1


def test_run__taken_long_ago__is_offered_cheaper(offerer):
    def price(*entries: Entry) -> int:
        (posted,) = run(offerer, (5,), 0, entries)
        offerer._last = 0
        return int(posted.orders[0][5])

    bonus = Entry(90, 1, 0, "0x" + "0c" * 32, "bonus", 1, 5, 0, 0, 10**18, 1, NOW - 6 * 3600)
    assert price(bonus) < price()
    # of another vault, of another kind, or of a time that is not known
    for other in (replace(bonus, vault_id=6), replace(bonus, kind="tip"), replace(bonus, at=0)):
        assert price(other) == price()


def test_run__epoch_that_no_node_tells__fails(offerer, told):
    offerer.providers.epochs = BulkheadError("no node answers")
    with pytest.raises(BulkheadError, match="no node answers"):
        run(offerer, (5,))
    # and is tried again at the next block
    offerer.providers.epochs = None
    assert len(run(offerer, (5,), 1)) == 1


class Servers:
    """Maker servers; what each says next, by address."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), []

    @contextlib.asynccontextmanager
    async def post(self, url: str, json: Any) -> AsyncIterator[Any]:
        self.asked.append((url, json))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer

        async def text() -> str:
            return str(answer)

        yield SimpleNamespace(status=200 if answer == "" else 400, text=text)


def left(offerer: Offerer, servers: Servers, count: int = 1) -> None:
    signed = [SimpleNamespace(to_dict=lambda i=i: {"order": i}) for i in range(count)]
    fake: Any = servers
    asyncio.run(offerer._post(fake, URLS[0], signed))  # type: ignore[arg-type]


def test_post__refusal__is_told_once_until_something_else_is_said(offerer, told):
    for answer in ("too dear", "too dear", "closed", OSError(), OSError(), "", OSError()):
        left(offerer, Servers(answer))
    said = [fields["reason"] for event, fields in told if event == "maker-refused"]
    # an order that is taken makes the server a fresh one
    assert said == ["too dear", "closed", "OSError", "OSError"] and offerer.accepted == 1
    assert {fields["maker"] for _, fields in told} == {URLS[0]}


def test_post__refusal__ends_the_list_and_what_came_before_counts(offerer):
    servers = Servers("", "", "no", "")
    left(offerer, servers, 4)
    assert [json["order"] for _, json in servers.asked] == [0, 1, 2] and offerer.accepted == 2
    assert {url for url, _ in servers.asked} == {f"{URLS[0]}/orders"}


def test_leave__two_makers__each_gets_every_order(offerer, monkeypatch):
    offerer.terms = replace(offerer.terms, makers=tuple(URLS))
    seen: list[tuple[str, int]] = []

    async def post(http: Any, url: str, signed: Any) -> None:
        seen.append((url, len(signed)))

    monkeypatch.setattr(offerer, "_post", post)
    run(offerer, (5, 6))
    assert sorted(seen) == [(url, 2) for url in URLS]
    offerer.terms = replace(offerer.terms, makers=())
    monkeypatch.setattr(module, "aiohttp", None)
    assert len(run(offerer, (5,), 60)) == 1
