"""What a reorganisation undid is undone: the index is what it would be if only the new chain had ever been."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from bulkhead.history import tables
from bulkhead.history.check import check
from bulkhead.history.database import Database
from tests.worlds.indexed import index
from tests.worlds.served_market import EXPIRY, MAKER, TRADER, ServedMarket

#: These hold what was read now, or more headers than an index made at one go has.
OF_THE_MOMENT = {"snapshots", "share_prices", "blocks", "deployments"}


def content(database: Database) -> dict[str, list[Any]]:
    """Every row of every table about the past."""
    with database.read() as reader:
        return {
            table.name: sorted(map(tuple, reader.execute(select(table))), key=repr)
            for table in tables.metadata.sorted_tables
            if table.name not in OF_THE_MOMENT
        }


def spend(market: ServedMarket, blocks: int, amount: int) -> None:
    """So many blocks, with deposits, fills, a new vault and a withdrawal among them."""
    maker, trader = market.client(MAKER), market.client(TRADER)
    head = market.chain.rpc.block_number()
    if blocks >= 4:
        desk = maker.vaults.open("ETH", deposit=3_000 + amount)
        offer = maker.orders.sign(desk, EXPIRY, ["call:200"], "sell", 12, 5, good_for=10**6)
        trader.orders.fill(offer, size=1, deposit=100 + amount)
    vault = market.chain["Clearinghouse"].call("next_id") - 1
    while market.chain.rpc.block_number() < head + blocks:
        left = head + blocks - market.chain.rpc.block_number()
        if left > 4:
            market.anvil.mine()
        else:
            market.client(TRADER).vaults.deposit(vault, amount)


@pytest.mark.parametrize("depth", [1, 2, 7, 63, 64, 100])
def test_reorganisation__of_any_depth__leaves_the_new_chain_only(
    market: ServedMarket, file, tmp_path, databases, depth
):
    maker, trader = market.client(MAKER), market.client(TRADER)
    desk = maker.vaults.open("ETH", deposit=5_000)
    offer = maker.orders.sign(desk, EXPIRY, ["put:180"], "sell", 9, 5, good_for=10**6)
    trader.orders.fill(offer, size=2, deposit=200)
    index(databases(file), market.chain)
    before = market.anvil.snapshot()
    spend(market, depth, 10)
    index(databases(file), market.chain)
    market.anvil.revert(before)
    for role in (MAKER, TRADER):
        market.client(role).signer.forget_nonce()
    spend(market, depth + 1, 25)
    looks = index(databases(file), market.chain)
    assert sum(look.undone for look in looks) >= depth
    fresh = databases(str(tmp_path / "fresh.sqlite"))
    index(fresh, market.chain)
    kept = databases(file)
    assert content(kept) == content(fresh)
    with kept.read() as reader:
        assert check(reader, 1, market.chain).wrong == []


def test_reorganisation__in_postgresql__leaves_the_new_chain_only(market: ServedMarket, cluster, tmp_path, databases):
    place = cluster.create()
    index(databases(place), market.chain)
    before = market.anvil.snapshot()
    spend(market, 9, 10)
    index(databases(place), market.chain)
    market.anvil.revert(before)
    for role in (MAKER, TRADER):
        market.client(role).signer.forget_nonce()
    spend(market, 10, 25)
    assert sum(look.undone for look in index(databases(place), market.chain)) > 1
    fresh = databases(str(tmp_path / "fresh.sqlite"))
    index(fresh, market.chain)
    assert content(databases(place)) == content(fresh)


def test_node__that_is_behind__undoes_nothing(market: ServedMarket, file, databases):
    spend(market, 5, 10)
    index(databases(file), market.chain)
    before = content(databases(file))
    head = market.chain.rpc.block_number()
    market.anvil.rpc.call("anvil_rollback", 3)
    assert market.chain.rpc.block_number() == head - 3
    looks = index(databases(file), market.chain)
    assert sum(look.undone for look in looks) == 0 and content(databases(file)) == before
