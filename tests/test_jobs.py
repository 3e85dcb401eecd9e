"""Work that several hosts share: who does it, that it is done once, and that nothing of it is lost."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from fleet import CONFIG, SEED, SLOT, a_fleet, add_readers, until
from hostile_smtp import Hostile, serving
from running import digest

from digest.config import write_defaults
from digest.errors import ConfigError
from digest.installation import Clock, find_config
from digest.jobs import Crew, check_secret
from digest.model import DeliveryState
from digest.runtime import Runtime
from digest.store import Store, open_store


@pytest.fixture
def store(postgresql_url: str) -> Iterator[Store]:
    with open_store(postgresql_url) as opened:
        yield opened
    with psycopg.connect(postgresql_url, autocommit=True) as admin:
        admin.execute(
            "TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_periodic_defers CASCADE"
        )


def jobs(store: Store) -> list[tuple[str, str, str]]:
    with psycopg.connect(store.database.conninfo) as connection:
        query = (
            "SELECT task_name, status::text, coalesce(queueing_lock, '') FROM procrastinate_jobs ORDER BY id"
        )
        return connection.execute(query).fetchall()  # type: ignore[return-value]


async def test_two_serves_and_a_worker_make_one_edition_and_mail_everybody_once(
    store: Store, postgresql_url: str, tmp_path: Path
) -> None:
    add_readers(store, 40)
    async with serving(Hostile()) as relay:
        clock = SLOT - timedelta(seconds=2)
        with a_fleet(tmp_path, postgresql_url, relay.port, serves=2, workers=1, clock=clock) as hosts:
            for host in hosts:
                host.start()
            await until(lambda: len(relay.messages) >= 40 and store.ledger.finished(1), seconds=60)
            codes = [await asyncio.to_thread(host.end) for host in hosts]
        assert codes == [0, 0, 0]
        logged = [line for host in hosts for line in host.logged()]
    assert Counter(relay.recipients()) == Counter(f"r{n}@readers.example.org" for n in range(40))
    assert [edition.slot for edition in store.editions.list(9)] == [SLOT]
    assert sum(line.startswith("slot schedule=daily") for line in logged) == 1
    assert not any("Traceback" in line or "readers.example.org" in line for line in logged)


class Installation:
    """One in this process, with its crew's lanes as tasks."""

    def __init__(self, folder: Path, url: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        secret = folder / "secret.key"
        secret.write_text("x" * 40)
        secret.chmod(0o600)
        (folder / "seeds").mkdir()
        (folder / "seeds/tea.txt").write_text(SEED, "utf-8")
        config = CONFIG.format(port=port, connections=4, limit="", secret=secret)
        (folder / "config.toml").write_text(config, "utf-8")
        monkeypatch.setenv("DIGEST_DATABASE_URL", url)
        monkeypatch.setattr("digest.jobs.TEND_S", 1)
        found = find_config(folder / "config.toml")
        assert found is not None
        self.sync, self.stack = ExitStack(), AsyncExitStack()
        self.runtime = Runtime(found, Clock(SLOT), self.sync, lasting=True)
        self.stop = asyncio.Event()

    async def __aenter__(self) -> "Installation":
        transport = await self.runtime.mail.open_transport(self.stack)

        async def way_out() -> object:
            return transport

        crew = Crew(self.runtime, way_out, self.stop)  # type: ignore[arg-type]
        self.tasks = [asyncio.ensure_future(lane()) for lane in crew.lanes().values()]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.stack.aclose()
        self.sync.close()


async def test_lost_and_orphaned_jobs_are_made_again(
    store: Store, postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vanished worker's job holds the lock of the schedule; the queue is emptied under the others' feet."""
    monkeypatch.setattr("digest.jobs.STALLED_S", 1.0)
    add_readers(store, 20)
    with psycopg.connect(postgresql_url, autocommit=True) as admin:
        admin.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
        admin.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id)"
            " SELECT 'editions', 'publish', 'publish daily', 'publish daily', '{\"schedule\": \"daily\"}',"
            " 'doing', id FROM procrastinate_workers"
        )
        async with (
            serving(Hostile()) as relay,
            Installation(tmp_path, postgresql_url, relay.port, monkeypatch),
        ):
            await until(lambda: ("publish", "doing", "publish daily") not in jobs(store))
            admin.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
            await until(lambda: len(relay.messages) == 20 and store.ledger.finished(1))
    assert store.ledger.counts(1) == {DeliveryState.SENT: 20}


def test_a_host_with_another_secret_is_refused(
    tmp_path: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_defaults(tmp_path)
    monkeypatch.setenv("DIGEST_DATABASE_URL", postgresql_url)
    found = find_config(tmp_path / "config.toml")
    assert found is not None
    secrets = {"ours": "x" * 40, "theirs": "y" * 40}
    with ExitStack() as stack:
        hosts = {
            name: Runtime(replace(found, secret=secret.encode()), Clock(SLOT), stack)
            for name, secret in secrets.items()
        }
        for _ in range(2):
            check_secret(hosts["ours"])
        with pytest.raises(ConfigError, match=r"copy theirs"):
            check_secret(hosts["theirs"])
        assert digest(tmp_path, "migrate", "--new-secret").returncode == 0
        check_secret(hosts["theirs"])


def test_a_worker_needs_a_server_and_knows_its_queues(tmp_path: Path) -> None:
    write_defaults(tmp_path)
    alone = digest(tmp_path, "worker")
    assert alone.returncode == 2
    assert "needs PostgreSQL" in alone.stderr
    unknown = digest(tmp_path, "worker", "--queues", "mail,letters")
    assert unknown.returncode == 2
    assert "letters" in unknown.stderr
