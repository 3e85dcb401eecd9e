"""Opening, migrating, failing, owning and copying a database."""

import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from stored import HOUR, NOW, article, edition

from digest.errors import StoreError
from digest.store import Store, migrations, open_store
from digest.store.database import Database
from digest.store.migrations import is_current, newest, queue
from digest.store.schema import Moment

ADDING = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0098", "NEWEST"


def upgrade():
    op.add_column("articles", sa.Column("mood", sa.Text(), nullable=False, server_default="calm"))
"""


def test_a_new_form_is_reached_from_the_last_and_only_once(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moods(store: Store) -> list[str]:
        return list(store.database.column(sa.text("SELECT mood FROM articles")))

    with open_store(empty_url) as store:
        store.migrate()
        store.articles.save(article(), sketch=(1,), now=NOW)
        later = shutil.copytree(migrations.HERE, tmp_path / "migrations")
        (later / "versions" / "0098_mood.py").write_text(ADDING.replace("NEWEST", newest()))
        monkeypatch.setattr(migrations, "HERE", later)
        assert not is_current(store.database)
        store.migrate()
        assert is_current(store.database) and moods(store) == ["calm"]
        migrations.upgrade(store.database)
        assert store.articles.count() == 1


def test_a_database_of_the_first_form_gets_what_a_new_one_has(empty_url: str) -> None:
    with open_store(empty_url) as store:
        store.migrate()
        before = sa.inspect(store.database.engine).get_columns("deliveries")
        with store.database.write() as connection:
            connection.execute(sa.text("ALTER TABLE deliveries DROP COLUMN unbegun"))
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '0005'"))
        store.migrate()
        found = sa.inspect(store.database.engine).get_columns("deliveries")
        assert is_current(store.database) and str(found) == str(before)


def test_the_tables_of_another_version_are_used_or_left_alone(store: Store) -> None:
    store.database.change(sa.text("UPDATE alembic_version SET version_num = '0099'"))
    store.migrate()
    assert is_current(store.database)
    store.database.change(sa.text("UPDATE alembic_version SET version_num = '0100'"))
    try:
        with pytest.raises(StoreError, match="upgrade Digest on this machine"):
            store.migrate()
        store.database.change(sa.text("UPDATE alembic_version SET version_num = '0003'"))
        with pytest.raises(StoreError, match="from before the first release"):
            store.migrate()
    finally:
        store.database.change(sa.text("UPDATE alembic_version SET version_num = :n"), {"n": newest()})


def test_the_queue_has_no_migrations_we_do_not_know() -> None:
    """When this fails: a revision that calls ``queue.bring``, and ``KNOWN``."""
    assert queue.newest() == queue.KNOWN


def test_the_queue_is_brought_forward_by_its_own_migrations(postgresql_url: str) -> None:
    with open_store(postgresql_url) as store, store.database.write() as connection:
        comment = "SELECT obj_description('procrastinate_jobs'::regclass)"
        assert connection.scalar(sa.text(comment)) == queue.KNOWN
        before = queue._package()[1][-2].stem
        connection.exec_driver_sql(f"COMMENT ON TABLE procrastinate_jobs IS '{before}'")
        queue.bring(connection)
        assert connection.scalar(sa.text(comment)) == queue.KNOWN
        connection.rollback()


def test_a_database_that_was_never_prepared_says_what_to_do(empty_url: str) -> None:
    with open_store(empty_url) as store, pytest.raises(StoreError, match="digest migrate"):
        store.articles.count()


@pytest.mark.parametrize("url", ["mysql://somewhere/digest", "not an address", "var/digest.db"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(StoreError, match=r"database\.url"):
        open_store(url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "digest.db"
    path.write_text("notes to myself " * 1000)
    with open_store(f"sqlite:///{path}") as store, pytest.raises(StoreError, match="not a Digest database"):
        store.migrate()


def test_a_server_that_is_not_there_is_a_store_error() -> None:
    unreachable = open_store("postgresql://nobody@127.0.0.1:1/digest")
    with unreachable as store, pytest.raises(StoreError, match="cannot be reached"):
        store.articles.count()


def test_the_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'var' / 'deep' / 'digest.db'}") as store:
        store.migrate()
        assert store.state.get("nothing", "here") == "here"


def test_sqlite_commits_survive_a_power_cut(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store, store.database.read() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert settings == ["wal", 2, 1]


def test_a_database_locked_for_too_long_is_a_store_error(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.store.database.BUSY_TIMEOUT_MS", 50)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with open_store(sqlite_url) as store:
        with pytest.raises(StoreError, match="another process is writing"):
            store.state.set("key", "value")
        other.execute("ROLLBACK")
        other.close()
        store.state.set("key", "value")
        assert store.state.get("key") == "value"


def test_a_full_disk_is_a_store_error_and_nothing_is_half_written(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store:
        store.articles.save(article(), sketch=(), now=NOW)
        with store.database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="make room on the disk"):
            store.articles.save(article("long", "长" * 500_000), sketch=(), now=NOW)
        assert store.articles.count() == 1
        assert store.articles.find("seeds/long") is None


END_OTHERS = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def test_a_server_that_closes_our_connections_costs_one_call_at_most(postgresql_url: str) -> None:
    with open_store(postgresql_url) as store, open_store(postgresql_url) as admin, store.owners.register():
        store.state.set("key", "value")
        admin.database.rows(END_OTHERS)
        assert store.state.get("key") == "value"


def test_times_without_a_zone_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="without a zone"):
        store.articles.save(article(), sketch=(), now=datetime(2026, 3, 2))  # noqa: DTZ001


def test_times_keep_their_microseconds(store: Store) -> None:
    moment = NOW.replace(microsecond=123_457)
    table = sa.Table("moments", sa.MetaData(), sa.Column("at", Moment), prefixes=["TEMPORARY"])
    with store.database.write() as connection:
        table.create(connection)
        connection.execute(sa.insert(table).values(at=moment))
        assert connection.scalar(sa.select(table.c.at)) == moment


def test_an_owner_is_gone_only_once_it_is(store: Store, open_again: Callable[[], Store]) -> None:
    other = open_again()
    with store.owners.register() as mine, other.owners.register() as theirs:
        assert mine != theirs
        assert not store.owners.is_gone(mine)
        assert not store.owners.is_gone(theirs)
        assert not other.owners.is_gone(mine)
    assert store.owners.is_gone(theirs)
    assert other.owners.is_gone(mine)
    assert other.owners.is_gone("host-1-never-was")


def test_a_killed_owner_is_gone_at_once(store: Store, store_url: str) -> None:
    program = (
        "import sys; from digest.store import open_store\n"
        "with open_store(sys.argv[1]).owners.register() as name: print(name, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, store_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        name = process.stdout.readline().strip()
        assert name
        assert not store.owners.is_gone(name)
        process.kill()
        process.wait()
    for _ in range(100):  # PostgreSQL notices a closed connection a moment later
        if store.owners.is_gone(name):
            return
    raise AssertionError("still held")


def test_an_owner_whose_line_was_cut_takes_its_lock_again(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.store.owners.LOOK_S", 0.05)
    monkeypatch.setattr("digest.store.owners._HELD", set())  # as another process would see it
    monkeypatch.setattr("digest.store.owners._is_dead_here", lambda _: False)
    with open_store(postgresql_url) as store, open_store(postgresql_url) as other:
        with store.owners.register() as name:
            monkeypatch.setattr("digest.store.owners._HELD", set())
            for _ in range(3):
                other.database.rows(END_OTHERS)
                assert not other.owners.is_gone(name), "a lost lock is not believed at once"
                until(lambda: not other.owners.is_gone(name) and not other.owners._free_since)
        monkeypatch.setattr("digest.store.owners.GRACE_S", 0.1)
        until(lambda: other.owners.is_gone(name))


def until(true: Callable[[], object], *, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "never came true"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        (
            "postgresql://u:p@h1:5432,h2:5433/db?target_session_attrs=read-write",
            "host=h1,h2 .*port=5432,5433",
        ),
        ("postgresql://h1,h2/db", "host=h1,h2"),
        ("postgresql://u@h/db?keepalives_idle=99", "keepalives_idle=99"),
    ],
)
def test_how_servers_are_named(url: str, hosts: str) -> None:
    parts = " ".join(sorted(Database(url).conninfo.split()))
    assert "dbname=db" in parts
    assert re.search(hosts, parts), parts


def test_a_backup_is_a_whole_database(sqlite_url: str, tmp_path: Path) -> None:
    with open_store(sqlite_url) as store:
        store.articles.save(article(), sketch=(1, 2), now=NOW)
        store.editions.freeze(edition(article()), now=NOW)
        store.backup(tmp_path / "copy.db")
        with pytest.raises(StoreError, match="exists"):
            store.backup(tmp_path / "copy.db")
        original = store.editions.get(1)
    with open_store(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert copy.editions.get(1) == original
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_backup_to_nowhere_leaves_nothing(sqlite_url: str, tmp_path: Path) -> None:
    with open_store(sqlite_url) as store, pytest.raises(StoreError, match="could not be written"):
        store.backup(tmp_path / "missing" / "copy.db")


def test_backup_of_postgresql_names_its_own_tool(postgresql_url: str, tmp_path: Path) -> None:
    with open_store(postgresql_url) as store, pytest.raises(StoreError, match="pg_dump"):
        store.backup(tmp_path / "copy.db")


def test_pruning_says_what_it_forgot(store: Store) -> None:
    store.articles.save(article(), sketch=(1,), now=NOW)
    assert store.prune(before=NOW) == {"articles": 0, "deliveries": 0, "answers": 0}
    assert store.prune(before=NOW + HOUR) == {"articles": 1, "deliveries": 0, "answers": 0}
