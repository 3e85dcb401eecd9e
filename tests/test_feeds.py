"""Polling feeds of every manner, from the socket to the store."""

import asyncio
import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from feed_server import MANNERS, NOW, FeedServer, Manner, Names, serve

from digest.feeds import Polled, Reader
from digest.fetch import open_fetcher
from digest.model import FeedConfig, FeedSettings
from digest.polling import FeedHealth, health
from digest.store import Store, open_store
from digest.workers import open_workers

SETTINGS = FeedSettings(contact="ops@paper.test", deadline_s=2.0, silence_s=1.0, max_bytes=2**20)


@dataclass(slots=True)
class World:
    """All manners polled once, at the same time."""

    polled: dict[str, Polled]
    server: FeedServer
    store: Store
    took_s: float


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('feeds')}/digest.db") as store:
        store.migrate()
        yield asyncio.run(_poll_all(store))
    gc.collect()


async def _poll_all(store: Store) -> World:
    names = Names({"no-such-name.test": ["nowhere"]})
    async with (
        serve(*MANNERS) as server,
        open_fetcher(SETTINGS, resolver=names, clock=lambda: NOW) as fetcher,
        open_workers(size=2, wall_s=5, cpu_s=2) as workers,
    ):
        for manner in MANNERS:
            config = FeedConfig(id=manner.name, url=server.url(manner.name), allow_private=manner.private)
            store.feeds.add(config, origin="command", now=NOW)
        reader = Reader(store=store, fetcher=fetcher, workers=workers, settings=SETTINGS, now=NOW)
        began = time.monotonic()
        results = await reader.poll()
        took_s = time.monotonic() - began
    return World({result.feed.id: result for result in results}, server, store, took_s)


@pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.name)
def test_manner(manner: Manner, world: World) -> None:
    polled = world.polled[manner.name]
    said = "\n".join((polled.detail, *polled.steps))
    assert (polled.state, polled.new) == (manner.state, manner.new), said
    assert manner.says in said
    kept = repr(polled.articles)
    assert manner.has in kept
    assert not manner.lacks or manner.lacks not in kept


def test_failures_keep_what_was_known(world: World) -> None:
    bad = [manner.name for manner in MANNERS if manner.state in ("failed", "gone")]
    feeds = {feed.id: feed for feed in world.store.feeds.list()}
    assert all(feeds[name].etag is None and not feeds[name].body_hash for name in bad)
    assert not any(world.store.feeds.seen(name) for name in bad)
    assert {health(feeds[name], now=NOW).state for name in bad} == {FeedHealth.BROKEN, FeedHealth.GONE}
    assert len(world.polled) == len(MANNERS) >= 100


def test_sick_feeds_hold_nobody_up(world: World) -> None:
    assert world.took_s < 25
