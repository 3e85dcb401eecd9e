"""Senders by name, each provably gone once its process is.

SQLite: a locked file beside the database. PostgreSQL: a session advisory lock on a connection of its own.
The operating system or the server lets go of both however the process dies.
"""

import fcntl
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import sqlalchemy as sa

from .database import Database, lock_key, mapped_errors

GRACE_S = 20.0
"""How long the lock of a sender on another host must have been free before he counts as gone.

A restarted server or a cut line takes the lock from one who lives; he takes it again within ``LOOK_S``.
"""
LOOK_S = 5.0

_OWNER = re.compile(r"(.+)-(\d+)-[0-9a-f]{8}")
_HELD: set[str] = set()
"""The owners registered in this process."""


class Owners:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._free_since: dict[str, float] = {}

    @contextmanager
    def register(self) -> Iterator[str]:
        """Be a sender: a name no other has, to claim under, held until the block is left."""
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        with self._lock(name):
            _HELD.add(name)
            try:
                yield name
            finally:
                _HELD.discard(name)

    def is_gone(self, name: str) -> bool:
        """True when the owner is dead as far as can be told; False when alive or when nobody can tell."""
        if name in _HELD:
            return False
        if self._database.is_sqlite:
            return self._database.path is None or _is_unlocked(_file(self._database.path, name))
        with self._database.read() as connection:
            # The lock of the transaction is gone with it: asking leaves nothing behind.
            free = connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(lock_key(name))))
        if not free:
            self._free_since.pop(name, None)
            return False
        since = self._free_since.setdefault(name, time.monotonic())
        return _is_dead_here(name) or time.monotonic() - since >= GRACE_S

    def _lock(self, name: str) -> AbstractContextManager[None]:
        if not self._database.is_sqlite:
            return _advisory_lock(self._database.engine, name)
        path = self._database.path
        return _locked_file(_file(path, name)) if path else nullcontext()


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


def _file(database: Path, name: str) -> Path:
    safe = "".join(c if c.isalnum() or c in "-." else "_" for c in name)
    return database.with_name(f"{database.name}-owners") / safe


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


@contextmanager
def _advisory_lock(engine: sa.Engine, name: str) -> Iterator[None]:
    """Hold a lock of a session of its own, taken again whenever that session is lost."""
    ended = threading.Event()
    with mapped_errors():
        session = _locked_session(engine, name)

    def keep() -> None:
        nonlocal session
        while not ended.wait(LOOK_S):
            try:
                session = session or _locked_session(engine, name)
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


def _locked_session(engine: sa.Engine, name: str) -> sa.Connection | None:
    """None while the server has not noticed yet that our last session is gone."""
    session = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        if session.scalar(sa.select(sa.func.pg_try_advisory_lock(lock_key(name)))):
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
