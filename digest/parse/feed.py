"""Feeds to entries: the order of the steps.

Meant to run in a worker process: feedparser can be made slow and large by a few kilobytes.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from digest.charset import decode
from digest.errors import ParseError
from digest.links import plain
from digest.model import Entry

from .entry import read_entry
from .jsonfeed import read_json
from .parsed import ParsedFeed, sound
from .xml import read_xml

MAX_ENTRIES = 300
"""A poll takes the newest; feeds that carry their whole archive are rare, and it is no news."""


def parse(
    body: bytes, *, url: str, now: datetime, content_type: str = "", charset: str | None = None
) -> ParsedFeed:
    """Read a feed.

    Args:
        url: Where it came from: the base of its relative links.
        charset: The transport's label; the document's own is looked up here. Either may be wrong.
        now: Dates later than this are not believed.

    Raises:
        ParseError: It is no feed, is cut off in the middle, or cannot be read as text.
    """
    text, note = _text_of(body, charset, url)
    start = text.lstrip()[:2000]
    if not start:
        raise ParseError(url, "is empty")
    if start.startswith(("{", "[")) or content_type.endswith("json"):
        told = read_json(text, url)
    else:
        _check_root(text, start, url)
        told = read_xml(text, url)
    feed = told.feed
    chinese = feed.language.lower().startswith("zh") or bool(re.search("[\u4e00-\u9fff]", feed.title))
    atom = feed.kind.startswith(("atom", "json"))
    read = partial(read_entry, bodies=told.bodies, url=url, now=now, chinese=chinese, atom=atom)
    entries = _newest(map(read, told.entries))
    return replace(feed, entries=entries, charset_note=note, teasers=has_teasers(entries))


def _text_of(body: bytes, charset: str | None, url: str) -> tuple[str, str]:
    """The document as text without what XML forbids, and what was wrong with its labels."""
    head = body[:400].replace(b"\0", b"")
    own = re.search(rb"^[^<]{0,10}<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)", head)
    label = charset or (own[1].decode("ascii") if own else None)
    read = decode(body, label)
    if read.replaced > len(read.text) / 50 + 2:
        raise ParseError(url, "is in no charset that could be told; ask its publisher for UTF-8")
    return sound(read.text), read.note


def _check_root(text: str, start: str, url: str) -> None:
    """Refuse web pages and halves of feeds before the parser makes something of them."""
    root = _ROOT.search(text[:20_000])
    if root is None or root[1].lower() not in ("rss", "feed", "rdf", "channel"):
        page = "is a web page, not a feed; `digest feeds add` finds the feed of a site"
        raise ParseError(
            url, page if re.search(r"<html|<!doctype html", start, re.IGNORECASE) else "is not a feed"
        )
    if "<!ENTITY" in text[: root.start()]:
        raise ParseError(url, "declares entities of its own, which no feed needs and bombs are made of")
    if not re.search(rf"</(?:[\w.-]+:)?{root[1]}\s*>", text[-4000:], re.IGNORECASE) and "/>" not in root[0]:
        raise ParseError(url, "is cut off in the middle; nothing of it was taken")


_ROOT = re.compile(r"<(?:[\w.-]+:)?(\w[\w.-]*)(?:\s[^>]*)?>")


def _newest(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """By date; an entry without one keeps its place after the one before it."""
    placed, last = [], datetime.max.replace(tzinfo=UTC)
    for place, entry in enumerate(entries):
        last = entry.published.at if entry.published else last
        placed.append((-last.timestamp(), place, entry))
    return tuple(entry for _, _, entry in sorted(placed)[:MAX_ENTRIES])


def has_teasers(entries: Iterable[Entry]) -> bool:
    """Whether at least three entries, and seven in ten, only open what stands behind their link."""
    linked = [entry for entry in entries if entry.link]
    whole = (entry for entry in linked if not _only_opens(plain(entry.html).strip()))
    return len(linked) >= 3 and next(islice(whole, len(linked) * 3 // 10, None), None) is None


def _only_opens(text: str) -> bool:
    return len(text) < 200 or bool(_MORE.search(text[-40:]))


_MORE = re.compile(
    r"(?:…+|\.{3}|\[…\]|\[\.\.\.\])\s*$|阅读(?:全文|更多|原文)|[閱阅]讀(?:全文|更多)|继续阅读|查看(?:全文|原文|更多)|"
    r"read (?:more|on|the (?:rest|full))|continue reading|full (?:story|article)",
    re.IGNORECASE,
)
