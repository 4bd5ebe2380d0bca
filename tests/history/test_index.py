"""After a whole life the index is what the chain is, and what the logs alone rebuild."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, update

from bulkhead.chain.connection import Connection
from bulkhead.history import queries, tables
from bulkhead.history.check import check
from bulkhead.history.column_types import OFFSET
from bulkhead.history.context import Memory
from bulkhead.history.rows import READERS
from bulkhead.history.source import speakers
from bulkhead.profit.accounts import Account
from bulkhead.replay.run import Replay
from tests.history.conftest import bought
from tests.worlds.indexed import index
from tests.worlds.served_market import DEPLOYER, TRADER, ServedMarket

#: Logs that no table keeps, because a row of another log says all they say, or nobody asks for it.
UNKEPT = {
    "Approval", "Transfer", "ApprovalForAll", "OwnershipTransferred", "OwnershipTransferStarted", "RoleMinterChanged",
    "GuardianChanged", "CapChanged", "BoundsChanged", "BackstopRegistered", "MarketListed", "OpeningPaused",
    "OpeningResumed", "FallbackSet", "StatusRecorded", "PublishersSet",
}  # fmt: skip
#: Logs that the fold reads itself.
FOLDED = {"Novated", "OrderFilled", "VaultTaken", "VaultOpened", "VaultUpdated", "VaultTransferred"}


def accounts(reader, chain: Connection) -> dict[int, Account]:
    rows = reader.execute(select(tables.vaults)).mappings()
    return {row["vault_id"]: Account.load(dict(row), chain.units(row["market"]).inverse) for row in rows}


def test_index__of_a_life__equals_the_chain_and_the_book(lived: Replay, place, databases):
    database, chain = databases(place), lived.local.chain
    index(database, chain)
    with database.read() as reader:
        report = check(reader, 1, chain)
        found = accounts(reader, chain)
    assert report.wrong == [] and report.gifts == {}
    assert report.vaults == 10 and report.cells == 1 and report.pots == 2
    book = chain.book()
    assert {i for i, one in found.items() if one.closed} == book.closed and len(found) == 10
    for vault_id, record in book.vaults.items():
        one = found[vault_id]
        assert (one.owner, one.balance, one.legs, one.custody) == (
            record.owner, record.balance, record.legs, record.custody
        )  # fmt: skip


def test_index__of_a_life__profit_is_what_was_made_less_fees_and_tips(lived: Replay, place, databases):
    database, chain = databases(place), lived.local.chain
    index(database, chain)
    native = lived.local.market.native
    with database.read() as reader:
        found = accounts(reader, chain)
        takes = list(reader.execute(select(tables.takes)))
    assert takes and any(one.made.fees for one in found.values())
    for one in found.values():
        assert not one.made.unknown
        profit = one.balance * native + one.made.taken_out - one.made.paid_in
        assert profit == one.made.packages.realised - one.made.fees + one.made.bonuses - one.made.tips, one.vault_id
    assert sum(one.made.bonuses for one in found.values()) != 0


def test_index__run_again__changes_nothing(lived: Replay, file, databases):
    database = databases(file)
    first = index(database, lived.local.chain)
    again = index(database, lived.local.chain)
    assert sum(look.logs for look in first) > 200
    assert [(look.logs, look.undone) for look in again] == [(0, 0)]


def test_check__of_a_falsified_index__names_what_differs(lived: Replay, file, databases):
    database, chain = databases(file), lived.local.chain
    index(database, chain)
    with database.writer() as writer:
        writer.execute(update(tables.vaults).where(tables.vaults.c.vault_id == 3).values(closed=False, balance=7))
        writer.execute(update(tables.cells).values(gross=5))
        writer.execute(update(tables.pools).values(shares=1))
        writer.execute(update(tables.insurance).values(shares=1))
        writer.commit()
        wrong = check(writer, 1, chain).wrong
    for word in ("vault 3", "gross", "insurance of market"):
        assert any(word in sentence for sentence in wrong), (word, wrong)


def test_tables__after_all_migrations__are_those_of_the_package(place, databases):
    database = databases(place)
    with database.writer() as writer:
        context = MigrationContext.configure(writer, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_database__of_the_first_version__is_emptied_and_read_again(lived: Replay, place, databases):
    database, chain = databases(place), lived.local.chain
    index(database, chain, receipts=False)
    with database.writer() as writer:
        config = database._config()
        config.attributes["connection"] = writer
        command.downgrade(config, "0001")
        # as an indexer of that version left it
        first = writer.execute(select(tables.deployments.c.first_block)).scalar_one()
        writer.execute(update(tables.deployments).values(block=first + 10, block_hash="0x12", logs=7))
        writer.execute(insert(tables.collections).values(
            deployment=1, block=first, log_index=0, at=1, tx="0x", token="0x", receiver="0x", amount=5,
        ))  # fmt: skip
        writer.commit()
    with database.writer() as writer:
        assert writer.execute(select(tables.collections)).all() == []
        row = writer.execute(select(tables.deployments)).one()
        assert (row.block, row.block_hash, row.logs) == (first - 1, "", 0)
    index(database, chain, receipts=False)
    with database.read() as reader:
        report = check(reader, 1, chain)
    assert report.wrong == [] and report.vaults == 10


def test_events__of_every_speaker__are_kept_or_named_as_unkept(market: ServedMarket):
    missing = []
    for name, contract in speakers(market.chain).items():
        kind = name.partition(":")[0]
        for event in contract.abi.events.values():
            if (kind, event.name) not in READERS and event.name not in UNKEPT | FOLDED:
                missing.append(f"{kind}.{event.name}")
    assert missing == []


@pytest.mark.parametrize("value", [0, 1, -1, 2**255 + 1, -(2**255), 2**256 - 1, 10**76 + 3])
def test_exact__any_number_of_the_chain__comes_back_and_sorts(place, databases, value):
    database = databases(place)
    row = {"deployment": 1, "block": 1, "at": 1, "tx": "0x", "vault_id": 1}
    with database.writer() as writer:
        numbers = [value, 5, -5, 2**254]
        writer.execute(
            insert(tables.deficits), [{**row, "log_index": i, "deficit": one} for i, one in enumerate(numbers)]
        )
        found = writer.execute(select(tables.deficits.c.deficit).order_by(tables.deficits.c.deficit)).scalars().all()
        assert found == sorted(numbers)
    assert OFFSET == 2**256


def test_index__of_a_living_market__knows_entry_quotes_and_marks(market: ServedMarket, file, databases):
    vault = bought(market)
    database = databases(file)
    index(database, market.chain)
    with database.read() as reader:
        assert check(reader, 1, market.chain).wrong == []
        one = accounts(reader, market.chain)[vault]
        (fill,) = reader.execute(select(tables.fills))
        (snapshot,) = reader.execute(select(tables.snapshots))
        gas = list(reader.execute(select(tables.gas)))
    ((shape, lot),) = one.made.packages.lots.items()
    # one package of two legs at one price, not two legs at prices of their own
    assert [leg[2] for leg in shape] == [1, 1] and lot.size == 2 * 10**6 and lot.price == 20 * 10**18
    assert fill.taker_vault == vault and fill.contracts == 4 * 10**6 and fill.expiry == snapshot.expiry
    assert snapshot.snapshot["spot"] > 0
    assert any(row.event == "OrderFilled" and row.gas_used > 100_000 for row in gas)


def test_profit__tokens_straight_from_an_own_vault__is_no_other_in_the_card(market: ServedMarket, place, databases):
    chain, vaults = market.chain, market.client(TRADER).vaults
    coin = chain.market("WETH")
    market.client(DEPLOYER).signer.execute(coin.token, "mint", market.client(TRADER).address, 10**19)
    giver, taker, coins = vaults.open("ETH", 200), vaults.open("ETH", 100), vaults.open("WETH", 5)
    custody = vaults.view(taker).custody
    vaults.withdraw(giver, 50, receiver=custody)
    vaults.withdraw(coins, 1, receiver=custody)  # of no use there: the vault holds another token
    vaults.close(giver)
    index(databases(place), chain)
    with databases(place).read() as reader:
        assert check(reader, 1, chain).gifts == {}
        context = Memory().get(reader, 1)
        shown = queries.vault(reader, context, taker)
    assert (shown.paid_in, shown.balance, shown.profit) == (150, 150, 0)
    assert vaults.card(taker).profit == 0
