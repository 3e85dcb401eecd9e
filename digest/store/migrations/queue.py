"""Procrastinate's tables, on PostgreSQL: made and brought forward by the package's own SQL.

How far they are stands in the comment of its main table. A new release with migrations of its own
needs a revision of ours that calls :func:`bring` again; a test says so when one knows more than ``KNOWN``.
"""

from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa

from digest.errors import StoreError
from digest.store.database import Database

KNOWN = "03.04.00_50_post_add_retry_failed_job_procedure"
"""The newest of its migrations that our revisions reckon with: that of 3.10."""


def bring(connection: sa.Connection) -> None:
    """Make the tables, or bring them to where the installed package is; on SQLite there are none."""
    if connection.dialect.name != "postgresql":
        return
    folder, steps = _package()
    if connection.scalar(sa.text("SELECT to_regclass('procrastinate_jobs')")) is None:
        missing = [folder / "schema.sql"]
    else:
        at = connection.scalar(sa.text("SELECT obj_description('procrastinate_jobs'::regclass)")) or ""
        missing = [step for step in steps if step.stem > at]
    for step in missing:
        # Without parameters the driver sends the whole script as it is.
        script = step.read_text("utf-8")
        connection.exec_driver_sql(script, execution_options={"no_parameters": True})
    note = f"COMMENT ON TABLE procrastinate_jobs IS '{steps[-1].stem}'"
    connection.execute(sa.text(note.replace(":", r"\:")))


def check_still(database: Database) -> None:
    """Refuse a database that workers are at work on.

    Raises:
        StoreError: There are some; it says what to do.
    """
    if database.is_sqlite:
        return
    recent = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds'"
    if count := database.rows(sa.text(recent))[0][0]:
        where = database.url.render_as_string(hide_password=True)
        raise StoreError(f"{count} workers are at work on {where}: stop them, and wait half a minute")


def newest() -> str:
    """The last migration of the installed package."""
    return _package()[1][-1].stem


def _package() -> tuple[Path, list[Path]]:
    """Where its SQL lies, and its migrations in order; it is not imported for this."""
    found = find_spec("procrastinate")
    if found is None or not found.submodule_search_locations:
        raise StoreError("PostgreSQL needs more than is installed: pip install 'digest[postgresql]'")
    folder = Path(found.submodule_search_locations[0]) / "sql"
    return folder, sorted((folder / "migrations").glob("*.sql"))
