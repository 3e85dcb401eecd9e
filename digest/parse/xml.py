"""RSS, RDF and Atom, through feedparser."""

import io
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from digest.errors import ParseError
from digest.links import one_line, plain_title, tidy_url

from .aside import set_aside
from .dates import OWN_DATE
from .entry import readable
from .parsed import MAX_TITLE, Aside, ParsedFeed, Told, whole


def read_xml(text: str, url: str) -> Told:
    document = '<?xml version="1.0" encoding="utf-8"?>' + re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    light, bodies = set_aside(document)
    found = _parsed(light, url)
    if found.bozo or _lost(found.entries, bodies):  # what belongs to what is for the parser to guess
        light, bodies = set_aside(document, bodies_alone=True)
        found = _parsed(light, url)
    if not found.version and not found.entries:
        raise ParseError(url, "is not a feed")
    feed = found.feed
    read = ParsedFeed(
        kind=found.version or "rss",
        title=plain_title(str(feed.get("title", "")))[:MAX_TITLE],
        site=tidy_url(str(feed.get("link", "")), url) or "",
        language=str(feed.get("language", ""))[:20],
        every_s=_every_s(feed),
        syntax_note=one_line(str(found.bozo_exception))[:200] if found.bozo else "",
    )
    return Told(read, found.entries, bodies)


@cache
def _feedparser() -> Any:
    """The library, habits put right that cost a fifth of its time; what it reads stays as it was."""
    import feedparser

    feedparser.api.PREFERRED_XML_PARSERS.clear()  # nobody has them, and each parse looks for them on the disk
    # It copies what it knows of an element, five texts, by way of the pickling protocol.
    feedparser.FeedParserDict.__deepcopy__ = lambda told, _: feedparser.FeedParserDict(told)
    # Dates that are read here it need not read: nobody looks at what it takes them for.
    unread = 1970, 1, 1, 0, 0, 0, 3, 1, 0
    feedparser.registerDateHandler(lambda written: unread if OWN_DATE.match(one_line(written)) else None)
    return feedparser


def _parsed(light: str, url: str) -> Any:
    # Without Content-Location, for which every link would be resolved twice: ours knows more bad ones.
    headers = {"content-type": "application/xml; charset=utf-8"}
    try:
        # Through BytesIO always: bytes that look like a path or an address are opened otherwise.
        return _feedparser().parse(
            io.BytesIO(_REFERENCE.sub(_possible, light).encode("utf-8")),
            response_headers=headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:  # its loose parser trips over some broken feeds
        raise ParseError(url, f"could not be parsed: {type(error).__name__}: {error}") from error


_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]+|[0-9]+);")


def _possible(reference: re.Match[str]) -> str:
    """Numeric references to what is no character stop the parser."""
    number = reference[1]
    code = int(number[1:], 16) if number[0] == "x" else int(number[:9])
    return reference[0] if 31 < code < 0xD800 or 0xDFFF < code < 0x110000 or code in (9, 10, 13) else ""


def _lost(entries: Iterable[Mapping[str, Any]], bodies: Mapping[str, Aside]) -> bool:
    """Whether a body's place, with which a link was left out, came back in no entry."""
    given = {str(part.get("value")) for entry in entries for part in readable(entry)}
    return any(told and mark not in given for mark, (_, told) in bodies.items())


def _every_s(feed: Mapping[str, Any]) -> int:
    """RSS ttl (minutes) or the syndication module's period and frequency, at most a day."""
    periods = {"hourly": 3600, "daily": 86400, "weekly": 604800, "monthly": 2592000, "yearly": 31536000}
    seconds = 60 * whole(feed.get("ttl"))
    if period := periods.get(str(feed.get("sy_updateperiod", "")).strip().lower()):
        seconds = max(seconds, period // max(1, whole(feed.get("sy_updatefrequency"))))
    return min(seconds, 86400)
