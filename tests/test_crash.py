"""Senders under SIGKILL and SIGTERM, a full disk, a crashed PostgreSQL: nobody is lost, extras stay few.

Here a sender is forked, so that it starts at once. In the longer form, ``make crash KILLS=1000``
(DIGEST_CRASH_KILLS), it is ``digest send --resume`` as a person starts it.
"""

import asyncio
import contextlib
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
import pytest
from fleet import CONFIG
from hostile_smtp import Hostile, serving
from sending import a_letter, with_readers
from sqlalchemy import make_url, text

from digest.deliver import Policy, Sender
from digest.mail.smtp import SmtpTransport
from digest.mail.transport import Server
from digest.model import DeliveryState
from digest.store import Store, open_store

CONNECTIONS = 8
LONG = "DIGEST_CRASH_KILLS" in os.environ
KILLS = int(os.environ.get("DIGEST_CRASH_KILLS", "40"))
ROOT = Path(__file__).parents[1]


def a_sender(url: str, port: int, uncertain: str, lease_s: float = 1800) -> None:
    """What a sender's process does: deliver until nothing is due; stop in good order on SIGTERM."""

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        server = Server(host="127.0.0.1", port=port, security="none", connections=CONNECTIONS)
        out = SmtpTransport([server])
        policy = Policy(uncertain=uncertain, patience_s=0.1, batch=100, lease_s=lease_s)  # type: ignore[arg-type]
        with open_store(url) as store, store.owners.register() as owner:
            sender = Sender(
                store.ledger, a_letter, out,
                owner=owner, policy=policy, owner_gone=store.owners.is_gone, stop=stop,
            )  # fmt: skip
            await sender.run()
        await out.close()

    asyncio.run(run())


class Command(subprocess.Popen[bytes]):
    """``digest send --resume`` in a folder of its own."""

    def __init__(self, folder: Path, url: str, port: int, uncertain: str) -> None:
        policy, secret = f'[delivery]\nuncertain = "{uncertain}"', folder / "secret"
        settings = CONFIG.format(port=port, connections=CONNECTIONS, limit=policy, secret=secret)
        (folder / "config.toml").write_text(settings, "utf-8")
        environ = {**os.environ, "DIGEST_DATABASE_URL": url, "DIGEST_SECRET": "x" * 40}
        words = [sys.executable, "-m", "digest", "send", "--resume"]
        super().__init__(words, cwd=folder, env=environ, stderr=subprocess.DEVNULL)

    def join(self, timeout: float | None = None) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(timeout)

    @property
    def exitcode(self) -> int | None:
        return self.poll()


Process = BaseProcess | Command


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Process]]:
    """Start a sender. Those with a lease of their own are forked in the longer form, too."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["test_crash", "aiosmtplib", "sqlalchemy.dialects.sqlite", "psycopg"])
    folder = tmp_path_factory.mktemp("home")

    def start(url: str, port: int, uncertain: str, *lease_s: float) -> Process:
        if LONG and not lease_s:
            return Command(folder, url, port, uncertain)
        process = context.Process(target=a_sender, args=(url, port, uncertain, *lease_s), daemon=True)
        process.start()
        return process

    with pytest.MonkeyPatch.context() as patch:  # the fork server does not get our sys.path otherwise
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, sys.path)]))
        yield start


@dataclass
class Hunter(Hostile):
    """A server that takes mail, and at a moment drawn for each sender kills it.

    Half of them between the final dot and the reply: the message is taken and the sender cannot know.
    """

    dice: random.Random = field(default_factory=lambda: random.Random(7))
    prey: Process | None = None
    after: int = 0
    aimed: bool = True

    def hunt(self, prey: Process, *, most: int) -> None:
        self.prey, self.after = prey, len(self.messages) + self.dice.randint(1, most)
        self.aimed = self.dice.random() < 0.5

    def next(self, step: str) -> str:
        if self.prey is not None and len(self.messages) >= self.after:
            prey, self.prey = self.prey, None
            if self.aimed:
                prey.kill()
            else:
                asyncio.get_running_loop().call_later(self.dice.uniform(0, 0.02), prey.kill)
        return super().next(step)


async def ended(process: Process) -> int | None:
    await asyncio.to_thread(process.join, 60)
    return process.exitcode


def clients(store: Store) -> int:
    """Connections to the database, on PostgreSQL."""
    if store.database.is_sqlite:
        return 0
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with store.database.read() as connection:
        return int(connection.execute(text(query)).scalar_one())


async def killed_again_and_again(
    store: Store, url: str, start: Callable[..., Process], *, readers: int, kills: int, uncertain: str
) -> tuple[Hunter, int]:
    """Kill sender after sender, then let one finish; the server's record, and the uncertain rows seen."""
    number = with_readers(store, readers)
    uncertain_rows = 0
    async with serving(Hunter()) as server:
        assert isinstance(server, Hunter)
        for _ in range(kills):
            ours = clients(store)
            process = start(url, server.port, uncertain)
            server.hunt(process, most=max(2, readers // kills - CONNECTIONS))
            assert await ended(process) == -signal.SIGKILL
            async with asyncio.timeout(30):
                while clients(store) > ours:  # noqa: ASYNC110 - PostgreSQL does what the killed had asked
                    await asyncio.sleep(0.01)
            on_wire = store.ledger.counts(number).get(DeliveryState.WIRE, 0)
            assert on_wire <= CONNECTIONS
            uncertain_rows += on_wire
        process = start(url, server.port, uncertain)
        assert await ended(process) == 0
    assert store.ledger.finished(number)
    return server, uncertain_rows


@pytest.mark.timeout(600 + 10 * KILLS)
async def test_killed_senders_lose_nobody_and_repeat_no_more_than_was_on_the_wire(
    store: Store, store_url: str, start: Callable[..., Process]
) -> None:
    kills, readers = KILLS, 50 * KILLS
    server, uncertain = await killed_again_and_again(
        store, store_url, start, readers=readers, kills=kills, uncertain="resend"
    )
    counts = Counter(server.recipients())
    parked = {d.address for d in store.ledger.list(1, DeliveryState.HELD, limit=readers)}
    assert {f"r{n}@readers.example.org" for n in range(readers)} == set(counts) | parked
    extras = sum(counts.values()) - len(counts)
    assert extras <= uncertain <= kills * CONNECTIONS
    assert len({content for _, _, content in server.messages}) == len(counts), (
        "a copy differs from its original"
    )
    print(
        f"{kills} kills, {readers} readers: 0 lost, {extras} extras, {uncertain} uncertain, {len(parked)} parked"
    )


@pytest.mark.timeout(600)
async def test_with_hold_killed_senders_repeat_nothing(
    store: Store, store_url: str, start: Callable[..., Process]
) -> None:
    readers, kills = 200, 5
    server, uncertain = await killed_again_and_again(
        store, store_url, start, readers=readers, kills=kills, uncertain="hold"
    )
    held = {d.address for d in store.ledger.list(1, DeliveryState.HELD, limit=readers)}
    assert len(held) == uncertain
    assert max(Counter(server.recipients()).values()) == 1
    assert {f"r{n}@readers.example.org" for n in range(readers)} == set(server.recipients()) | held


@pytest.mark.timeout(600)
async def test_sigterm_loses_and_repeats_nothing(
    store: Store, store_url: str, start: Callable[..., Process]
) -> None:
    number = with_readers(store, 300)
    async with serving(Hostile()) as server:
        for _ in range(4):
            before = len(server.messages)
            process = start(store_url, server.port, "resend")
            while len(server.messages) < before + 20:
                server.seen.clear()
                await server.seen.wait()
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            assert await ended(process) == 0
            left = store.ledger.counts(number)
            assert not {DeliveryState.WIRE, DeliveryState.LEASED, DeliveryState.UNKNOWN} & set(left)
        process = start(store_url, server.port, "resend")
        assert await ended(process) == 0
    assert Counter(server.recipients()) == Counter(f"r{n}@readers.example.org" for n in range(300))
    assert store.ledger.finished(number)


class Freezer(Hostile):
    """A server that stops a sender's process between its final dot and the reply."""

    prey: Process | None = None
    frozen: asyncio.Event

    def next(self, step: str) -> str:
        if step == "END" and self.prey is not None and len(self.messages) >= 30:
            prey, self.prey = self.prey, None
            os.kill(prey.pid or 0, signal.SIGSTOP)
            self.frozen.set()
        return super().next(step)


@pytest.mark.timeout(600)
async def test_a_sender_frozen_past_its_lease_and_its_successor_lose_nobody(
    store: Store, store_url: str, start: Callable[..., Process]
) -> None:
    number = with_readers(store, 200)
    async with serving(Freezer()) as server:
        assert isinstance(server, Freezer)
        server.frozen = asyncio.Event()
        server.prey = first = start(store_url, server.port, "resend", 2.0)
        await server.frozen.wait()
        await asyncio.sleep(2.1)
        second = start(store_url, server.port, "resend", 2.0)
        # Frozen inside a transaction it holds SQLite's lock, and its successor can only wait for it.
        await asyncio.to_thread(second.join, 1.5)
        os.kill(first.pid or 0, signal.SIGCONT)
        assert await ended(second) == 0
        assert await ended(first) == 0
    assert store.ledger.counts(number) == {DeliveryState.SENT: 200}
    counts = Counter(server.recipients())
    assert len(counts) == 200 and sum(counts.values()) - 200 <= CONNECTIONS
    assert len({content for _, _, content in server.messages}) == 200


@contextmanager
def a_small_disk(folder: Path) -> Iterator[Callable[[Process], Callable[[], None]]]:
    """A file system of 4 MB, where we may mount one; gives what fills it, which gives what makes room.

    Elsewhere a limit for the size of the sender's files stands for it.
    """
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "small", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0

    def fill(process: Process) -> Callable[[], None]:
        if mounted:
            filler = folder / "filler"
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
            return filler.unlink
        limits = resource.prlimit(process.pid or 0, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        return lambda: resource.prlimit(process.pid or 0, resource.RLIMIT_FSIZE, limits) and None

    try:
        yield fill
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_nothing_is_sent_while_the_disk_is_full(tmp_path: Path, start: Callable[..., Process]) -> None:
    with a_small_disk(tmp_path) as fill:
        url = f"sqlite:///{tmp_path / 'digest.db'}"
        with open_store(url) as store:
            store.migrate()
            number = with_readers(store, 400)
            async with serving(Hostile()) as server:
                process = start(url, server.port, "resend")
                while len(server.messages) < 50:
                    server.seen.clear()
                    await server.seen.wait()
                make_room = fill(process)
                await asyncio.sleep(0.2)
                sent = len(server.messages)
                await asyncio.sleep(0.5)
                assert len(server.messages) == sent < 400
                make_room()
                assert await ended(process) == 0
            assert Counter(server.recipients()) == Counter(f"r{n}@readers.example.org" for n in range(400))
            assert store.ledger.counts(number) == {DeliveryState.SENT: 400}


async def test_a_crash_of_postgresql_is_waited_for_and_repeats_nothing(
    postgresql_url: str, start: Callable[..., Process]
) -> None:
    """One of its processes killed, PostgreSQL ends all others, reads its log and starts again."""
    # The tests' server otherwise forgets what was committed last.
    url = make_url(postgresql_url).update_query_dict({"options": "-c synchronous_commit=on"})
    safe = url.render_as_string(hide_password=False)
    with open_store(safe) as store:
        number = with_readers(store, 400)
    async with serving(Hostile()) as server:
        process = start(safe, server.port, "resend")
        for wanted in (50, 200):
            while len(server.messages) < wanted:
                server.seen.clear()
                await server.seen.wait()
            crash(postgresql_url)
        assert await ended(process) == 0
    assert Counter(server.recipients()) == Counter(f"r{n}@readers.example.org" for n in range(400))
    with open_store(safe) as store:
        assert store.ledger.counts(number) == {DeliveryState.SENT: 400}


def crash(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        if "DIGEST_TEST_POSTGRESQL" in os.environ:  # not ours to kill: only its connections are cut
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            admin.execute(others)
        else:
            os.kill(admin.info.backend_pid, signal.SIGKILL)
