"""The list of feeds: adding one by its site's address, bringing whole lists in and out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digest import guard
from digest.charset import decode
from digest.errors import FetchError, ParseError, StoreError
from digest.feeds import Reader
from digest.fetch import Fetched
from digest.links import feed_links, usual_feeds
from digest.model import Feed, FeedConfig
from digest.opml import make_id
from digest.parse import ParsedFeed, parse
from digest.workers import WorkError

if TYPE_CHECKING:
    from datetime import datetime

    from digest.store import Store

_TRIES = 8
"""Addresses of one site that are tried for a feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """A feed found at or through an address.

    Args:
        url: Of the feed; where permanent redirects led.
        steps: What was tried and came of it.
        others: Further addresses the page gives for feeds.
    """

    url: str
    feed: ParsedFeed
    steps: tuple[str, ...]
    others: tuple[str, ...] = ()


async def discover(reader: Reader, url: str, *, allow_private: bool = False) -> Discovered:
    """The feed at *url*, or the one that the page there leads to.

    Raises:
        FetchError: Nothing there answers, or no feed could be found.
    """
    allow = guard.PRIVATE if allow_private else reader.settings.allow
    url = url if "://" in url else f"https://{url}"
    steps: list[str] = []
    page = await _get(reader, url, allow)
    try:
        return Discovered(url=page.moved_to or url, feed=await _parse(reader, page), steps=("is a feed",))
    except ParseError as error:
        steps.append(f"{url} {error.what}")
    text = decode(page.body, page.charset).text
    told = await reader.workers.run(feed_links, text, page.url)
    for link in [link for link in (*told, *usual_feeds(page.url)) if link != page.url][:_TRIES]:
        try:
            # Only the host that was asked for is opened by an allow-list, not where its page points.
            found = await _get(reader, link, allow if _host(link) == _host(url) else ())
            feed = await _parse(reader, found)
        except (FetchError, ParseError) as error:
            steps.append(f"{link}: {error.what}")
            continue
        steps.append(f"{link}: a feed, {feed.kind}, {len(feed.entries)} entries")
        others = tuple(other for other in told if other != link)
        return Discovered(url=found.moved_to or link, feed=feed, steps=tuple(steps), others=others)
    tried = ", ".join(step.split(": ")[0] for step in steps[1:])
    what = f"{steps[0]}; nor was one at {tried}" if tried else steps[0]
    raise FetchError(url, f"no feed was found; give the feed's own address ({what})", retryable=False)


async def add(
    reader: Reader,
    url: str,
    *,
    id: str | None = None,
    title: str | None = None,
    tags: Iterable[str] = (),
    full_text: bool = False,
    allow_private: bool = False,
) -> tuple[Feed, Discovered]:
    """Find the feed at *url* and add it; due at once.

    Raises:
        FetchError: See `discover`.
        StoreError: It is there already.
    """
    found = await discover(reader, url, allow_private=allow_private)
    feeds = reader.store.feeds
    config = FeedConfig(
        id=id or make_id(found.url, [feed.id for feed in feeds.list()]),
        url=found.url,
        title=title or found.feed.title or None,
        tags=tuple(tags),
        full_text=full_text,
        allow_private=allow_private,
    )
    return feeds.add(config, origin="command", now=reader.now), found


def add_all(
    store: "Store", configs: Iterable[FeedConfig], *, now: "datetime"
) -> tuple[list[Feed], list[str]]:
    """Add a list without asking any of them; those added, and why the others were not."""
    added: list[Feed] = []
    refused: list[str] = []
    for config in configs:
        known = [feed.id for feed in store.feeds.list()]
        named = FeedConfig(
            id=make_id(config.url, known), url=config.url, title=config.title, tags=config.tags
        )
        try:
            added.append(store.feeds.add(named, origin="command", now=now))
        except StoreError as error:
            refused.append(f"{config.url}: {error}")
    return added, refused


async def _get(reader: Reader, url: str, allow: tuple[str, ...]) -> Fetched:
    try:
        answer = await reader.fetcher.get(url, source_id=url, allow=allow)
    except FetchError as error:
        if "address refused" in error.what and not allow:
            raise FetchError(url, f"{error.what}; if it is yours, add --allow-private") from error
        raise
    if answer.status != 200:
        raise FetchError(url, f"answers {answer.status}")
    return answer


async def _parse(reader: Reader, answer: Fetched) -> ParsedFeed:
    try:
        return await reader.workers.run(
            parse,
            answer.body,
            url=answer.url,
            now=reader.now,
            content_type=answer.content_type,
            charset=answer.charset,
        )
    except WorkError as error:
        raise ParseError(answer.url, f"could not be parsed: {error}") from error


def _host(url: str) -> str:
    return url.split("/")[2].lower()
