"""An installation's data from one database to another, SQLite or PostgreSQL, and the proof that it arrived.

Every table in the order of its key, a page a transaction, so memory stays bounded and a copy that was
killed goes on where it was. Jobs are not copied: they are made again from what is.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import islice, zip_longest
from typing import Any

import sqlalchemy as sa

from digest.errors import StoreError

from .database import Database, mapped_errors
from .schema import metadata
from .schema import state as facts

PAGE = 500
"""Rows a transaction, and in memory; those of an edition may be 100 kB each, most are 100 bytes."""
MARK = "copied from"
"""The fact that stands in a target until it is whole and checked."""

OnProgress = Callable[[str, int, int], None]
"""Told of a table's name, how many of its rows are done, and of how many in all."""


def copy(
    source: Database,
    target: Database,
    *,
    leaving_out: Collection[str] = (),
    on_progress: OnProgress = lambda *_: None,
) -> dict[str, int]:
    """Copy every table, or go on where a copy was cut off; how many rows each has. Both are migrated.

    Args:
        leaving_out: Tables that are not wanted, for a copy to try things on.

    Raises:
        StoreError: The target holds other data.
    """
    _claim(source, target)
    counts = {}
    for table in metadata.sorted_tables:
        if table.name not in leaving_out:
            counts[table.name] = _copy_table(source, target, table, on_progress)
            _go_on_counting(target, table)
    return counts


def compare(source: Database, target: Database, *, on_progress: OnProgress = lambda *_: None) -> None:
    """Compare every row of a copy with its source, and let go of the target when they are alike.

    Raises:
        StoreError: They are not: something was written to either meanwhile.
    """
    for table in metadata.sorted_tables:
        _compare_table(source, target, table, _count(source, table), on_progress)
    target.change(sa.delete(facts).where(facts.c.key == MARK))


def _claim(source: Database, target: Database) -> None:
    """Mark the target as the copy of this source, or find the mark of a copy that was cut off."""
    mark = source.url.render_as_string(hide_password=True)
    if source.url == target.url:
        raise StoreError("a database cannot be copied onto itself: name another with --to")
    with target.write() as connection:
        known = connection.scalar(sa.select(facts.c.value).where(facts.c.key == MARK))
        if known == mark:
            return
        if known is not None:
            raise StoreError(f"the target holds a copy of {known} that was cut off: take an empty database")
        for table in metadata.sorted_tables:
            if connection.execute(sa.select(table).limit(1)).first():
                raise StoreError(f"the target holds data already (in {table.name}): take an empty database")
        connection.execute(sa.insert(facts).values(key=MARK, value=mark))


def _copy_table(source: Database, target: Database, table: sa.Table, on_progress: OnProgress) -> int:
    """Copy what is not there yet; how many rows the source has."""
    total, done = _count(source, table), _count(target, table)
    with _stream(source, table, skip=done) as rows:
        while page := list(islice(rows, PAGE)):
            # What is there already may come again after a cut; the comparison sees what differs.
            insert = target.insert(table).on_conflict_do_nothing()
            target.change(insert, [dict(row._mapping) for row in page])
            done += len(page)
            on_progress(f"copying {table.name}", done, total)
    return total


def _compare_table(
    source: Database, target: Database, table: sa.Table, total: int, on_progress: OnProgress
) -> None:
    """Row by row in the order of the key."""
    with _stream(source, table) as ours, _stream(target, table) as theirs:
        for done, (one, other) in enumerate(zip_longest(ours, theirs), 1):
            if one != other:
                found = (one or other)._mapping
                at = ", ".join(f"{column.name}={found[column.name]!r}" for column in table.primary_key)
                raise StoreError(
                    f"{table.name} is not the same in both ({at}): stop everything that writes to the "
                    "source, and copy again into an empty database"
                )
            if done % PAGE == 0:
                on_progress(f"comparing {table.name}", done, total)


@contextmanager
def _stream(database: Database, table: sa.Table, skip: int = 0) -> Iterator[Iterator[sa.Row[Any]]]:
    """Rows by key, a page of them in memory at a time."""
    with mapped_errors(), database.engine.connect() as bare, bare.begin():
        connection = bare.execution_options(yield_per=PAGE)
        keys = [_bytewise(connection, column) for column in table.primary_key]
        with connection.execute(_but_mark(table).order_by(*keys).offset(skip)) as rows:
            yield iter(rows)


def _but_mark(table: sa.Table) -> sa.Select[Any]:
    query = sa.select(table)
    return query.where(facts.c.key != MARK) if table is facts else query


def _bytewise(connection: sa.Connection, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Text in the order of its bytes, as SQLite has it, whatever the language of the database."""
    is_text = isinstance(column.type, sa.Text) and connection.dialect.name == "postgresql"
    return sa.collate(column, "C") if is_text else column


def _count(database: Database, table: sa.Table) -> int:
    return database.value(sa.select(sa.func.count()).select_from(_but_mark(table).subquery())) or 0


def _go_on_counting(target: Database, table: sa.Table) -> None:
    """The next row gets the next number; SQLite looks for itself."""
    column = table.autoincrement_column
    if target.is_sqlite or column is None:
        return
    last = sa.select(sa.func.max(column)).scalar_subquery()
    sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
    with target.write() as connection:
        connection.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(last, 1), last.is_not(None))))
