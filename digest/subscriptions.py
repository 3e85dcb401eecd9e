"""The list of feeds: adding one by its site's address, bringing whole lists in and out."""

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from digest import guard
from digest.charset import decode
from digest.errors import FetchError, ParseError, StoreError
from digest.feeds import Reader
from digest.fetch import host_of
from digest.harvest import read_body
from digest.links import feed_links, usual_feeds
from digest.model import Feed, FeedConfig, Fetched
from digest.opml import make_id
from digest.parse import ParsedFeed
from digest.store import Store
from digest.workers import WorkError

_TRIES = 8
"""Addresses of one site that are tried for a feed."""


async def discover(reader: Reader, url: str, *, allow_private: bool = False) -> tuple[str, ParsedFeed]:
    """The feed at *url*, or the one that the page there leads to; first its address, where permanent
    redirects led.

    Raises:
        FetchError: Nothing there answers, or no feed could be found.
        ParseError: There is a feed, but it cannot be read.
    """
    allow = guard.PRIVATE if allow_private else reader.settings.allow
    url = url if "://" in url else f"https://{url}"
    page = await _get(reader, url, allow)
    try:
        return page.moved_to or url, await _parse(reader, page)
    except ParseError as error:
        if "not a feed" not in error.what:
            raise
    told = await reader.workers.run(feed_links, decode(page.body, page.charset).text, page.url)
    tried = [link for link in (*told, *usual_feeds(page.url)) if link != page.url][:_TRIES]
    for link in tried:
        with contextlib.suppress(FetchError, ParseError):
            # Only the host that was asked for is opened by an allow-list, not where its page points.
            found = await _get(reader, link, allow if host_of(link) == host_of(url) else ())
            return found.moved_to or link, await _parse(reader, found)
    what = f"no feed was found there, nor at {', '.join(tried)}; give the feed's own address"
    raise FetchError(url, what)


async def add(
    reader: Reader,
    url: str,
    *,
    id: str | None = None,
    title: str | None = None,
    tags: Iterable[str] = (),
    full_text: bool = False,
    allow_private: bool = False,
) -> Feed:
    """Find the feed at *url* and add it; due at once.

    Raises:
        FetchError, ParseError: See `discover`.
        StoreError: It is there already.
    """
    url, found = await discover(reader, url, allow_private=allow_private)
    feeds = reader.store.feeds
    config = FeedConfig(
        id=id or make_id(url, [feed.id for feed in feeds.list()]),
        url=url,
        title=title or found.title or None,
        tags=tuple(tags),
        full_text=full_text,
        allow_private=allow_private,
    )
    return feeds.add(config, origin="command", now=reader.now)


def add_all(store: Store, configs: Iterable[FeedConfig], *, now: datetime) -> tuple[list[Feed], list[str]]:
    """Add a list without asking any of them; those added, and why the others were not."""
    added: list[Feed] = []
    refused: list[str] = []
    for config in configs:
        named = replace(config, id=make_id(config.url, [feed.id for feed in store.feeds.list()]))
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
        return await reader.workers.run(read_body, answer, reader.now)
    except WorkError as error:
        raise ParseError(answer.url, f"could not be parsed: {error}") from error
