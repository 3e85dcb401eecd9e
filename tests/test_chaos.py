"""Hosts of one installation while things go wrong: killed, frozen, cut off, their PostgreSQL crashed and lost.

``make chaos`` runs the longer form, of five hosts (DIGEST_CHAOS_S seconds of it, DIGEST_CHAOS_READERS).
"""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fleet import SLOT, Host, a_fleet, a_relay, add_readers, check_rate, until
from postgres import a_postgresql, configure
from sqlalchemy import make_url

from digest.model import DeliveryState
from digest.store import open_store

LONG = "DIGEST_CHAOS_S" in os.environ
SECONDS = float(os.environ.get("DIGEST_CHAOS_S", "0"))
READERS = int(os.environ.get("DIGEST_CHAOS_READERS", "2000"))
SERVES, WORKERS, PER_SECOND = (2, 3, 1200) if LONG else (0, 2, 250)
CONNECTIONS = 4


class Cluster:
    """A PostgreSQL of this test's own and its synchronous standby, each reached over a line that can be cut."""

    def __init__(self, server: Any, folder: Path) -> None:
        self.server = server
        self.standby = folder / "standby"
        self.sockets = [str(make_url(server.get_uri()).query["host"]), str(self.standby)]
        configure(server.get_uri(), fsync="off")
        self.command("pg_basebackup", "-R", "-c", "fast", "-d", self.server.get_uri())
        (self.standby / ".s.PGSQL.5432.lock").unlink()  # the primary's, copied
        # Its own standby is to come later; until then it must not wait for one.
        apart = f"-h '' -k {self.standby} -c synchronous_standby_names= -c wal_retrieve_retry_interval=200"
        self.command("pg_ctl", "start", "-w", "-o", apart, "-l", str(self.standby / "log"))
        configure(server.get_uri(), synchronous_standby_names="'*'")
        with psycopg.connect(self.server.get_uri(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE digest")
        self.has_failed_over = False

    def command(self, program: str, *words: str) -> None:
        """On the standby's folder, as the user PostgreSQL insists on."""
        user = self.server.system_user
        if not self.standby.exists():
            self.standby.mkdir(mode=0o700)
            if user:
                shutil.chown(self.standby, user)
        command = [self.server.bin_path / program, *words, "-D", str(self.standby)]
        subprocess.run(command, user=user, check=True, capture_output=True, cwd="/", timeout=60)

    @property
    def url(self) -> str:
        """Of the primary, whichever that is."""
        return f"postgresql://postgres@/digest?host={self.sockets[self.has_failed_over]}"

    @contextmanager
    def lines(self) -> Iterator[tuple[str, Callable[[int, float], None]]]:
        """The address of both, and what cuts the line to one for so many seconds."""
        upstream = [f"{socket}/.s.PGSQL.5432" for socket in self.sockets]
        command = [sys.executable, str(Path(__file__).with_name("cutting.py")), *upstream]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            hosts = ",".join(f"127.0.0.1:{port}" for port in process.stdout.readline().split())

            def cut(line: int, seconds: float) -> None:
                assert process.stdin is not None
                print(line, seconds, file=process.stdin, flush=True)

            try:
                yield f"postgresql://postgres@{hosts}/digest?target_session_attrs=read-write", cut
            finally:
                process.kill()

    def end_primary(self) -> None:
        process = self.server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        process.wait(20)

    def crash(self) -> None:
        """Down as by a fault of its own, and up again: what was committed is read back from the log."""
        self.end_primary()
        time.sleep(1)
        self.server.ensure_postgres_running()

    def fail_over(self) -> None:
        """The primary is gone for good, and the standby takes its place."""
        self.end_primary()
        self.command("pg_ctl", "promote", "-w")
        self.has_failed_over = True

    def close(self) -> None:
        self.command("pg_ctl", "stop", "-m", "immediate")


class Chaos:
    """Something goes wrong every second or so: everything once, then what is drawn."""

    def __init__(self, hosts: list[Host], cluster: Cluster, cut: Callable[[int, float], None]) -> None:
        self.hosts, self.cluster, self.cut_line = hosts, cluster, cut
        self.dice = random.Random(11)
        self.done: Counter[str] = Counter()

    async def reign(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        drawn = [self.kill, self.freeze, self.cut]
        turns = [*drawn, self.crash, self.fail_over]
        while turns or time.monotonic() < end:
            await asyncio.sleep(self.dice.uniform(0.3, 1.2))
            happens = turns.pop(0) if turns else self.dice.choice(drawn)
            self.done[happens.__name__] += 1
            await happens()
            self.revive()

    def revive(self) -> None:
        """As systemd does: who is started while there is no database ends, and is started again."""
        for host in self.hosts:
            if host.process is not None and host.process.poll() is not None:
                host.start()

    async def kill(self) -> None:
        host = self.dice.choice(self.hosts)
        await asyncio.to_thread(host.end, signal.SIGKILL)
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

    async def fail_over(self) -> None:
        await asyncio.to_thread(self.cluster.fail_over)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with a_postgresql() as (server, folder):
        made = Cluster(server, folder)
        yield made
        made.close()


@pytest.mark.timeout(1800)
async def test_whatever_goes_wrong_everybody_gets_one_edition(cluster: Cluster, tmp_path: Path) -> None:
    with open_store(cluster.url) as store:
        store.migrate()
        add_readers(store, READERS)
    how = {"serves": SERVES, "workers": WORKERS, "limit": f"per_second = {PER_SECOND}"}
    async with a_relay() as (port, taken):
        with (
            cluster.lines() as (url, cut),
            a_fleet(tmp_path, url, port, connections=CONNECTIONS, clock=SLOT, **how) as hosts,
        ):
            for host in hosts:
                host.start()
            await until(lambda: taken, seconds=120)
            chaos = Chaos(hosts, cluster, cut)
            await chaos.reign(SECONDS)
            with open_store(cluster.url) as store:
                assert LONG or not store.ledger.finished(1), "all mail was out before the failover"
                await until(lambda: chaos.revive() or store.ledger.finished(1), seconds=300 + SECONDS)
                codes = [await asyncio.to_thread(host.end) for host in hosts]
                counts = store.ledger.counts(1)
                held = {one.address for one in store.ledger.list(1, DeliveryState.HELD, limit=READERS)}
                editions = store.editions.list(9)
    copies = Counter(recipient for recipient, _, _ in taken)
    extras = sum(copies.values()) - len(copies)
    print(f"{dict(chaos.done)}: {READERS} readers, {extras} extras, {len(held)} held, {counts}")
    # One that was only being started knows no order yet.
    assert set(codes) <= {0, -signal.SIGTERM}
    assert [edition.slot for edition in editions] == [SLOT]
    assert set(copies) | held == {f"r{n}@readers.example.org" for n in range(READERS)}
    assert counts[DeliveryState.SENT] + len(held) == READERS
    assert extras <= chaos.done["kill"] * CONNECTIONS
    assert len({content for _, _, content in taken}) == len(copies), "a copy differs from its original"
    check_rate([at for _, at, _ in taken], PER_SECOND)
