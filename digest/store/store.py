"""Opening, preparing and backing up the database."""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Self

from digest.errors import StoreError

from .articles import Articles
from .database import Database, mapped_errors
from .editions import Editions
from .feeds import Feeds
from .ledger import Ledger
from .owners import Owners
from .slots import Slots
from .state import State
from .subscribers import Subscribers
from .wishes import Wishes


class Store:
    """Every noun over one database. Open with :func:`open_store`; close it, or use ``with``."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.articles = Articles(database)
        self.editions = Editions(database)
        self.slots = Slots(database)
        self.subscribers = Subscribers(database)
        self.wishes = Wishes(database, self.subscribers)
        self.ledger = Ledger(database)
        self.state = State(database)
        self.feeds = Feeds(database)
        self.owners = Owners(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    def migrate(self) -> None:
        """Bring the tables to this version's form; nothing to do when they are."""
        from .migrations import create, is_current, upgrade

        with mapped_errors():
            if not is_current(self.database) and not create(self.database):
                upgrade(self.database)

    def prune(self, *, before: datetime) -> dict[str, int]:
        """Forget what is older: articles nobody quoted, rows of finished editions, a model's answers.

        Returns how many of each.

        Editions, their excerpts and counts, consent and suppressions are kept.
        """
        return {
            "articles": self.articles.prune(before=before),
            "deliveries": self.ledger.prune(before=before),
            "answers": self.state.prune(before=before),
        }

    def backup(self, path: Path) -> None:
        """Copy the running database to a new file, consistent as of one moment (SQLite's online backup)."""
        import sqlite3

        if self.database.path is None:
            raise StoreError("backup copies SQLite databases; use pg_dump for PostgreSQL")
        if path.exists():
            raise StoreError(f"{path} exists: name a new file")
        unfinished = path.with_name(f".{path.name}.part")
        try:
            with (
                closing(sqlite3.connect(self.database.path)) as source,
                closing(sqlite3.connect(unfinished)) as copy,
            ):
                source.backup(copy, pages=4096)
            unfinished.replace(path)
        except (sqlite3.Error, OSError) as problem:
            raise StoreError(f"{path}: the backup could not be written: {problem}") from problem
        finally:
            unfinished.unlink(missing_ok=True)


def open_store(url: str) -> Store:
    """Connect to ``sqlite:///FILE`` or ``postgresql://…``; makes a missing folder of a SQLite file."""
    database = Database(url)
    if database.path is not None:
        try:
            database.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreError(f"{database.path.parent}: cannot be made: {problem.strerror}") from problem
    return Store(database)
