"""Connections and transactions: the two databases made to behave alike.

SQLite: WAL, ``synchronous=FULL`` (a commit survives a power cut, which the ledger's promise needs),
``BEGIN IMMEDIATE`` for writing, so that a reader never has to become a writer half-way (SQLITE_BUSY
without waiting). PostgreSQL: read committed, row locks where rows are claimed.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from digest.errors import StoreError

from .prepared import Grouped, Quick

if TYPE_CHECKING:
    from sqlalchemy.sql.selectable import TypedReturnsRows

T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another one; our longest transaction is planning, about 3 s a million."""

_CONNECTING = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c idle_in_transaction_session_timeout=60s",
}
"""Both ends give up a silent line after 25 s (libpq's defaults: two hours), so that the server lets go of
the locks of a host that vanished, and a sender whose server vanished looks for another. A host that froze
in a transaction loses it: a migration would wait for it, and everybody else for the migration."""


class Database:
    """An engine and the few things in which the databases differ."""

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(self.url.database) if self.is_sqlite and self.url.database else None
        options: dict[str, Any] = {}
        if not self.is_sqlite:
            given = {k: v for k, v in _CONNECTING.items() if k not in self.url.query}
            options = {"pool_pre_ping": True, "connect_args": given}
        elif self.path is None:
            options["poolclass"] = sa.StaticPool
        self.engine = sa.create_engine(self.url, **options)
        self._quick_engine = self.engine
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        else:
            # Without asking first whether the line still stands, and with BEGIN and COMMIT of our own: each
            # way there and back counts.
            how = {**options, "pool_pre_ping": False, "isolation_level": "AUTOCOMMIT"}
            how["paramstyle"] = "numeric_dollar"  # as PREPARE wants it
            self._quick_engine = sa.create_engine(self.url, **how)
            sa.event.listen(self._quick_engine, "connect", _prepare_quick)

    def close(self) -> None:
        self.engine.dispose()
        self._quick_engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One consistent view (on SQLite; read committed on PostgreSQL)."""
        with mapped_errors(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """All or nothing; committed and durable when the block is left without an exception."""
        with mapped_errors(), self.engine.connect() as bare:
            connection = bare.execution_options(digest_write=True)
            with connection.begin():
                yield connection

    def rows(self, query: sa.Executable, given: Mapping[str, Any] | None = None) -> Sequence[sa.Row[Any]]:
        """All that one query finds."""
        with self.read() as connection:
            return connection.execute(query, given).all()

    def column(self, query: "TypedReturnsRows[T]") -> Sequence[T]:
        """Of all that one query finds the first column."""
        with self.read() as connection:
            return connection.scalars(query).all()

    def value(self, query: "TypedReturnsRows[T]") -> T | None:
        """Of the first row that one query finds the first column."""
        with self.read() as connection:
            return connection.scalar(query)

    def change(self, statement: sa.Executable, given: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Run one statement, all or nothing; how many rows an update changed or a deletion took."""
        with self.write() as connection:
            return connection.execute(statement, given).rowcount

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that may leave or change what is there already; each dialect has its own."""
        return import_module(f"sqlalchemy.dialects.{self.engine.dialect.name}").insert(table)

    @contextmanager
    def quick_write(self) -> Iterator[Quick]:
        """As :meth:`write`, for :class:`~digest.store.prepared.Prepared` statements alone.

        A line that broke since it was used last is found out here, and another is tried the next time.
        """
        driver: Any = self._quick_engine.dialect.loaded_dbapi
        with mapped_errors(driver.Error), closing(self._quick_engine.raw_connection()) as connection:
            quick = (Quick if self.is_sqlite else Grouped)(connection, self._quick_engine.dialect)
            try:
                quick.say("BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN")
                yield quick
                quick.say("COMMIT")  # closing rolls back what was not committed
                quick.send()
            except driver.Error:
                if not self.is_sqlite:
                    connection.invalidate()
                raise

    def alone(self, connection: sa.Connection, what: str) -> None:
        """Wait until nobody else does *what*, until we commit. SQLite's writers are alone anyway."""
        if not self.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_key(what))))

    @property
    def conninfo(self) -> str:
        """How libpq is told of this database; only for PostgreSQL."""
        from psycopg.conninfo import make_conninfo

        _, how = self.engine.dialect.create_connect_args(self.url)
        return make_conninfo(**{**_CONNECTING, **{k: v for k, v in how.items() if k != "context"}})


class Noun:
    """Of a class that keeps one kind of thing in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def lock_key(name: str) -> int:
    """PostgreSQL names advisory locks by signed 64-bit numbers."""
    return int.from_bytes(hashlib.sha256(f"digest:{name}".encode()).digest()[:8], signed=True)


@contextmanager
def mapped_errors(also: type[Exception] = sa.exc.SQLAlchemyError) -> Iterator[None]:
    """SQLAlchemy's exceptions, and a driver's own, become :class:`StoreError`, with what to do."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, also) as problem:
        raise StoreError(_advice(problem)) from problem


_FULL = ("disk is full", "disk full", "No space left")


def _advice(problem: Exception) -> str:
    cause = str(getattr(problem, "orig", None) or problem).strip().splitlines()[0]
    known = {
        "locked": "another process is writing for too long: stop it, or try again",
        **dict.fromkeys(_FULL, "make room on the disk, then run again; nothing was lost"),
        "readonly database": "the database file or its folder cannot be written by this user",
        "unable to open": "the database's folder is missing or cannot be written by this user",
        "not a database": "this is not a Digest database: move it away, or name another with database.url",
        "malformed": "the database file is damaged: restore a backup",
        "disk I/O": "the disk failed: check it, then run again",
        "no such table": "the database is not prepared: run `digest migrate`",
        "does not exist": "the database is not prepared: run `digest migrate`, and check database.url",
        "terminating connection": "PostgreSQL was stopped: it is tried again when it is back",
        "onnection": "PostgreSQL cannot be reached: check database.url and that it runs",
    }
    for sign, advice in known.items():
        if sign in cause:
            return f"{cause}: {advice}"
    return cause


def _checked(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(_SEVERAL.sub(_hosts_apart, url))
    except (sa.exc.ArgumentError, ValueError) as problem:
        raise StoreError(
            "database.url cannot be read: sqlite:///var/digest.db or postgresql://…"
        ) from problem
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StoreError(f"database.url: {backend} is not supported; use sqlite:/// or postgresql://")
    if parsed.database in {None, "", ":memory:"}:
        return parsed.set(database=None)
    return parsed


_SEVERAL = re.compile(r"^(postgres[^:]*://(?:[^@/]*@)?)([^@/?]+,[^@/?]+)(/[^?]*)?\??")


def _hosts_apart(found: re.Match[str]) -> str:
    """libpq's ``//host:5432,host:5433/name`` the way SQLAlchemy wants several hosts: a parameter each."""
    hosts = "&".join(f"host={host}" for host in found[2].split(","))
    return f"{found[1]}{found[3] or '/'}?{hosts}&"


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the transactions are ours, see _begin_sqlite
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _prepare_quick(connection: Any, _record: object) -> None:
    """Plans are kept: one made while the table had a page would read all of it when it has a million."""
    connection.execute("SET enable_seqscan = off")


def _begin_sqlite(connection: sa.Connection) -> None:
    writing = connection.get_execution_options().get("digest_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
