"""When a feed is asked again, and how it is doing: from its state and an answer to its next state.

Nothing here asks or stores; the flow does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median

from digest.model import Feed, FeedSettings, MissedPage

_DAY_S = 24 * 3600
_UNKNOWN_S = 3600
"""Between polls while a feed's habit is not known."""
_MOVES = 3
"""Polls in a row that must see the same permanent redirect; captive portals and slips pass sooner."""
_PAGE_WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
_PAGES_MISSED = 60
"""Entries of a feed whose pages are waited for; older ones are given up."""
_SLOW_MS = 5000
_WEEK = timedelta(days=7)


def answered(
    feed: Feed,
    *,
    now: datetime,
    settings: FeedSettings,
    wait_s: float = 0,
    took_s: float = 0,
    moved_to: str | None = None,
) -> Feed:
    """After any good answer, changed or not.

    Args:
        wait_s: The publisher's wish, see `digest.fetch.wait_s`.
        moved_to: Where permanent redirects led this time.
    """
    took_ms = round(took_s * 1000)
    feed = _follow_move(feed, moved_to)
    interval_s = interval(feed, now=now, settings=settings, wait_s=wait_s)
    return replace(
        feed,
        polled_at=now,
        failures=0,
        failing_since=None,
        error="",
        took_ms=round((feed.took_ms * 2 + took_ms) / 3) if feed.took_ms else took_ms,
        interval_s=interval_s,
        next_at=now + timedelta(seconds=interval_s),
    )


def _follow_move(feed: Feed, moved_to: str | None) -> Feed:
    if moved_to is None or moved_to == feed.fetch_url:
        return replace(feed, moved_to=None, moved_seen=0)
    count = feed.moved_seen + 1 if moved_to == feed.moved_to else 1
    if count < _MOVES:
        return replace(feed, moved_to=moved_to, moved_seen=count)
    return replace(feed, fetch_url=moved_to, moved_to=None, moved_seen=0)


def failed(
    feed: Feed, error: str, *, now: datetime, settings: FeedSettings, wait_s: float = 0, gone: bool = False
) -> Feed:
    """After an answer that was of no use: ask again later each time, up to a day.

    Args:
        wait_s: What Retry-After asked for.
        gone: The server said it will never come back (410): it is not asked again.
    """
    backoff_s = min(_DAY_S, max(settings.shortest_s, feed.interval_s) * 2 ** min(feed.failures, 10))
    return replace(
        feed,
        polled_at=now,
        error=error,
        failures=feed.failures + 1,
        failing_since=feed.failing_since or now,
        next_at=None if gone else now + timedelta(seconds=max(backoff_s, wait_s)),
        gone_at=now if gone else None,
    )


def learned(feed: Feed, dates: Sequence[datetime], *, every_s: int) -> Feed:
    """Take a feed's rhythm from the dates of its entries (any order); the last twenty count."""
    moments = sorted(set(dates), reverse=True)[:21]
    gaps = [(late - early).total_seconds() for late, early in pairwise(moments)]
    return replace(
        feed,
        habit_s=round(median(gaps)) if gaps else feed.habit_s,
        lull_s=round(max(gaps)) if gaps else feed.lull_s,
        newest_at=max([*moments[:1], *([feed.newest_at] if feed.newest_at else [])], default=None),
        every_s=every_s,
    )


def interval(feed: Feed, *, now: datetime, settings: FeedSettings, wait_s: float = 0) -> int:
    """Seconds until the next poll: half the feed's habit, longer while it is quiet, never less
    than its publisher allows (which counts for at most a day)."""
    quiet_s = (now - feed.newest_at).total_seconds() if feed.newest_at else 0
    wanted = max(feed.habit_s / 2, quiet_s / 8) if feed.habit_s else _UNKNOWN_S
    bounded = min(max(wanted, settings.shortest_s), settings.longest_s)
    return round(max(bounded, min(_DAY_S, max(wait_s, feed.every_s))))


def missed(feed: Feed, without: Iterable[str], *, now: datetime) -> tuple[MissedPage, ...]:
    """The pages to ask for from now on: those not had, an hour, six and twenty-four later, then no more.

    Args:
        without: Ids of entries whose pages were wanted now and not had; all others that were due are done.
    """
    again = dict.fromkeys(without)
    tries = {page.entry: page.tries for page in feed.missed}
    waiting = [page for page in feed.missed if page.at > now and page.entry not in again]
    for entry in again:
        count = tries.get(entry, 0)
        if count < len(_PAGE_WAITS):
            waiting.append(MissedPage(entry=entry, tries=count + 1, at=now + _PAGE_WAITS[count]))
    return tuple(waiting[-_PAGES_MISSED:])


class FeedHealth(StrEnum):
    FINE = "fine"
    NEW = "new"
    TEASERS = "teasers"
    SLOW = "slow"
    SILENT = "silent"
    MOVED = "moved"
    SPAM = "spam-hit"
    BROKEN = "broken"
    GONE = "gone"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Health:
    """How a feed is doing, for the operator.

    Args:
        what: One sentence, empty when there is nothing to say.
        next_step: What to do about it, empty when nothing need be done.
        since: When that began, where it is known.
    """

    state: FeedHealth
    what: str = ""
    next_step: str = ""
    since: datetime | None = None


def health(feed: Feed, *, now: datetime) -> Health:
    """The gravest of what is the matter with *feed*."""
    remove = "take it out of config.toml" if feed.origin == "config" else f"digest feeds remove {feed.id}"
    if feed.paused:
        return Health(FeedHealth.PAUSED, next_step=f"digest feeds pause {feed.id} --resume")
    if feed.gone_at:
        return Health(FeedHealth.GONE, feed.error, f"it will not come back: {remove}", feed.gone_at)
    if feed.failures:
        return Health(FeedHealth.BROKEN, feed.error, _repair(feed, now, remove), feed.failing_since)
    if feed.polled_at is None:
        return Health(FeedHealth.NEW, next_step="digest collect", since=feed.added_at)
    if feed.spam_at and now - feed.spam_at < _WEEK:
        what = "half or more of its newest entries were put in quarantine"
        step = f"look at them (digest feeds check {feed.id}), then {remove}"
        return Health(FeedHealth.SPAM, what, step, feed.spam_at)
    return _inconvenience(feed, now, remove)


def _repair(feed: Feed, now: datetime, remove: str) -> str:
    if feed.failing_since and now - feed.failing_since > _WEEK:
        return f"look for its new address, or {remove}"
    if "web page, not a feed" in feed.error:
        return f"digest feeds add {feed.url}"
    if "address refused" in feed.error:
        return (
            remove if feed.allow_private else f"if it is yours, {_set(feed, 'allow_private')}; else {remove}"
        )
    again = f"{feed.next_at:%Y-%m-%d %H:%M} UTC" if feed.next_at else "the next poll"
    return f"nothing for now, it is asked again at {again}"


def _inconvenience(feed: Feed, now: datetime, remove: str) -> Health:
    """States of a feed that answers."""
    if feed.fetch_url != feed.url:
        step = f'write url = "{feed.fetch_url}" in config.toml' if feed.origin == "config" else ""
        return Health(FeedHealth.MOVED, f"now at {feed.fetch_url}", step)
    if feed.newest_at and now - feed.newest_at > max(_WEEK, timedelta(seconds=2 * feed.lull_s)):
        days = (now - feed.newest_at).days
        what = f"nothing new for {days} days; {_span(feed.lull_s)} was its longest pause"
        return Health(FeedHealth.SILENT, what, f"see whether its site lives, or {remove}", feed.newest_at)
    if feed.took_ms > _SLOW_MS:
        return Health(FeedHealth.SLOW, f"takes {feed.took_ms / 1000:.0f} s to answer")
    if feed.teasers and not feed.full_text:
        return Health(FeedHealth.TEASERS, "its entries only open the articles", _set(feed, "full_text"))
    return Health(FeedHealth.FINE, feed.note)


def _set(feed: Feed, key: str) -> str:
    if feed.origin == "config":
        return f"set {key} = true for it in config.toml"
    return f"digest feeds remove {feed.id} && digest feeds add {feed.url} --{key.replace('_', '-')}"


def _span(seconds: int) -> str:
    if seconds < 1.5 * 3600:
        return "an hour"
    return f"{seconds / _DAY_S:.0f} days" if seconds >= 2 * _DAY_S else f"{seconds / 3600:.0f} hours"
