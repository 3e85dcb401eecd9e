"""How a database gets from one version's tables to the next's: Alembic, run from the program itself.

The forms of one hundred (0005 to 0099, say) only add to each other: tables, and columns that need no value.
So a version goes on working when a newer one has brought the tables further within its hundred, which is how
hosts are upgraded one by one. A form that older code could not work on opens the next hundred (0100); all
workers are stopped for it, and older ones stop by themselves.
"""

from pathlib import Path

import sqlalchemy as sa

from digest.errors import OutdatedError
from digest.store.database import Database, mapped_errors
from digest.store.schema import metadata

from . import queue

HERE = Path(__file__).parent


def is_current(database: Database) -> bool:
    """Whether every migration of this version has run; costs one query, Alembic is not imported."""
    return (revision(database) or "") >= newest()


def revision(database: Database) -> str | None:
    """The last migration that has run; None where there are no tables yet.

    Raises:
        OutdatedError: It is one that this version cannot work with.
    """
    with mapped_errors(), database.engine.connect() as connection, connection.begin():
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    if found and found < _forms()[0]:
        raise OutdatedError(
            f"the database is of form {found}, from before the first release: take its readers along with "
            "`digest subscribers export` of the version that made it, then begin with an empty database"
        )
    if found and found > newest() and _hundred(found) != _hundred(newest()):
        raise OutdatedError(
            f"a newer version of Digest has brought the database to form {found}, and this one cannot work "
            f"with what comes after {newest()}: upgrade Digest on this machine, then start it again"
        )
    return found


def newest() -> str:
    """The last revision; files are named by it, in order: ``0005_start.py``."""
    return _forms()[-1]


def _forms() -> list[str]:
    return sorted(path.name.split("_")[0] for path in (HERE / "versions").glob("[0-9]*_*.py"))


def create(database: Database) -> bool:
    """Make every table where there is none yet, in the newest form; False where there are."""
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
    """Run what is missing, in one transaction; a second process waits and finds it done.

    Raises:
        StoreError: Workers are at work that could not work with the new tables.
    """
    from alembic import command
    from alembic.config import Config

    before = revision(database)
    if before and _hundred(before) != _hundred(newest()):
        queue.check_still(database)
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with database.write() as connection:
        database.alone(connection, "migrate")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _hundred(form: str) -> str:
    return form[:-2]
