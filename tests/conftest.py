"""What many tests share: a migrated store on each database, and a PostgreSQL server for the session.

``DIGEST_TEST_POSTGRESQL`` names a running server instead (a superuser's address).
"""

import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from postgres import a_postgresql, configure
from sqlalchemy import make_url

from digest.store import Store, open_store
from digest.store.schema import metadata


def pytest_configure(config: pytest.Config) -> None:
    """Before 3.11.4 asyncio left a server's socket open when its TLS handshake failed, and warned later."""
    if sys.version_info < (3, 11, 4):
        config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Address of a PostgreSQL that lives as long as the tests."""
    if given := os.environ.get("DIGEST_TEST_POSTGRESQL"):
        yield given
        return
    with a_postgresql() as (server, _):
        configure(server.get_uri(), fsync="off", full_page_writes="off", synchronous_commit="off")
        yield server.get_uri()


@pytest.fixture(scope="session")
def postgresql_migrated(postgresql_server: str) -> Iterator[str]:
    """A migrated database that tests use one after the other: making one each would cost most of their time."""
    with _postgresql_database(postgresql_server) as url:
        _migrate(url)
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "digest.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own without any table, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'digest.db'}"
        return
    with _postgresql_database(request.getfixturevalue("postgresql_server")) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_migrated: str) -> Iterator[str]:
    """A migrated PostgreSQL database, empty."""
    yield postgresql_migrated
    tables = ", ".join(metadata.tables)
    with psycopg.connect(postgresql_migrated, autocommit=True) as admin:
        admin.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of the test's own."""
    shutil.copy(sqlite_template, tmp_path / "digest.db")
    return f"sqlite:///{tmp_path / 'digest.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of the test's own, once of each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the commands in *tmp_path* work on, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'var/digest.db'}"
    url = str(request.getfixturevalue("postgresql_url"))
    monkeypatch.setenv("DIGEST_DATABASE_URL", url)
    return url


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """The example: its configuration and its seeds."""
    root = Path(__file__).parents[1]
    shutil.copy(root / "config.toml", tmp_path)
    shutil.copytree(root / "seeds", tmp_path / "seeds")
    return tmp_path


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Migrated and empty, once on each database."""
    with open_store(store_url) as opened:
        yield opened


@pytest.fixture
def open_again(store_url: str) -> Iterator[Callable[[], Store]]:
    """More connections to the same database, as another process would have; closed at the end."""
    opened: list[Store] = []

    def another() -> Store:
        opened.append(open_store(store_url))
        return opened[-1]

    yield another
    for one in opened:
        one.close()


def _migrate(url: str) -> None:
    with open_store(url) as store:
        store.migrate()


@contextmanager
def _postgresql_database(server: str) -> Iterator[str]:
    name = f"digest_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
