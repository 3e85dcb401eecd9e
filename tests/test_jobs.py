"""Work that several hosts share: who does it, that it is done once, and that nothing of it is lost."""

import asyncio
import json
import mailbox
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from feed_server import Manner, Request, http, item, rss, serve
from fleet import CONFIG, SEED, SLOT, a_fleet, a_relay, add_readers, check_rate, until
from hostile_smtp import Hostile, serving
from running import digest
from test_bounces import dsn, path_of

from digest.config import write_defaults
from digest.errors import ConfigError
from digest.installation import Clock, find_config
from digest.jobs import Crew, _options, check_secret
from digest.mail.verp import make_return_path
from digest.model import ConsentState, DeliveryState
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


SERVER_RATE, DOMAIN_RATE = 24, 8
MORE = """
per_second = {SERVER_RATE}
[[schedules]]
id = "second"
every = "day"
at = "00:00"
[[schedules]]
id = "third"
every = "day"
at = "00:00"
[[domain_limits]]
domain = "slow.example.org"
per_second = {DOMAIN_RATE}
[[feeds]]
id = "tower"
url = "http://127.0.0.1:{port}/feed"
allow_private = true
[[feeds]]
id = "closed"
url = "http://127.0.0.1:{port}/closed"
allow_private = true
[bounces]
address = "bounces@digest.example.org"
mailbox = "{mailbox}"
[operator]
mail = "operator@digest.example.org"
"""
SCHEDULES = ("daily", "second", "third")


def push(admin: psycopg.Connection, kind: str, **arguments: str) -> None:
    """What the clock does every few minutes."""
    options = _options(kind, arguments)
    admin.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, args) VALUES (%s, %s, %s, %s, %s)",
        (options["queue"], kind, options["priority"], options["lock"], json.dumps(arguments)),
    )


async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(http(rss(item(0), item(1))) if request.path == "/feed" else http("", status="410 Gone"))


async def test_three_hosts_share_all_the_work_and_keep_the_rates(
    store: Store, postgresql_url: str, tmp_path: Path
) -> None:
    """Feeds, three editions, their mail within both limits, bounces, and a word to the operator: each once."""
    add_readers(store, 24, 12, domains=("readers.example.org", "slow.example.org"))
    for schedule in SCHEDULES:
        store.state.set(f"since:{schedule}", (SLOT - timedelta(hours=1)).isoformat())
        store.state.set_paused(schedule, True)
    returned = mailbox.Maildir(tmp_path / "returned")
    async with a_relay() as (port, taken), serve(Manner(name="127.0.0.1", answer=answer)) as feeds:
        more = MORE.format(
            SERVER_RATE=SERVER_RATE, DOMAIN_RATE=DOMAIN_RATE, port=feeds.port, mailbox=tmp_path / "returned"
        )
        fleet = a_fleet(tmp_path, postgresql_url, port, serves=2, workers=1, limit=more, clock=SLOT)
        with fleet as hosts, psycopg.connect(store.database.conninfo, autocommit=True) as admin:
            for host in hosts:
                host.start()
            lanes = "SELECT count(*) FROM procrastinate_workers"
            await until(lambda: admin.execute(lanes).fetchone() == (2 * len(hosts),), seconds=60)
            await until(
                lambda: {feed.id for feed in store.feeds.list() if feed.polled_at} == {"tower", "closed"}
            )
            for schedule in SCHEDULES:
                store.state.set_paused(schedule, False)
            push(admin, "tend")
            await until(lambda: len(taken) >= 36 * 3, seconds=60)
            await until(lambda: all(map(store.ledger.finished, (1, 2, 3))))

            [bounced] = store.ledger.list(2, DeliveryState.SENT, limit=1)
            path = make_return_path("bounces@digest.example.org", bounced.id, secret=b"x" * 40)
            returned.add(dsn(bounced.id).replace(path_of(bounced.id).encode(), path.encode()))
            push(admin, "bounces")
            push(admin, "notice")
            await until(lambda: store.subscribers.counts().get(ConsentState.BOUNCED) == 1)
            await until(lambda: [to for to, _, _ in taken].count("operator@digest.example.org") == 1)
            codes = [await asyncio.to_thread(host.end) for host in hosts]
        logged = [host.logged() for host in hosts]
    assert codes == [0, 0, 0]
    assert sorted((one.schedule, one.slot) for one in store.editions.list(9)) == [
        (s, SLOT) for s in SCHEDULES
    ]
    assert set(Counter(to for to, _, _ in taken if "readers" in to or "slow" in to).values()) == {3}
    assert len(taken) == 36 * 3 + 1
    assert all(any(line.startswith("delivered") for line in lines) for lines in logged), "one did it all"
    check_rate([at for _, at, _ in taken], SERVER_RATE)
    check_rate([at for to, at, _ in taken if "slow" in to], DOMAIN_RATE)
    lines = [line for found in logged for line in found]
    assert sum(line.startswith("slot schedule=") for line in lines) == 3
    assert not any("Traceback" in line or "readers.example.org" in line for line in lines)


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
            name: Runtime(found.model_copy(update={"secret": secret.encode()}), Clock(SLOT), stack)
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
