"""Connections, transactions and owners: the two databases made to behave alike.

SQLite: WAL, ``synchronous=FULL`` (a commit survives a power cut, which the ledger's promise needs),
``BEGIN IMMEDIATE`` for writing, so that a reader never has to become a writer half-way (SQLITE_BUSY
without waiting). PostgreSQL: read committed, row locks where rows are claimed.
"""

import hashlib
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from digest.errors import StoreError

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another one; our longest transaction is planning, about 3 s a million."""


class Database:
    """An engine and the few things in which the databases differ."""

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(self.url.database) if self.is_sqlite and self.url.database else None
        options: dict[str, Any] = {"pool_pre_ping": True} if not self.is_sqlite else {}
        if self.is_sqlite and self.path is None:
            options["poolclass"] = sa.StaticPool
        self.engine = sa.create_engine(self.url, **options)
        self._held: set[str] = set()
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)

    def close(self) -> None:
        self.engine.dispose()

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
            self._held.add(name)
            stack.callback(self._held.discard, name)
            yield name

    def owner_gone(self, name: str) -> bool:
        """True when the owner is provably dead; False when alive or when nobody can tell."""
        if name in self._held:
            return False
        if self.path is not None:
            return _is_unlocked(self._owner_file(name))
        if self.is_sqlite:
            return True
        with self.read() as connection:
            # The lock of the transaction is gone with it: asking leaves nothing behind.
            return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_lock_key(name)))))

    def _owner_file(self, name: str) -> Path:
        assert self.path is not None
        safe = "".join(c if c.isalnum() or c in "-." else "_" for c in name)
        return self.path.with_name(f"{self.path.name}-owners") / safe

    @contextmanager
    def _advisory_lock(self, name: str) -> Iterator[None]:
        with mapped_errors(), self.engine.connect() as bare:
            connection = bare.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(sa.select(sa.func.pg_advisory_lock(_lock_key(name))))
            try:
                yield
            finally:
                connection.invalidate()  # ends the session, and with it the lock


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Drivers' exceptions become :class:`StoreError`, with what to do."""
    try:
        yield
    except sa.exc.SQLAlchemyError as problem:
        raise StoreError(_advice(problem)) from problem


def _advice(problem: sa.exc.SQLAlchemyError) -> str:
    cause = str(getattr(problem, "orig", None) or problem).strip().splitlines()[0]
    known = {
        "locked": "another process is writing for too long: stop it, or try again",
        "disk is full": "make room on the disk, then run again; nothing was lost",
        "disk full": "make room on the database's disk, then run again; nothing was lost",
        "No space left": "make room on the disk, then run again; nothing was lost",
        "readonly database": "the database file or its folder cannot be written by this user",
        "unable to open": "the database's folder is missing or cannot be written by this user",
        "not a database": "this is not a Digest database: check database.url",
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
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as problem:
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


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the transactions are ours, see _begin_sqlite
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writing = connection.get_execution_options().get("digest_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _lock_key(name: str) -> int:
    """PostgreSQL names advisory locks by signed 64-bit numbers."""
    return int.from_bytes(hashlib.sha256(f"digest:{name}".encode()).digest()[:8], signed=True)


@contextmanager
def _locked_file(path: Path) -> Iterator[None]:
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _is_unlocked(path: Path) -> bool:
    import fcntl

    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            return True
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
