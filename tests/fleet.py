"""Several hosts of one installation, as processes over one PostgreSQL, and a relay that counts what they send."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from bisect import bisect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from digest.collect import read_page
from digest.model import ConsentState, Subscriber
from digest.store import Store

ROOT = Path(__file__).parent.parent
SLOT = datetime(2026, 1, 6, tzinfo=UTC)
DOMAIN = "readers.example.org"
CONFIG = """
[newsletter]
name = "茶讯"
sender = "digest@sender.example.org"
base_url = "https://digest.example.org"
timezone = "UTC"
[paths]
secret_file = "{secret}"
[[themes]]
id = "tea"
names = {{ zh = "茶" }}
terms = {{ zh = ["茶叶", "茶"] }}
threshold = 0.1
[[schedules]]
id = "daily"
every = "day"
at = "00:00"
themes_per_edition = 1
[[mail_servers]]
id = "relay"
host = "127.0.0.1"
port = {port}
security = "none"
connections = {connections}
{limit}
"""
SEED = """春茶上市

2026年1月4日

今年的春茶比去年早了九天上市。茶农林清在武夷山种了三十年茶叶，他说，今年的茶叶芽头更密，香气也更足。

合作社的收购价是每公斤二百四十元，比去年高一成。镇上的三家茶厂已经连夜开工，预计到三月底能做出四吨茶叶。

省农科院的周明研究员认为，暖冬让茶树提前萌发，但是倒春寒的风险仍在，茶农应当在夜里盖好防霜布。
"""


JITTER_S = 0.75
"""What a mail may wait for this process while five others and a database want two cores."""


class Host:
    """A folder with the configuration, and the process that runs there, of the version in ``code``."""

    def __init__(
        self, folder: Path, url: str, config: str, *words: str, clock: datetime | None = None
    ) -> None:
        self.folder, self.words, self.url = folder, words, url
        self.clock = ("--clock", clock.isoformat()) if clock else ()
        (folder / "seeds").mkdir(parents=True)
        (folder / "seeds/tea.txt").write_text(SEED, "utf-8")
        (folder / "config.toml").write_text(config, "utf-8")
        self.log = folder / "log"
        self.code = ROOT
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "digest", *self.clock, *self.words]
        environ = {**os.environ, "PYTHONPATH": str(self.code), "DIGEST_DATABASE_URL": self.url}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=environ, stderr=log, stdout=log)

    def tell(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.tell(number)
        return self.process.wait(40)

    def logged(self) -> list[str]:
        """What it said, in order; what was written half is left out."""
        found = []
        for line in self.log.read_text("utf-8").splitlines():
            try:
                found.append(json.loads(line)["message"])
            except (ValueError, TypeError):
                found.append(line)
        return found


class Relay(asyncio.Protocol):
    """One connection of a mail server that is quick enough for five senders and remembers what it took."""

    taken: list[tuple[str, float, bytes]]
    """Recipient, when, and a hash of the mail."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer, self.in_data, self.recipient = b"", False, ""
        self.say(b"220 relay.example.org ESMTP")

    def say(self, line: bytes) -> None:
        self.transport.write(line + b"\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.in_data else b"\r\n"
            found, sign, rest = self.buffer.partition(end)
            if not sign:
                return
            self.buffer = rest
            if self.in_data:
                self.in_data = False
                self.taken.append((self.recipient, time.monotonic(), hashlib.sha1(found).digest()))
                self.say(b"250 taken")
            else:
                self.command(found)

    def command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return self.say(b"250-relay.example.org\r\n250 PIPELINING")
        if verb == b"RCPT":
            self.recipient = line.split(b"<")[1].split(b">")[0].decode()
        self.in_data = verb == b"DATA"
        return self.say(b"354 go on" if self.in_data else b"250 ok")


@asynccontextmanager
async def a_relay() -> AsyncIterator[tuple[int, list[tuple[str, float, bytes]]]]:
    taken: list[tuple[str, float, bytes]] = []
    kind = type("ThisRelay", (Relay,), {"taken": taken})
    server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], taken
    finally:
        server.close()


@contextmanager
def a_fleet(
    folder: Path,
    url: str,
    port: int,
    *,
    serves: int,
    workers: int,
    connections: int = 4,
    limit: str = "",
    clock: datetime | None = None,
) -> Iterator[list[Host]]:
    """So many hosts, none started; ended however the block is left."""
    secret = folder / "secret.key"
    secret.write_text("x" * 40)
    secret.chmod(0o600)
    config = CONFIG.format(port=port, connections=connections, limit=limit, secret=secret)
    kinds = [("serve", "--port", "0")] * serves + [("worker",)] * workers
    hosts = [Host(folder / f"host{n}", url, config, *words, clock=clock) for n, words in enumerate(kinds)]
    try:
        yield hosts
    finally:
        for host in hosts:
            if host.process is not None and host.process.poll() is None:
                host.tell(signal.SIGCONT)
                host.tell(signal.SIGKILL)
                host.process.wait()


def add_readers(store: Store, *counts: int, domains: Sequence[str] = (DOMAIN,)) -> None:
    """So many at each domain, and what else a fleet finds."""
    readers = (
        Subscriber(id=0, address=f"r{n}@{domain}", state=ConsentState.CONFIRMED)
        for domain, count in zip(domains, counts, strict=True)
        for n in range(count)
    )
    store.subscribers.add_all(readers, actor="test", now=SLOT - timedelta(days=9))
    # A schedule that is met for the first time starts then; this one was met before, and the seeds read: the
    # hosts' pretended clocks start when they do, and what one reads is of the future to another.
    before = SLOT - timedelta(hours=1)
    store.state.set("since:daily", before.isoformat())
    article = read_page(SEED, source_id="seeds/tea.txt", now=before, evergreen=True).article
    assert article is not None
    store.articles.save(article, sketch=(), now=before)


async def until(true: Callable[[], object], *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "never came true"
        await asyncio.sleep(0.05)


def check_rate(moments: Sequence[float], per_second: float) -> None:
    """Never above it, over short times and long."""
    for seconds in (1, 5, 20):
        for before, first in enumerate(moments):
            within = bisect(moments, first + seconds) - before
            assert within <= per_second * (seconds + JITTER_S), (seconds, within)
