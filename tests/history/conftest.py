"""A market that has lived, one that lives, and databases of both kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bulkhead.history.database import Database
from bulkhead.replay.run import Replay
from tests.worlds import postgres
from tests.worlds.played_market import played
from tests.worlds.served_fixtures import market, served
from tests.worlds.served_market import EXPIRY, MAKER, TRADER, ServedMarket

__all__ = ["market", "served"]

NO_POSTGRES = "PostgreSQL is not installed (Debian: apt-get install postgresql)"


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """Everything has happened: fills, flags, takes, a crash, settlement, claims, closings."""
    with played(tmp_path_factory.mktemp("lived") / "log") as replay:
        yield replay


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    if postgres.find_programs() is None:
        pytest.skip(NO_POSTGRES)
    with postgres.cluster() as one:
        yield one


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "index.sqlite")
    found: str = request.getfixturevalue("cluster").create()
    return found


def bought(market: ServedMarket) -> int:
    """A new vault that bought two of five straddles that a maker offers."""
    maker = market.client(MAKER)
    desk = maker.vaults.open("ETH", deposit=5_000)
    offer = maker.orders.sign(desk, EXPIRY, ["call:200", "put:200"], "sell", 20, 5, good_for=10**6)
    return market.client(TRADER).orders.fill(offer, size=2, deposit=100)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file for a database."""
    return str(tmp_path / "index.sqlite")


@pytest.fixture
def databases() -> Iterator[Callable[[str], Database]]:
    """Opens databases that are closed at the end."""
    made: list[Database] = []

    def opened(place: str) -> Database:
        made.append(Database(place))
        return made[-1]

    yield opened
    for one in made:
        one.close()
