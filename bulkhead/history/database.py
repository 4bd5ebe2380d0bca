"""A database of the past: opened, brought to this package's version, held by one writer, its failures in sentences."""

from __future__ import annotations

import fcntl
import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InvalidatePoolError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from bulkhead.chain.errors import BadInput, BulkheadError

#: Where the scripts of migrations are.
MIGRATIONS = Path(__file__).parent / "migrations"
#: How long a statement waits for another program's lock [seconds].
PATIENCE = 10.0
#: A connection to PostgreSQL that rested for longer is tried before it is used, for its server may be gone [seconds].
RESTED = 1.0
#: Name of the lock in PostgreSQL, beside which the name of the schema would be the same for every database.
LOCK = int.from_bytes(hashlib.sha256(b"bulkhead index").digest()[:7], "big")


class HistoryError(BulkheadError):
    """The database does not do what it should."""


class Busy(HistoryError):
    """Another indexer writes into the database."""


def url_of(place: str) -> URL:
    """A database by its URL, or by the path of a file.

    Raises:
        BadInput: It is neither.
    """
    if not place or "\0" in place:
        raise BadInput(f"{place!r} is neither the path of a file nor the URL of a database.")
    if "://" not in place:
        return URL.create("sqlite", database=place)
    try:
        url = make_url(place)
        url.get_backend_name()
    except (ArgumentError, ValueError):
        raise BadInput("The URL of the database cannot be read; it looks like postgresql://user@host/name.") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise BadInput(f"Databases are SQLite and PostgreSQL, not {url.get_backend_name()}.")
    return url


def name_of(url: URL) -> str:
    """What sentences call a database: the file, or the URL without what is nobody's business."""
    if url.get_backend_name() == "sqlite":
        return url.database or "in memory"
    # a password may stand among the options too
    shown = url.set(drivername="postgresql", query={k: v for k, v in url.query.items() if k in ("host", "port")})
    return shown.render_as_string(hide_password=True)


def sentence(error: SQLAlchemyError | OSError, name: str) -> HistoryError:
    """What went wrong with a database, for people."""
    cause = getattr(error, "orig", None) or error
    words = " ".join(str(cause).split())
    if "database is locked" in words or "due to lock timeout" in words:
        return HistoryError(f"The database {name} is locked by another program; nothing was lost, try again.")
    if "disk is full" in words or "No space left" in words:
        return HistoryError(f"There is no room for the database {name}: {words}. Nothing was lost; make room, go on.")
    if isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error, OperationalError)):
        return HistoryError(f"The database {name} does not answer: {words}.")
    return HistoryError(f"The database {name} refused: {words}.")


class Database:
    """Where the past is kept.

    Attributes:
        engine: Connections.
        name: What sentences call it, without a password.
    """

    def __init__(self, place: str, readers: int = 10) -> None:
        self.url = url_of(place)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.name = name_of(self.url)
        options: dict[str, Any] = {"pool_size": readers}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": PATIENCE, "check_same_thread": False}
        else:
            options["connect_args"] = {"connect_timeout": int(PATIENCE)}
        try:
            self.engine: Engine = create_engine(self.url, **options)
        except (NoSuchModuleError, ImportError) as error:
            raise BadInput(f"The driver of {self.name} is missing: install bulkhead[history] ({error}).") from None
        except (ArgumentError, TypeError, ValueError) as error:
            raise BadInput(f"The URL of the database cannot be used: {error}.") from None
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare)
            self._quick = self.engine
        else:
            event.listen(self.engine, "connect", _be_patient)
            event.listen(self.engine, "checkin", _rest)
            event.listen(self.engine, "checkout", self._try_rested)
            # a question is one statement: to begin and to end a transaction around it are two more round trips
            self._quick = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def _try_rested(self, connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        """Makes sure of a connection that comes out of the pool; when it is dead all that rest there are replaced.

        To try each of them each time would be a round trip for every question.
        """
        if time.monotonic() - record.info.get("rests_since", math.inf) < RESTED:
            return
        dialect = self.engine.dialect
        assert dialect.dbapi is not None
        try:
            dialect.do_ping(connection)
        except dialect.dbapi.Error as error:
            raise InvalidatePoolError from error

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Failures of the database inside become sentences."""
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise sentence(error, self.name) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that reads; each of its statements sees what is committed then."""
        with self.guarded(), self._quick.connect() as connection:
            yield connection

    @contextmanager
    def read_one_state(self) -> Iterator[Connection]:
        """A connection all of whose statements see the same state, whatever an indexer writes meanwhile."""
        with self.guarded(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("begin")
            else:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    # --- versions ---------------------------------------------------------------------------------------------

    def _config(self) -> Config:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        return config

    @property
    def newest_version(self) -> str:
        """The version of this package."""
        head = ScriptDirectory.from_config(self._config()).get_current_head()
        assert head is not None
        return head

    def _version(self, connection: Connection) -> str | None:
        found = MigrationContext.configure(connection).get_current_revision()
        if found is None and inspect(connection).get_table_names():
            raise HistoryError(f"The database {self.name} belongs to another program: it has tables and no version.")
        if found is not None:
            known = {s.revision for s in ScriptDirectory.from_config(self._config()).walk_revisions()}
            if found not in known:
                raise HistoryError(
                    f"The database {self.name} is of version {found}, which this package does not know "
                    f"(its own is {self.newest_version}): update the package, or index into another database."
                )
        return found

    def migrate(self, connection: Connection) -> None:
        """Brings the tables to this package's version; a new database gets them.

        Raises:
            HistoryError: It is of a version unknown here, or another program's.
        """
        if self._version(connection) == self.newest_version:
            connection.rollback()
            return
        config = self._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()

    def require_current(self) -> None:
        """Makes sure that readers understand what is there.

        Raises:
            HistoryError: There is nothing, or it is of another version.
        """
        if self.is_sqlite and not Path(self.url.database or "").is_file():
            raise HistoryError(f"There is no database at {self.url.database}: `bulkhead index run` makes one.")
        with self.read() as connection:
            found = self._version(connection)
        if found is None:
            raise HistoryError(f"The database {self.name} is empty: `bulkhead index run` fills it.")
        if found != self.newest_version:
            raise HistoryError(
                f"The database {self.name} is of version {found}, this package's is {self.newest_version}: "
                "`bulkhead index run` brings it up to date."
            )

    # --- the one writer ---------------------------------------------------------------------------------------

    @contextmanager
    def writer(self) -> Iterator[Connection]:
        """The connection that writes, of the only indexer of this database.

        In PostgreSQL the lock is that of this very connection, so who loses it can write no more.

        Raises:
            Busy: There is another.
            HistoryError: The database does not answer.
        """
        held: IO[str] | None = None
        try:
            if self.is_sqlite:
                held = self._hold_file()
            with self.guarded(), self.engine.connect() as connection:
                if not self.is_sqlite:
                    got = connection.execute(text("select pg_try_advisory_lock(:key)"), {"key": LOCK}).scalar()
                    connection.commit()
                    if not got:
                        raise self._busy()
                try:
                    self.migrate(connection)
                    yield connection
                finally:
                    self._let_go(connection)
        finally:
            if held is not None:
                held.close()

    def _let_go(self, connection: Connection) -> None:
        """Ends a writer's session: what is not committed is lost, and another indexer may begin at once."""
        if not self.is_sqlite:
            # a server notices only after a while that a session is gone
            with suppress(SQLAlchemyError):
                connection.rollback()
                connection.execute(text("select pg_advisory_unlock(:key)"), {"key": LOCK})
                connection.commit()
        # the lock is the session's: one that went back to the pool would keep it
        connection.invalidate()

    def _hold_file(self) -> IO[str] | None:
        """Locks a file beside a database file; the system lets go of it when the process ends, however it ends."""
        place = self.url.database
        if not place or place == ":memory:":
            return None
        try:
            found = Path(f"{place}.lock").open("a")  # noqa: SIM115 - held until the writer ends
        except (OSError, ValueError) as error:
            raise HistoryError(f"There can be no database at {place}: {error}.") from None
        try:
            fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            found.close()
            raise self._busy() from None
        return found

    def _busy(self) -> Busy:
        return Busy(f"Another indexer writes into {self.name}; two would undo each other's work.")


def _prepare(connection: Any, _record: object) -> None:
    """Readers and the writer of a file do not wait for each other; a commit outlives its process."""
    cursor = connection.cursor()
    cursor.execute("pragma journal_mode=wal")
    cursor.execute("pragma synchronous=normal")
    cursor.execute("pragma cache_size=-32000")
    cursor.close()


def _be_patient(connection: DBAPIConnection, _record: object) -> None:
    """A statement does not wait for ever for another program's lock."""
    cursor = connection.cursor()
    cursor.execute(f"set lock_timeout = {round(1000 * PATIENCE)}")
    cursor.close()
    connection.commit()


def _rest(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    """A connection goes back to the pool."""
    record.info["rests_since"] = time.monotonic()
