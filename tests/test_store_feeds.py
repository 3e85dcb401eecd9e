"""Feeds from the file and by command, side by side, on each database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from stored import article

from digest.errors import StoreError
from digest.model import FeedConfig, SeenEntry
from digest.store import Store

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
A = FeedConfig(id="a", url="http://a.example/", tags=("x",))
B = FeedConfig(id="b", url="http://b.example/")


def origins(store: Store) -> list[tuple[str, str, str]]:
    return [(feed.id, feed.url, feed.origin) for feed in store.feeds.list()]


def test_config_and_command_live_together(store: Store) -> None:
    store.feeds.sync([A], now=NOW)
    store.feeds.add(B, origin="command", now=NOW)
    store.feeds.sync([A], now=NOW)
    assert origins(store) == [("a", A.url, "config"), ("b", B.url, "command")]
    store.feeds.sync([], now=NOW)
    assert origins(store) == [("b", B.url, "command")]


@pytest.mark.parametrize(
    "again", [FeedConfig(id="a", url="http://c.example/"), FeedConfig(id="c", url=A.url)]
)
def test_names_and_addresses_are_taken_once(store: Store, again: FeedConfig) -> None:
    store.feeds.add(A, origin="command", now=NOW)
    with pytest.raises(StoreError, match="already"):
        store.feeds.add(again, origin="command", now=NOW)


def test_the_file_takes_over_what_a_command_added(store: Store) -> None:
    learnt = replace(store.feeds.add(A, origin="command", now=NOW), etag="e", title="甲")
    store.feeds.save([learnt])
    store.feeds.sync([FeedConfig(id="renamed", url=A.url, full_text=True)], now=NOW)
    (feed,) = store.feeds.list()
    assert (feed.id, feed.origin, feed.etag, feed.title, feed.full_text) == (
        "renamed",
        "config",
        "e",
        "甲",
        True,
    )


def test_names_can_be_swapped(store: Store) -> None:
    store.feeds.sync([A, B], now=NOW)
    store.feeds.sync([replace(A, url=B.url), replace(B, url=A.url)], now=NOW)
    assert origins(store) == [("a", B.url, "config"), ("b", A.url, "config")]


def test_due(store: Store) -> None:
    feeds = [
        store.feeds.add(FeedConfig(id=name, url=f"http://{name}.example/"), origin="command", now=NOW)
        for name in ("late", "early", "paused", "gone", "later")
    ]
    changes = {
        "late": {"next_at": NOW - timedelta(hours=1)},
        "early": {"next_at": NOW - timedelta(hours=2)},
        "paused": {"paused": True},
        "gone": {"gone_at": NOW},
        "later": {"next_at": NOW + timedelta(seconds=1)},
    }
    store.feeds.save([replace(feed, **changes[feed.id]) for feed in feeds])  # type: ignore[arg-type]
    assert [feed.id for feed in store.feeds.due(NOW)] == ["early", "late"]


def test_a_removed_feed_does_not_come_back_with_its_poll(store: Store) -> None:
    feed = store.feeds.add(A, origin="command", now=NOW)
    seen = SeenEntry(id="1", guid="g", link="", mark="m", text_mark="", first_seen_at=NOW)
    assert store.feeds.remove("a")
    store.feeds.save([feed], {"a": [seen]})
    assert store.feeds.list() == ()
    assert store.feeds.seen("a") == (seen,)
    for name in ("a", "b"):  # what was seen of the one counts when it is added again
        store.feeds.add(FeedConfig(id=name, url=f"http://{name}.example/"), origin="command", now=NOW)
    assert store.feeds.unmet() == {"b"}


def test_seen_entries_keep_when_they_were_first_seen(store: Store) -> None:
    first = SeenEntry(id="1", guid="g", link="l", mark="m", text_mark="t", first_seen_at=NOW, background=True)
    store.feeds.save([], {"a": [first]})
    later = replace(first, mark="n", first_seen_at=NOW + timedelta(days=1), background=False)
    store.feeds.save([], {"a": [later]})
    assert store.feeds.seen("a") == (replace(first, mark="n"),)


def test_two_polls_that_meet_keep_an_article_once(store: Store, open_again: Callable[[], Store]) -> None:
    """More articles than one statement holds; the second poll finds them there, and nothing is lost."""
    found = [(article(str(n)), (n,)) for n in range(150)]
    with ThreadPoolExecutor(2) as threads:
        for saved in [threads.submit(s.feeds.save, [], found=found, now=NOW) for s in (store, open_again())]:
            saved.result()
    assert store.articles.count() == 150
    assert store.articles.near((149,), min_shared=1) == ("seeds/149",)


def test_find(store: Store) -> None:
    feed = store.feeds.add(A, origin="command", now=NOW)
    assert store.feeds.find("a") == store.feeds.find(A.url) == feed
    assert store.feeds.find("z") is None
