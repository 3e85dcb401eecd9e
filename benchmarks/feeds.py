"""What collecting feeds costs beside feedparser alone: run ``python benchmarks/feeds.py [FEEDS]``.

500 feeds of 20 Chinese entries from a server on loopback, one host each; the baseline is feedparser
with its own sanitising over the same bytes on one core, in the same run. Ratios travel, times do not.
"""

import asyncio
import io
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from multiprocessing.connection import Connection

import feedparser

from digest.feeds import Reader
from digest.fetch import Fetcher
from digest.harvest import PRELOAD
from digest.installation import run
from digest.model import FeedConfig, FeedSettings
from digest.store import open_store
from digest.workers import Workers

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ENTRIES = 20
SUBJECTS = [
    "街道的账本",
    "旧水塔",
    "北岸的码头",
    "那间实验室",
    "第三批设备",
    "城西的机房",
    "志愿者小组",
    "去年的合同",
]
ACTIONS = [
    "在上个月完成了",
    "只用了一半时间就做完",
    "仍然没有通过",
    "第一次公开了",
    "重新核对了",
    "负责人解释了",
]
OBJECTS = ["电费核算", "屋顶改造", "数据搬迁", "三轮测试", "居民听证", "备用线路", "年度检修", "旧书编目"]


def sentence(rng: random.Random) -> str:
    what = rng.choice(SUBJECTS) + rng.choice(ACTIONS) + rng.choice(OBJECTS)
    return f"{what}，前后花了{rng.randint(2, 900)}天，{rng.choice(SUBJECTS)}的人说结果比预想的要好一些。"


def entry(rng: random.Random, feed: int, n: int) -> str:
    body = "".join(f"<p>{''.join(sentence(rng) for _ in range(4))}</p>" for _ in range(4))
    link = f"http://paper{feed}.example/{n}?utm_source=rss&amp;id={n}"
    date = format_datetime(NOW - timedelta(hours=5 * n + 1))
    return (
        f"<item><title>{rng.choice(SUBJECTS)}{rng.choice(ACTIONS)}{rng.choice(OBJECTS)}</title><link>{link}</link>"
        f'<guid isPermaLink="false">{feed}-{n}</guid><pubDate>{date}</pubDate><description><![CDATA[{body}'
        f'<p><a href="/more/{n}">相关</a><img src="/p.gif" width="1" height="1"></p>]]></description></item>'
    )


def make_feed(feed: int) -> bytes:
    rng = random.Random(feed)
    items = "".join(entry(rng, feed, n) for n in range(ENTRIES))
    head = f"<title>周报{feed}</title><link>http://paper{feed}.example/</link><language>zh-CN</language>"
    start = '<?xml version="1.0" encoding="utf-8"?>'
    return f'{start}<rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()


def serve(bodies: list[bytes], pipe: Connection) -> None:
    """In a process of its own: nothing but heads and bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = bodies[int(head.split(b" ", 2)[1][1:])]
        if b"If-None-Match" in head:
            writer.write(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")
        else:
            size = f"Content-Length: {len(body)}\r\n\r\n".encode()
            writer.write(b'HTTP/1.1 200 OK\r\nETag: "1"\r\nConnection: close\r\n' + size + body)
        await writer.drain()
        writer.close()

    async def listen() -> None:
        server = await asyncio.start_server(answer, "0.0.0.0", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    run(listen())


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall time and the processors' time of this process and its ended children."""

    wall_s: float
    cpu_s: float

    def line(self, what: str, beside: "Cost", target: str = "") -> str:
        wall, cpu = self.wall_s / beside.wall_s, self.cpu_s / beside.cpu_s
        spent = f"{self.wall_s:7.2f} s {self.cpu_s:7.2f} s cpu"
        return f"{what:28}{spent}   ratios {wall:6.3f} {cpu:6.3f}   {target}"


def cost(began: float, cpu: float) -> Cost:
    return Cost(time.perf_counter() - began, processors() - cpu)


def processors() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in used)


def feedparser_alone(bodies: list[bytes]) -> Cost:
    feedparser.parse(io.BytesIO(bodies[0]))
    began, cpu = time.perf_counter(), processors()
    for body in bodies:
        feedparser.parse(io.BytesIO(body))
    return cost(began, cpu)


async def collect(bodies: list[bytes], port: int, folder: str, now: datetime) -> Cost:
    """One run with its own worker processes, whose starting and ending is part of the cost."""
    settings = FeedSettings(contact="bench@paper.example", concurrency=50)
    with open_store(f"sqlite:///{folder}/digest.db") as store:
        store.migrate()
        hosts = [f"127.0.{n // 250 + 1}.{n % 250 + 1}" for n in range(len(bodies))]
        store.feeds.sync(
            [
                FeedConfig(id=f"f{n}", url=f"http://{host}:{port}/{n}", allow_private=True)
                for n, host in enumerate(hosts)
            ],
            now=NOW,
        )
        began, cpu = time.perf_counter(), processors()
        async with Fetcher(settings) as fetcher, Workers(preload=PRELOAD) as workers:
            reader = Reader(store=store, fetcher=fetcher, workers=workers, settings=settings, now=now)
            results = await reader.poll()
        spent = cost(began, cpu)
        assert store.articles.count() == ENTRIES * len(bodies)
        print(f"  {dict(Counter(r.state for r in results))}, {sum(r.new for r in results)} new articles")
    return spent


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    bodies = [make_feed(n) for n in range(count)]
    size = sum(map(len, bodies)) / count / 1000
    print(f"{count} feeds of {ENTRIES} entries, {size:.0f} kB each, {os.cpu_count()} cores")
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    server = fork.Process(target=serve, args=(bodies, there), daemon=True)
    server.start()
    port = here.recv()
    alone = feedparser_alone(bodies)
    with tempfile.TemporaryDirectory() as folder:
        first = run(collect(bodies, port, folder, NOW))
        second = run(collect(bodies, port, folder, NOW + timedelta(days=2)))
    self_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    worker_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    server.terminate()
    print(alone.line("feedparser alone, one core", alone))
    print(first.line("collect, all new", alone, "target 1.0 of the wall time on two free cores"))
    print(second.line("collect, nothing changed", alone, "target 0.05"))
    print(f"peak memory: {self_mb:.0f} MB here, {worker_mb:.0f} MB in each worker at most")


if __name__ == "__main__":
    main()
