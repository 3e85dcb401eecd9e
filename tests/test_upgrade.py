"""A newer version brings the tables further while mail goes out, and at last to where older code cannot follow."""

import asyncio
import shutil
import signal
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from fleet import ROOT, SLOT, a_fleet, a_relay, add_readers, until
from running import Ran, digest
from stored import frozen_edition

from digest.model import DeliveryState
from digest.store import migrations, open_store

READERS = 800
LIMIT = "per_second = 40"

ADDING = """
from alembic import op
import sqlalchemy as sa

revision, down_revision = "0099", "NEWEST"


def upgrade():
    op.add_column("deliveries", sa.Column("relay", sa.Text(), nullable=False, server_default=""))
    op.create_table("relays", sa.Column("name", sa.Text(), primary_key=True))
    op.create_index("ix_deliveries_relay", "deliveries", ["relay"])
"""
BREAKING = """
from alembic import op

revision, down_revision = "0100", "0099"


def upgrade():
    op.drop_table("wishes")
"""


class Versions:
    """Copies of the program with other forms of the tables, and their ``digest migrate``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch

    def make(self, name: str, **forms: str) -> Path:
        root = self.folder / name
        shutil.copytree(ROOT / "digest", root / "digest", ignore=shutil.ignore_patterns("__pycache__"))
        (root / "templates").symlink_to(ROOT / "templates")
        versions = root / "digest/store/migrations/versions"
        for form, text in forms.items():
            (versions / f"{form[1:]}_later.py").write_text(text.replace("NEWEST", migrations.newest()))
        return root

    async def migrate(self, root: Path, installation: Path) -> Ran:
        with self.monkeypatch.context() as patch:
            patch.setattr(migrations, "HERE", root / "digest/store/migrations")
            return await asyncio.to_thread(digest, installation, "migrate")


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
async def test_mail_goes_out_through_every_upgrade(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = Versions(tmp_path, monkeypatch)
    later = versions.make("later", _0099=ADDING)
    last = versions.make("last", _0099=ADDING, _0100=BREAKING)
    with open_store(empty_url) as store, psycopg.connect(empty_url, autocommit=True) as admin:
        store.migrate()
        add_readers(store, READERS)
        store.slots.add("daily", [SLOT], now=SLOT)
        assert store.ledger.plan(frozen_edition(store, slot=SLOT), now=SLOT) == READERS
        async with a_relay() as (port, taken):
            hosts_of = a_fleet(tmp_path, empty_url, port, serves=0, workers=2, limit=LIMIT, clock=SLOT)
            with hosts_of as (old, new):
                monkeypatch.setenv("DIGEST_DATABASE_URL", empty_url)

                async def more(count: int = 5) -> None:
                    enough = len(taken) + count
                    await until(lambda: len(taken) >= enough, seconds=60)
                    assert store.ledger.backlog(now=SLOT, most=1), "all mail is out: this shows nothing"

                old.start()
                await more()
                # A newer version adds to them: what runs goes on.
                added = await versions.migrate(later, new.folder)
                assert f"from form {migrations.newest()} to 0099" in added.stderr
                await more()
                # One that the older cannot work with has to wait for it...
                refused = await versions.migrate(last, new.folder)
                assert refused.returncode == 1 and "workers are at work" in refused.stderr
                await more()
                # ...but not for one that seems dead; when that wakes up it stops by itself and loses nothing.
                old.tell(signal.SIGSTOP)
                admin.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
                assert "from form 0099 to 0100" in (await versions.migrate(last, new.folder)).stderr
                old.tell(signal.SIGCONT)
                assert await asyncio.to_thread(old.process.wait, 40) == 1
                assert "upgrade Digest on this machine" in old.log.read_text("utf-8")
                assert store.ledger.backlog(now=SLOT, most=1)
                new.code = last
                config = new.folder / "config.toml"
                config.write_text(config.read_text("utf-8").replace(LIMIT, ""), "utf-8")
                new.start()
                await until(lambda: store.ledger.finished(1), seconds=60)
                assert await asyncio.to_thread(new.end) == 0
        assert store.ledger.counts(1) == {DeliveryState.SENT: READERS}
    assert Counter(recipient for recipient, _, _ in taken) == Counter(
        f"r{n}@readers.example.org" for n in range(READERS)
    )
