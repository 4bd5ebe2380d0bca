"""Many rows at once into a table.

PostgreSQL gets them by COPY: as statements of one row each they cost its server twice as much CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import DBAPIError

Row = Mapping[str, Any]


def put(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Adds rows, which name the same columns, to a table; nothing when there are none.

    Raises:
        SQLAlchemyError: The database takes them not.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        connection.execute(insert(table), list(rows))


def _copy(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    dialect = connection.dialect
    quoted = dialect.identifier_preparer
    columns = [(name, _bound(table, name, connection)) for name in rows[0]]
    names = ", ".join(quoted.quote(name) for name, _ in columns)
    statement = f"copy {quoted.format_table(table)} ({names}) from stdin"
    # the transaction begins here if it has not yet
    if not connection.in_transaction():
        connection.begin()
    held: Any = connection.connection
    assert dialect.dbapi is not None
    try:
        with held.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([row[name] if bound is None else bound(row[name]) for name, bound in columns])
    except dialect.dbapi.Error as error:
        lost = dialect.is_disconnect(error, held.driver_connection, None)
        raise DBAPIError.instance(
            statement, None, error, dialect.dbapi.Error, connection_invalidated=lost, dialect=dialect
        ) from error


def _bound(table: Table, name: str, connection: Connection) -> Callable[[Any], Any] | None:
    """What turns a value of a column into the driver's; None where it stays as it is."""
    dialect = connection.dialect
    return table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
