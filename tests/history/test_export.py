"""Parquet of a life, and the five questions of docs/export.md asked of it."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from sqlalchemy import func, select

from bulkhead.chain.errors import BadInput
from bulkhead.history import tables
from bulkhead.history.export import export, exportable
from tests.worlds.indexed import index
from tests.worlds.served_market import ROOT

QUESTIONS = re.findall(r"## (.*?)\n.*?```sql\n(.*?)```", (ROOT / "docs" / "export.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def files(lived, tmp_path_factory) -> Path:
    from bulkhead.history.database import Database

    folder = tmp_path_factory.mktemp("export")
    database = Database(str(folder / "index.sqlite"))
    index(database, lived.local.chain)
    with database.read() as reader:
        written = export(reader, 1, folder / "files", 0, 2**62)
        counted = {
            name: reader.execute(select(func.count()).select_from(t)).scalar() for name, t in exportable().items()
        }
        paid = sum(reader.execute(select(tables.vaults.c.paid_in)).scalars())
    database.close()
    assert {one.table: one.rows for one in written} == counted
    assert sum(pd.read_parquet(folder / "files" / "vaults.parquet").paid_in) == Decimal(paid)
    return folder / "files"


@pytest.mark.parametrize(("title", "query"), QUESTIONS, ids=[title for title, _ in QUESTIONS])
def test_question__of_the_page__is_answered(files, title, query, monkeypatch):
    monkeypatch.chdir(files)
    rows = duckdb.sql(query).fetchall()
    assert rows, title


def test_questions__are_five():
    assert len(QUESTIONS) == 5


def test_export__of_a_range__holds_its_blocks_only(lived, file, tmp_path, databases):
    database = databases(file)
    index(database, lived.local.chain)
    with database.read() as reader:
        blocks = sorted(reader.execute(select(tables.fills.c.block)).scalars())
        export(reader, 1, tmp_path / "out", blocks[2], blocks[4], ["fills"])
        with pytest.raises(BadInput, match="no table 'x; drop table vaults'"):
            export(reader, 1, tmp_path / "out", 0, 1, ["x; drop table vaults"])
        with pytest.raises(BadInput, match="before it begins"):
            export(reader, 1, tmp_path / "out", 2, 1)
        Path(tmp_path / "taken").write_text("")
        with pytest.raises(BadInput, match="cannot be written"):
            export(reader, 1, tmp_path / "taken", 0, 1)
    found = sorted(pd.read_parquet(tmp_path / "out" / "fills.parquet").block)
    assert found == [block for block in blocks if blocks[2] <= block <= blocks[4]]
    assert not list((tmp_path / "out").glob("*.part"))
