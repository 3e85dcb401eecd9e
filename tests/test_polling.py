"""When a feed is asked again and how it is said to be doing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from digest.model import Feed, FeedSettings
from digest.polling import FeedHealth, health, interval, learned

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SETTINGS = FeedSettings()
FEED = Feed(
    id="a", url="http://a.example/", fetch_url="http://a.example/", origin="config", added_at=NOW - 9 * DAY,
    polled_at=NOW, newest_at=NOW - HOUR, habit_s=6 * 3600, lull_s=86400,
)  # fmt: skip


@pytest.mark.parametrize(
    ("every", "quiet", "asked", "minutes"),
    [
        pytest.param(timedelta(minutes=2), timedelta(minutes=1), 0, 15, id="a wire: the shortest"),
        pytest.param(6 * HOUR, HOUR, 0, 180, id="four a day"),
        pytest.param(30 * DAY, DAY, 0, 1440, id="monthly: the longest"),
        pytest.param(HOUR, 16 * HOUR, 0, 120, id="quiet for the night"),
        pytest.param(HOUR, HOUR, 7200, 120, id="its publisher asks for more"),
        pytest.param(HOUR, HOUR, 10**9, 1440, id="for at most a day"),
    ],
)
def test_polled_as_often_as_it_changes(every: timedelta, quiet: timedelta, asked: int, minutes: int) -> None:
    feed = learned(FEED, [NOW - quiet - n * every for n in range(10)], every_s=0)
    feed = replace(feed, newest_at=NOW - quiet)
    assert interval(feed, now=NOW, settings=SETTINGS, wait_s=asked) == minutes * 60


def test_a_feed_without_a_past_is_asked_hourly() -> None:
    assert interval(replace(FEED, habit_s=0), now=NOW, settings=SETTINGS) == 3600
    once = learned(replace(FEED, habit_s=0), [NOW], every_s=0)
    assert (once.habit_s, once.newest_at) == (0, NOW)


@pytest.mark.parametrize(
    ("changes", "state", "says", "step"),
    [
        ({}, FeedHealth.FINE, "", ""),
        ({"note": "labelled gbk"}, FeedHealth.FINE, "labelled gbk", ""),
        ({"polled_at": None}, FeedHealth.NEW, "", "digest collect"),
        ({"paused": True, "failures": 3}, FeedHealth.PAUSED, "", "--resume"),
        ({"gone_at": NOW, "failures": 1, "error": "410"}, FeedHealth.GONE, "410", "config.toml"),
        ({"gone_at": NOW, "origin": "command"}, FeedHealth.GONE, "", "digest feeds remove a"),
        (
            {"failures": 1, "failing_since": NOW, "error": "silent"},
            FeedHealth.BROKEN,
            "silent",
            "asked again",
        ),
        ({"failures": 9, "failing_since": NOW - 8 * DAY}, FeedHealth.BROKEN, "", "new address"),
        (
            {"failures": 1, "error": "is a web page, not a feed"},
            FeedHealth.BROKEN,
            "",
            "feeds add http://a.example/",
        ),
        ({"failures": 1, "error": "address refused: x"}, FeedHealth.BROKEN, "", "allow_private = true"),
        (
            {"failures": 1, "error": "address refused: x", "allow_private": True},
            FeedHealth.BROKEN,
            "",
            "take it out",
        ),
        ({"spam_at": NOW - DAY}, FeedHealth.SPAM, "quarantine", "digest feeds check a"),
        ({"spam_at": NOW - 8 * DAY}, FeedHealth.FINE, "", ""),
        (
            {"fetch_url": "http://b.example/"},
            FeedHealth.MOVED,
            "http://b.example/",
            'url = "http://b.example/"',
        ),
        ({"newest_at": NOW - 20 * DAY}, FeedHealth.SILENT, "20 days", "site lives"),
        ({"newest_at": NOW - 20 * DAY, "lull_s": 11 * 86400}, FeedHealth.FINE, "", ""),
        ({"took_ms": 9000}, FeedHealth.SLOW, "9 s", ""),
        ({"teasers": True}, FeedHealth.TEASERS, "only open", "full_text = true"),
        ({"teasers": True, "full_text": True}, FeedHealth.FINE, "", ""),
    ],
)
def test_health(changes: dict[str, object], state: FeedHealth, says: str, step: str) -> None:
    found = health(replace(FEED, **changes), now=NOW)  # type: ignore[arg-type]
    assert found.state is state
    assert says in found.what
    assert step in found.next_step
    assert bool(step) == bool(found.next_step)
