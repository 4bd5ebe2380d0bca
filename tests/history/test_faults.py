"""Killed, locked, full, gone, of another version, held by another, at the wrong chain: a sentence, and nothing lost."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from bulkhead.chain import deployment as deployments
from bulkhead.chain.errors import BulkheadError
from bulkhead.history import tables
from bulkhead.history.bulk import put
from bulkhead.history.check import check
from bulkhead.history.database import Busy, Database, HistoryError
from bulkhead.history.follow import followers, run
from bulkhead.replay.run import Replay
from tests.history.test_reorganisations import content
from tests.keeper.limited import Bounds, LimitedProxy, served
from tests.worlds.indexed import index
from tests.worlds.served_market import ROOT, ServedMarket

#: An indexer that takes a block at a time, so that there is time to kill it.
SLOWLY = """
import sys, time
from bulkhead.chain import deployment
from bulkhead.history import follow, source
from bulkhead.history.database import Database
source.FIRST_SPAN = source.MOST_SPAN = follow.TOGETHER = 1
database = Database(sys.argv[1])
with database.writer() as writer:
    made = follow.followers(writer, [deployment.load(sys.argv[2])], [sys.argv[3]])
    print("reading", flush=True)
    follow.run(made, 0.01, True, lambda *_: None)
"""


def addresses(chain, folder: Path) -> Path:
    place = folder / "addresses.json"
    chain.deployment.save(place)
    return place


def test_indexer__killed_again_and_again__goes_on_and_loses_nothing(lived: Replay, place, tmp_path, databases):
    chain = lived.local.chain
    command = [sys.executable, "-c", SLOWLY, place, str(addresses(chain, tmp_path)), chain.rpc.url]
    for _ in range(2):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b"reading\n"
        time.sleep(0.15)
        process.send_signal(signal.SIGKILL)
        process.wait()
    time.sleep(0.5)  # PostgreSQL takes a moment to notice
    kept = databases(place)
    looks = index(kept, chain)
    assert 0 < sum(look.logs for look in looks) < len(lived.logs) + 100
    fresh = databases(str(tmp_path / "fresh.sqlite"))
    index(fresh, chain)
    assert content(kept) == content(fresh)
    with kept.read() as reader:
        assert check(reader, 1, chain).wrong == []


def test_indexers__two_of_one_database__the_second_refuses(lived: Replay, place, databases):
    first, second = databases(place), databases(place)
    with first.writer(), pytest.raises(Busy, match="Another indexer"), second.writer():
        pass
    with second.writer():  # the first has let go
        pass


def test_store__whose_tip_another_has_moved__writes_nothing(lived: Replay, file, databases):
    database, chain = databases(file), lived.local.chain
    with database.writer() as writer:
        (one,) = followers(writer, [chain.deployment], [chain.rpc.url])
        tip = one.store.tip()
        writer.execute(text("update deployments set block = block + 5"))
        writer.commit()
        stretch = one.source.far(tip.number + 1, tip.number + 50, False)
        with pytest.raises(Busy, match="moved this database on"):
            one._add(tip, stretch)
        assert writer.execute(text("select count(*) from vault_states")).scalar() == 0


def test_database__locked_by_another_program__is_a_sentence(lived: Replay, file, databases, monkeypatch):
    monkeypatch.setattr("bulkhead.history.database.PATIENCE", 0.1)
    database = databases(file)
    index(database, lived.local.chain)
    other = sqlite3.connect(file)
    other.execute("begin immediate")
    with pytest.raises(HistoryError, match=r"is locked by another program; nothing was lost, try again\."):
        index(databases(file), lived.local.chain)
    other.rollback()
    other.close()
    index(databases(file), lived.local.chain)


def test_database__whose_tables_another_program_locks__is_a_sentence(cluster, databases, monkeypatch):
    monkeypatch.setattr("bulkhead.history.database.PATIENCE", 0.1)
    place = cluster.create()
    with databases(place).writer():
        pass
    other, row = databases(place).engine.connect(), {"deployment": 1, "number": 1, "hash": "", "at": 1}
    with other, pytest.raises(HistoryError, match=r"is locked by another program; nothing was lost, try again\."):
        other.execute(text("lock table blocks in access exclusive mode"))
        with databases(place).writer() as writer:
            put(writer, tables.blocks, [{**row, "has_logs": False}])


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("some/file.sqlite", "some/file.sqlite"),
        ("postgresql://ada:secret@there/past", "postgresql://ada:***@there/past"),
        ("postgresql://ada@/past?host=/run/pg&password=secret", "postgresql://ada@/past?host=%2Frun%2Fpg"),
    ],
)
def test_name__of_a_database__tells_no_password(place, name, databases):
    assert databases(place).name == name


def test_database__without_room__is_a_sentence_and_goes_on_later(lived: Replay, file, tmp_path, databases):
    database = databases(file)
    with database.writer() as writer:
        pages = writer.execute(text("pragma page_count")).scalar()
        writer.rollback()
        (one,) = followers(writer, [lived.local.chain.deployment], [lived.local.chain.rpc.url])
        writer.exec_driver_sql(f"pragma max_page_count={pages + 3}")
        writer.rollback()
        with pytest.raises(HistoryError, match="There is no room for the database"), database.guarded():
            one.catch_up()
    index(database, lived.local.chain)
    fresh = databases(str(tmp_path / "fresh.sqlite"))
    index(fresh, lived.local.chain)
    assert content(database) == content(fresh)


def test_reader__of_one_state__sees_nothing_that_is_written_meanwhile(place, databases):
    database, other = databases(place), databases(place)
    counted = select(func.count()).select_from(tables.blocks)
    row = {"deployment": 1, "number": 1, "hash": "0x" + "1" * 64, "at": 1, "has_logs": False}
    with database.writer() as writer:
        with other.read_one_state() as still, other.read() as moving:
            assert still.execute(counted).scalar() == moving.execute(counted).scalar() == 0
            put(writer, tables.blocks, [row])
            writer.commit()
            assert (still.execute(counted).scalar(), moving.execute(counted).scalar()) == (0, 1)
        with other.read_one_state() as later:
            assert later.execute(counted).scalar() == 1


def test_reader__whose_connection_died_while_it_rested__gets_another(cluster, databases, monkeypatch):
    database, counted = databases(cluster.create()), select(func.count()).select_from(tables.blocks)
    with database.writer():
        pass
    with database.read() as reader:
        assert reader.execute(counted).scalar() == 0
    cluster.stop()
    cluster.start()
    monkeypatch.setattr("bulkhead.history.database.RESTED", 0.0)
    with database.read() as reader:
        assert reader.execute(counted).scalar() == 0


def test_rows__that_are_there_already__are_refused_as_one(place, databases):
    database = databases(place)
    row = {"deployment": 1, "number": 1, "hash": "0x" + "1" * 64, "at": 1, "has_logs": False}
    with pytest.raises(HistoryError, match="refused"), database.writer() as writer:
        put(writer, tables.blocks, [row, row])
    with database.read() as reader:
        assert reader.execute(select(func.count()).select_from(tables.blocks)).scalar() == 0


def test_database__that_goes_away__is_a_sentence_and_nothing_is_lost(lived: Replay, cluster, tmp_path, databases):
    database, chain = databases(cluster.create()), lived.local.chain
    with (
        pytest.raises(HistoryError, match=r"does not answer|refused"),
        database.guarded(),
        database.writer() as writer,
    ):
        (one,) = followers(writer, [chain.deployment], [chain.rpc.url])
        one.step()
        cluster.stop()
        try:
            one.catch_up()
        finally:
            cluster.start()
    index(database, chain)
    fresh = databases(str(tmp_path / "fresh.sqlite"))
    index(fresh, chain)
    assert content(database) == content(fresh)


def test_database__of_another_version__is_refused(place, databases):
    database = databases(place)
    with database.writer() as writer:
        writer.execute(text("update alembic_version set version_num = '9999'"))
        writer.commit()
    with pytest.raises(HistoryError, match="version 9999, which this package does not know"), database.writer():
        pass
    with pytest.raises(HistoryError, match="version 9999"):
        database.require_current()


def test_database__of_another_program__is_refused(file, databases):
    other = sqlite3.connect(file)
    other.execute("create table vaults (id)")
    other.close()
    with pytest.raises(HistoryError, match="belongs to another program"), databases(file).writer():
        pass


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("", "neither the path"),
        ("mysql://a@b/c", "not mysql"),
        ("postgresql://nobody@127.0.0.1:1/none", "does not answer"),
        ("no/such/folder/x.sqlite", "There can be no database"),
        ("nonsense://", "cannot be read|not nonsense"),
        ("postgresql://[::1", "cannot be read"),
    ],
)
def test_database__at_a_place_that_is_none__is_a_sentence(place, words):
    with pytest.raises(BulkheadError, match=words), Database(place).writer():
        pass


def test_file__that_is_no_database__is_a_sentence(file):
    Path(file).write_bytes(b"not a database at all" * 100)
    with pytest.raises(HistoryError, match="not a database"), Database(file).writer():
        pass


def test_deployment__that_is_not_at_its_address__leaves_no_row(market: ServedMarket, file, databases):
    wrong = market.chain.deployment.dump()
    wrong["contracts"]["Clearinghouse"]["address"] = "0x" + "12" * 20
    database = databases(file)
    with database.writer() as writer:
        with pytest.raises(BulkheadError, match="no code at the address of Clearinghouse"):
            followers(writer, [deployments.parse(wrong, "wrong")], [market.chain.rpc.url])
        assert writer.execute(text("select count(*) from deployments")).scalar() == 0
        other = {**market.chain.deployment.dump(), "chain_id": 5}
        with pytest.raises(BulkheadError, match=r"is on chain 5, and no node given serves it \(they serve: 31337\)"):
            followers(writer, [deployments.parse(other, "other")], [market.chain.rpc.url])
        with pytest.raises(BulkheadError, match="named twice"):
            followers(writer, [market.chain.deployment] * 2, [market.chain.rpc.url])


def test_nodes__of_which_the_first_is_dead__the_second_is_asked(lived: Replay, file, databases):
    database = databases(file)
    looks = index(database, lived.local.chain, "http://127.0.0.1:1", lived.local.chain.rpc.url)
    assert looks[-1].block == looks[-1].head > 0


@pytest.mark.parametrize(("style", "calls", "blocks"), [("Geth", 20, 500), ("Erigon", 100, 10), ("Reth", 1, 50)])
def test_node__that_bears_little__gives_the_same_index(lived: Replay, file, tmp_path, databases, style, calls, blocks):
    node = LimitedProxy(lived.local.anvil.url, style, calls, blocks)
    with served(node) as url:
        index(databases(file), lived.local.chain, url)
    assert node.refusals
    index(databases(str(tmp_path / "fresh.sqlite")), lived.local.chain)
    assert content(databases(file)) == content(databases(str(tmp_path / "fresh.sqlite")))


def test_indexer__node_that_refuses_for_a_while__waits_and_goes_on(lived: Replay, file, databases):
    node = LimitedProxy(lived.local.anvil.url, "Geth", bounds=Bounds(blocks=0))

    def told(_one, progress) -> None:
        if progress.block >= progress.head:
            raise KeyboardInterrupt

    with served(node) as url, databases(file).writer() as writer:
        following = followers(writer, [lived.local.chain.deployment], [url])
        healed = threading.Timer(0.5, lambda: setattr(node, "bounds", Bounds()))
        healed.start()
        with pytest.raises(KeyboardInterrupt):
            run(following, 0.01, False, told)
        healed.join()
    assert node.refusals["range"]


def test_commands__run_and_check__say_what_they_found(market: ServedMarket, file):
    done = market.run("index", "run", "--once", "--database", file)
    assert done.exit_code == 0 and "block" in done.stdout, done.stderr
    done = market.run("index", "check", "--database", file)
    assert done.exit_code == 0 and "0 vaults" in done.stdout, done.stderr
    other = sqlite3.connect(file)
    other.execute("update deployments set chain_id = 1")
    other.commit()
    other.close()
    done = market.run("index", "check", "--database", file)
    assert done.exit_code == 1 and "knows nothing of the deployment" in done.stderr
    done = market.run("index", "check", "--database", file + "x")
    assert done.exit_code == 1 and "There is no database" in done.stderr
