"""From a feed's bytes to judged articles: the part of polling that reads markup, for a worker process."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from digest.charset import decode
from digest.clean import clean_page
from digest.clean.entry import clean_entry
from digest.entries import Met, Sight, additions, is_material, meet
from digest.gate import judge
from digest.links import one_line
from digest.model import Article, Entry, Fetched, Flag, Page, SeenEntry, Severity, SiteRule
from digest.parse import ParsedFeed, parse
from digest.similar import sketch

T = TypeVar("T")

PRELOAD = ("digest.harvest", "feedparser", "nh3")
"""What workers that read feeds need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A feed's body, read.

    Args:
        parsed: Without its entries.
        dates: Of all its entries, in their order.
        known: How many of them were met before and have not changed.
    """

    parsed: ParsedFeed
    dates: tuple[datetime, ...]
    known: int
    found: tuple[Met, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What else is told of a feed's entries.

    Args:
        feed: Its id; *title* is what its operator calls it, if anything.
        pages: Bodies and charset labels of entries' own pages by entry id.
        missed: Why others were wanted but not had.
    """

    feed: str
    title: str
    now: datetime
    rules: tuple[SiteRule, ...] = ()
    pages: dict[str, tuple[bytes, str | None]] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)


def pack(value: object) -> bytes:
    """For the way back from a worker: unlike a pickle it can hold nothing but values, and costs a tenth."""
    return msgspec.json.encode(value)


def unpack(raw: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(raw, type=kind)


def read_feed(
    answer: Fetched,
    source: Source,
    *,
    seen: Sequence[SeenEntry],
    first_news: int,
    again: frozenset[str] = frozenset(),
    clean: bool = True,
) -> bytes:
    """Parse a feed, recognise its entries, clean and judge those that need it; a `Reading`, packed.

    Args:
        again: Ids of entries that are wanted although they are known.
        clean: Left for `read_entries` otherwise.

    Raises:
        ParseError: See `parse`.
    """
    parsed = read_body(answer, source.now)
    met = meet(parsed.entries, seen, now=source.now, first_news=first_news)
    bare = replace(parsed, entries=())
    fresh = [one for one in met if one.sight is not Sight.KNOWN or one.seen.id in again]
    found = [_read_entry(one, source, bare) for one in fresh] if clean else fresh
    known = sum(one.sight is Sight.KNOWN for one in met)
    dates = tuple(one.at for one in met)
    return pack(Reading(parsed=bare, dates=dates, known=known, found=tuple(found)))


def warm() -> None:
    """Read a feed, so that what is made when first needed is there before workers are forked."""
    letters = [chr(n) for n in range(0x5000, 0x5300)]
    text = "".join(f"<p>{''.join(letters[n::4])}。</p>" for n in range(4))
    about = "<title>一篇写给自己的文章</title><pubDate>Mon, 02 Mar 2026 08:00:00 +0800</pubDate>"
    item = f"{about}<link>http://paper.example/1</link><description><![CDATA[{text}]]></description>"
    feed = f"<rss><channel><item>{item}</item></channel></rss>".encode()
    source = Source(feed="", title="", now=datetime.now(UTC))
    read_feed(Fetched(url="http://paper.example/", status=200, body=feed), source, seen=(), first_news=1)


def read_body(answer: Fetched, now: datetime) -> ParsedFeed:
    """The feed that an answer holds.

    Raises:
        ParseError: See `parse`.
    """
    kind, charset = answer.content_type, answer.charset
    return parse(answer.body, url=answer.url, now=now, content_type=kind, charset=charset)


def read_entries(raw: bytes, source: Source) -> bytes:
    """Clean, complete and judge the entries of a packed `Reading`; a list of `Met`, packed."""
    reading = unpack(raw, Reading)
    return pack([_read_entry(one, source, reading.parsed) for one in reading.found])


def _read_entry(met: Met, source: Source, parsed: ParsedFeed) -> Met:
    entry, seen = met.entry, met.seen
    assert entry is not None
    about: dict[str, Any] = {
        "source_id": f"feeds/{source.feed}/{seen.id}",
        "url": entry.link or None,
        "now": source.now,
        "rules": source.rules,
        "evergreen": seen.background,
    }
    dated = entry.published is not None
    page = clean_entry(entry.html, title=entry.title, language=parsed.language, dated=dated, **about)
    if told := source.pages.get(seen.id):
        own = clean_page(_page_text(*told), html=True, **about)
        if own.article and len(own.article.text) > len(page.article.text if page.article else ""):
            page = own
    if page.article is None:
        return replace(met, entry=None, reason=page.reason)
    outlet = source.title or parsed.title
    flags = _flags(page.article, entry, parsed.charset_note, source.missed.get(seen.id, ""))
    article = _completed(page, page.article, entry, outlet, tuple(flags))
    judged = judge(Page(article=article)).article or article
    return replace(met, entry=None, article=judged, sketch=sketch(article.text))


def _page_text(body: bytes, charset: str | None) -> str:
    own = re.search(rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?([\w.:-]+)", body[:4096], re.IGNORECASE)
    return decode(body, charset or (own[1].decode("ascii") if own else None)).text


def _completed(page: Page, article: Article, entry: Entry, feed: str, flags: tuple[Flag, ...]) -> Article:
    """What the feed says of an entry is better known than what its text looks like."""
    outlet = article.outlet or feed or None
    return replace(
        article,
        title=entry.title or article.title,
        authors=entry.authors or article.authors,
        published=entry.published or article.published,
        outlet=outlet,
        republisher=article.republisher or (feed if feed != outlet else None) or None,
        flags=(*article.flags, *flags),
        dropped=page.dropped(),
        enclosures=entry.enclosures,
    )


def _flags(article: Article, entry: Entry, charset_note: str, missed: str) -> Iterable[Flag]:
    if entry.date_note and article.published is None:
        reason = f"the entry {entry.date_note}; the time it was first seen counts"
        yield Flag(code="undated", severity=Severity.NOTE, reason=reason)
    if charset_note:
        yield Flag(code="charset-repaired", severity=Severity.NOTE, reason=f"the feed was {charset_note}")
    if "\ufffd" in article.text:
        lost = f"{article.text.count(chr(0xFFFD))} characters of it were damaged before it reached us"
        yield Flag(code="charset-damaged", severity=Severity.CAUTION, reason=lost)
    if missed:
        reason = f"its own page was to be read, but: {missed}"
        yield Flag(code="teaser", severity=Severity.NOTE, reason=reason)


def compare(old: str, new: str) -> tuple[bool, tuple[Flag, ...]]:
    """Whether an edit matters, and a flag that says what it added, if it did; for a worker:
    the time it takes grows with the square of what a hostile feed sends."""
    material = is_material(old, new)
    added = additions(old, new) if material else ()
    if not added:
        return material, ()
    said = one_line(new[slice(*added[0])])[:80]
    reason = f"edited since it was first read, {len(added)} sentences are new, the first: {said}"
    return material, (Flag(code="updated", severity=Severity.NOTE, reason=reason),)
