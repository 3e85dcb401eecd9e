"""Connections, transactions and owners: the two databases made to behave alike.

SQLite: WAL, ``synchronous=FULL`` (a commit survives a power cut, which the ledger's promise needs),
``BEGIN IMMEDIATE`` for writing, so that a reader never has to become a writer half-way (SQLITE_BUSY
without waiting). PostgreSQL: read committed, row locks where rows are claimed.
"""

import fcntl
import hashlib
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from digest.errors import StoreError

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another one; our longest transaction is planning, about 3 s a million."""

GRACE_S = 20.0
"""How long the lock of a sender on another host must have been free before he counts as gone.

A restarted server or a cut line takes the lock from one who lives; he takes it again within ``LOOK_S``.
"""
LOOK_S = 5.0

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
_OWNER = re.compile(r"(.+)-(\d+)-[0-9a-f]{8}")
_HELD: set[str] = set()
"""The owners registered in this process."""


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
        if not self.is_sqlite:
            # Without asking first whether the line still stands, and with BEGIN and COMMIT of our own: each
            # way there and back counts.
            how = {**options, "pool_pre_ping": False, "isolation_level": "AUTOCOMMIT"}
            how["paramstyle"] = "numeric_dollar"  # as PREPARE wants it
            self._quick_engine = sa.create_engine(self.url, **how)
            sa.event.listen(self._quick_engine, "connect", _prepare_quick)
        self._free_since: dict[str, float] = {}
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)

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

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that may leave or change what is there already; each dialect has its own."""
        return import_module(f"sqlalchemy.dialects.{self.engine.dialect.name}").insert(table)

    @contextmanager
    def quick_write(self) -> Iterator["Quick"]:
        """As :meth:`write`, for :class:`Prepared` statements alone.

        A line that broke since it was used last is found out here, and another is tried the next time.
        """
        driver: Any = self._quick_engine.dialect.loaded_dbapi
        try:
            with mapped_errors(), closing(self._quick_engine.raw_connection()) as connection:
                quick = (Quick if self.is_sqlite else _Grouped)(connection, self._quick_engine.dialect)
                try:
                    quick.say("BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN")
                    yield quick
                    quick.say("COMMIT")  # closing rolls back what was not committed
                    quick.send()
                except driver.Error:
                    if not self.is_sqlite:
                        connection.invalidate()
                    raise
        except driver.Error as problem:
            raise StoreError(_advice(problem)) from problem

    def alone(self, connection: sa.Connection, what: str) -> None:
        """Wait until nobody else does *what*, until we commit. SQLite's writers are alone anyway."""
        if not self.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_key(what))))

    @contextmanager
    def owner(self) -> Iterator[str]:
        """Register a sender: a name no other has, provably gone once this process is.

        SQLite: a locked file beside the database. PostgreSQL: a session advisory lock on a connection
        of its own. The operating system or the server lets go of both however the process dies.
        """
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        with ExitStack() as stack:
            if self.path is not None:
                stack.enter_context(_locked_file(self._owner_file(name)))
            elif not self.is_sqlite:
                stack.enter_context(self._advisory_lock(name))
            _HELD.add(name)
            stack.callback(_HELD.discard, name)
            yield name

    def owner_gone(self, name: str) -> bool:
        """True when the owner is dead as far as can be told; False when alive or when nobody can tell."""
        if name in _HELD:
            return False
        if self.path is not None:
            return _is_unlocked(self._owner_file(name))
        if self.is_sqlite:
            return True
        with self.read() as connection:
            # The lock of the transaction is gone with it: asking leaves nothing behind.
            free = connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_lock_key(name))))
        if not free:
            self._free_since.pop(name, None)
            return False
        since = self._free_since.setdefault(name, time.monotonic())
        return _is_dead_here(name) or time.monotonic() - since >= GRACE_S

    @property
    def conninfo(self) -> str:
        """How libpq is told of this database; only for PostgreSQL."""
        from psycopg.conninfo import make_conninfo

        _, how = self.engine.dialect.create_connect_args(self.url)
        return make_conninfo(**{**_CONNECTING, **{k: v for k, v in how.items() if k != "context"}})

    def _owner_file(self, name: str) -> Path:
        assert self.path is not None
        safe = "".join(c if c.isalnum() or c in "-." else "_" for c in name)
        return self.path.with_name(f"{self.path.name}-owners") / safe

    @contextmanager
    def _advisory_lock(self, name: str) -> Iterator[None]:
        """Hold a lock of a session of its own, taken again whenever that session is lost."""
        ended = threading.Event()
        with mapped_errors():
            session = self._locked_session(name)

        def keep() -> None:
            nonlocal session
            while not ended.wait(LOOK_S):
                try:
                    session = session or self._locked_session(name)
                    if session:
                        session.execute(sa.select(1))
                except sa.exc.SQLAlchemyError:
                    _end(session)
                    session = None
            _end(session)

        keeper = threading.Thread(target=keep, name=f"owner {name}", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join(LOOK_S)  # longer only while the line is dead, and then the lock is gone anyway

    def _locked_session(self, name: str) -> sa.Connection | None:
        """None while the server has not noticed yet that our last session is gone."""
        session = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            if session.scalar(sa.select(sa.func.pg_try_advisory_lock(_lock_key(name)))):
                return session
        except sa.exc.SQLAlchemyError:
            _end(session)
            raise
        _end(session)
        return None


def _end(session: sa.Connection | None) -> None:
    """End a session and whatever it holds, instead of giving it back to the pool."""
    if session is not None:
        with suppress(sa.exc.SQLAlchemyError):
            session.invalidate()
            session.close()


def _is_dead_here(name: str) -> bool:
    """The owner was a process of this host, and is none any more; a name that no owner bears counts, too."""
    parts = _OWNER.fullmatch(name)
    if parts is None:
        return True
    host, pid = parts[1], int(parts[2])
    if host != socket.gethostname():
        return False
    if pid == os.getpid():
        return True  # of ours, and not held any more
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return False


class Prepared:
    """A statement compiled once, and run by the driver alone.

    For what is done for every message: there SQLAlchemy's share would be several times the database's.
    Values go in and come out as the driver has them.
    """

    _numbers = count()

    def __init__(self, statement: Any) -> None:
        self.name = f"digest_{next(self._numbers)}"
        self._statement = statement
        self._compiled: dict[str, tuple[str, Sequence[str], dict[str, Any]]] = {}

    def compiled(self, dialect: sa.Dialect) -> tuple[str, Sequence[str], dict[str, Any]]:
        """The text, the order of its parameters, and those that are always the same."""
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect)
            given = {name: value for name, value in compiled.params.items() if value is not None}
            fixed = {name: value.value if isinstance(value, Enum) else value for name, value in given.items()}
            self._compiled[dialect.name] = str(compiled), compiled.positiontup or (), fixed
        return self._compiled[dialect.name]


class Quick:
    """A transaction on the driver's own connection."""

    def __init__(self, connection: Any, dialect: sa.Dialect) -> None:
        self._driver = connection.driver_connection
        self._known: dict[Any, Any] = connection.info
        self.dialect = dialect

    def say(self, text: str, values: Sequence[Any] = ()) -> Any:
        """The cursor, to fetch from, or to count by when the transaction is over."""
        return self._driver.execute(text, values)

    def run(self, statement: Prepared, **values: Any) -> Any:
        """As :meth:`say`."""
        text, order, fixed = statement.compiled(self.dialect)
        told = fixed | values
        return self._put(statement.name, text, [told[name] for name in order])

    def send(self) -> None:
        """Nothing waits."""

    def _put(self, name: str, text: str, values: Sequence[Any]) -> Any:
        return self.say(text, values)


class _Grouped(Quick):
    """On PostgreSQL statements line up and go out as one message, with the COMMIT or when rows are fetched.

    So a transaction costs one way there and back, one write and one wake-up on either side: libpq's
    pipeline mode, as psycopg drives it, sends each statement by itself. What goes out as one message is a
    transaction by itself, too: BEGIN and COMMIT are said only where rows are fetched between them.
    """

    def __init__(self, connection: Any, dialect: sa.Dialect) -> None:
        super().__init__(connection, dialect)
        self._texts: list[str] = []
        self._values: list[Any] = []
        self._waiting: list[_Ran] = []

    def say(self, text: str, values: Sequence[Any] = ()) -> Any:
        self._texts.append(text)
        self._values += values
        self._waiting.append(_Ran(self))
        return self._waiting[-1]

    def _put(self, name: str, text: str, values: Sequence[Any]) -> Any:
        if name not in self._known:
            self._driver.execute(f"PREPARE {name} AS {text}")
            self._known[name] = True
        return self.say(f"EXECUTE {name} ({', '.join(['%s'] * len(values))})", values)

    def send(self) -> None:
        from psycopg import ClientCursor

        if self._texts[0] == "BEGIN" and self._texts[-1] == "COMMIT":
            self._texts, self._waiting = self._texts[1:-1], self._waiting[1:-1]
        if not self._texts:
            return
        with ClientCursor(self._driver) as cursor:
            cursor.execute("; ".join(self._texts), self._values)
            for ran, _ in zip(self._waiting, cursor.results(), strict=True):
                ran.rowcount = cursor.rowcount
                ran.rows = cursor.fetchall() if cursor.description else []
        self._texts, self._values, self._waiting = [], [], []


@dataclass(slots=True)
class _Ran:
    """What became of a statement, once it has been sent."""

    group: _Grouped
    rowcount: int = -1
    rows: Sequence[Any] = ()

    def fetchall(self) -> Sequence[Any]:
        self.group.send()
        return self.rows


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Drivers' exceptions become :class:`StoreError`, with what to do."""
    try:
        yield
    except sa.exc.SQLAlchemyError as problem:
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


def _lock_key(name: str) -> int:
    """PostgreSQL names advisory locks by signed 64-bit numbers."""
    return int.from_bytes(hashlib.sha256(f"digest:{name}".encode()).digest()[:8], signed=True)


@contextmanager
def _locked_file(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _is_unlocked(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            return True
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
