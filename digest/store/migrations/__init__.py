"""How a database gets from one version's tables to the next's: Alembic, run from the program itself."""

from pathlib import Path

import sqlalchemy as sa

from digest.errors import StoreError
from digest.store.database import Database
from digest.store.schema import metadata

from . import queue

HERE = Path(__file__).parent


def is_current(database: Database) -> bool:
    """Whether the newest migration has run; costs one query, Alembic is not imported."""
    return revision(database) == newest()


def revision(database: Database) -> str | None:
    """The last migration that has run; None where there are no tables yet.

    Raises:
        StoreError: It is one that this version does not know.
    """
    with database.engine.connect() as connection, connection.begin():
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    if found and found > newest():
        raise StoreError(
            f"a newer version of Digest has brought the database to form {found}, this one knows {newest()}: "
            "upgrade Digest on this machine; what already runs may go on"
        )
    return found


def newest() -> str:
    """The last revision; files are named by it, in order: ``0001_start.py``."""
    return max(path.name.split("_")[0] for path in (HERE / "versions").glob("[0-9]*_*.py"))


def create(database: Database) -> bool:
    """Make every table where there is none yet (the migrations lead to the same); False where there are."""
    with database.write() as connection:
        database.alone(connection, "migrate")
        if not metadata.tables.keys().isdisjoint(sa.inspect(connection).get_table_names()):
            return False
        metadata.create_all(connection)
        queue.bring(connection)
        connection.execute(
            sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        )
        connection.execute(sa.text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": newest()})
    return True


def upgrade(database: Database) -> None:
    """Run what is missing, in one transaction; a second process waits and finds it done."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with database.write() as connection:
        database.alone(connection, "migrate")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
