"""Feeds to entries: RSS, RDF and Atom through feedparser, JSON Feed directly.

Meant to run in a worker process: feedparser can be made slow and large by a few kilobytes.
"""

import hashlib
import io
import json
import re
from calendar import timegm
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cache
from html import escape
from itertools import islice
from typing import Any

from digest.charset import decode
from digest.errors import ParseError
from digest.links import one_line, plain, plain_title, tidy_html, tidy_url
from digest.model import Enclosure, Entry, Precision, Published

MAX_ENTRIES = 300
"""A poll takes the newest; feeds that carry their whole archive are rare, and it is no news."""
MAX_MARKUP = 400_000
"""Characters of one entry's markup; a book chapter has a tenth."""
MAX_TITLE = 300
_CHINA = timezone(timedelta(hours=8))
_OLDEST = datetime(1995, 1, 1, tzinfo=UTC)
"""Before feeds there were none: such dates are a clock's zero or a slip."""
_TELLING = 40
"""Letters from which words tell an entry; a daily headline without a text is another one each day."""
_SKEW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """A feed read to its end.

    Args:
        kind: ``rss20``, ``atom10``, ``json11`` and so on, feedparser's names.
        entries: Newest first as far as dates tell, else in the feed's own order; at most `MAX_ENTRIES`.
        every_s: How often its publisher says it is worth asking, 0 when it does not.
        teasers: Most entries only open the article.
        charset_note: What was wrong with its charset labels, empty when nothing was.
        syntax_note: What is wrong with its XML, read all the same.
    """

    kind: str
    title: str
    site: str
    language: str
    entries: tuple[Entry, ...]
    every_s: int = 0
    teasers: bool = False
    charset_note: str = ""
    syntax_note: str = ""


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
        found = _json_feed(text, url, now)
    else:
        _check_root(text, start, url)
        found = _xml_feed(text, url, now)
    return replace(found, charset_note=note, teasers=has_teasers(found.entries))


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


def _text_of(body: bytes, charset: str | None, url: str) -> tuple[str, str]:
    """The document as text without what XML forbids, and what was wrong with its labels."""
    head = body[:400].replace(b"\0", b"")
    own = re.search(rb"^[^<]{0,10}<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)", head)
    label = charset or (own[1].decode("ascii") if own else None)
    read = decode(body, label)
    if read.replaced > len(read.text) / 50 + 2:
        raise ParseError(url, "is in no charset that could be told; ask its publisher for UTF-8")
    return _sound(read.text), read.note


def _sound(text: str) -> str:
    """Without what XML and UTF-8 cannot hold; numeric references and JSON escapes bring it in."""
    return _FORBIDDEN.sub("", text)


_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


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


@cache
def _feedparser() -> Any:
    """The library, habits put right that cost a fifth of its time; what it reads stays as it was."""
    import feedparser

    feedparser.api.PREFERRED_XML_PARSERS.clear()  # nobody has them, and each parse looks for them on the disk
    # It copies what it knows of an element, five texts, by way of the pickling protocol.
    feedparser.FeedParserDict.__deepcopy__ = lambda told, _: feedparser.FeedParserDict(told)
    # Dates that are read here it need not read: nobody looks at what it takes them for.
    unread = 1970, 1, 1, 0, 0, 0, 3, 1, 0
    feedparser.registerDateHandler(lambda written: unread if _OWN_DATE.match(one_line(written)) else None)
    return feedparser


def _xml_feed(text: str, url: str, now: datetime) -> ParsedFeed:
    document = '<?xml version="1.0" encoding="utf-8"?>' + re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    light, bodies = _set_aside(document)
    found = _parsed(light, url)
    if found.bozo or _lost(found.entries, bodies):  # what belongs to what is for the parser to guess
        light, bodies = _set_aside(document, bodies_alone=True)
        found = _parsed(light, url)
    if not found.version and not found.entries:
        raise ParseError(url, "is not a feed")
    feed = found.feed
    chinese = _is_chinese(str(feed.get("language", "")), str(feed.get("title", "")))
    atom = found.version.startswith("atom")
    entries = [_entry(entry, bodies, url, now, chinese=chinese, atom=atom) for entry in found.entries]
    return ParsedFeed(
        kind=found.version or "rss",
        title=plain_title(str(feed.get("title", "")))[:MAX_TITLE],
        site=tidy_url(str(feed.get("link", "")), url) or "",
        language=str(feed.get("language", ""))[:20],
        entries=_newest(entries),
        every_s=_every_s(feed),
        syntax_note=one_line(str(found.bozo_exception))[:200] if found.bozo else "",
    )


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


_Aside = tuple[str, Mapping[str, str]]
"""A body, and what else of its entry, by the parser's names."""
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
"""Noncharacters, which `_sound` took out of the document: nothing in it can look like our mark."""
_BODY = re.compile(r"<(?:description|content:encoded)>\s*<!\[CDATA\[")
_BODY_ENDS = re.compile(r"\]\]>\s*</(?:description|content:encoded)\s*>")
_TEXT = r"(?:[^<]*|<!\[CDATA\[[^<\]]*\]\]>)"
_LINK = r"https?://[\w.-]+/[\w./~%+,=-]*(?:\?(?:[\w./~%+,=-]|&amp;)+)?"
_PLAIN = re.compile(
    rf"(?:\s++|<link>{_LINK}</link>|<guid(?: isPermaLink=\"true\")?>{_LINK}</guid>|"
    r"<guid isPermaLink=\"false\">[!-%'-;=-~]+</guid>|"
    r"<pubDate>(?:[A-Z][a-z]{2}, )?\d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:[+-]\d{4}|[A-Z]{3})</pubDate>|"
    + "|".join(f"<{name}>{_TEXT}</{name}>" for name in ("title", "category", "author", "dc:creator"))
    + ")*+",
    re.ASCII,
)
"""Elements of an item, before its body or behind it, that hold nothing but text."""
_TAKEN = re.compile(r"<(link|guid|pubDate)[^>]*>([^<]*)</\1>")
_KEYS = {"link": "link", "guid": "id", "pubDate": "published"}
"""The parser's names."""
_UNUSUAL = re.compile("[\x80-\x9f]")
"""Signs of Windows-1252 taken for Latin-1, which the parser puts right."""
_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]+|[0-9]+);")


def _possible(reference: re.Match[str]) -> str:
    """Numeric references to what is no character stop the parser."""
    number = reference[1]
    code = int(number[1:], 16) if number[0] == "x" else int(number[:9])
    return reference[0] if 31 < code < 0xD800 or 0xDFFF < code < 0x110000 or code in (9, 10, 13) else ""


def _set_aside(document: str, *, bodies_alone: bool = False) -> tuple[str, list[_Aside]]:
    """The document with its entries' bodies marked and left out, and the bodies.

    The parser does a dozen things with each character of them and changes none: of these elements it knows
    without looking that they hold HTML. With them go links, ids and dates that it would give back.
    """
    parts: list[str] = []
    bodies: list[_Aside] = []
    at = past = 0
    # Their first byte is rare, and found in a tenth of the time.
    unusual = b"\xc2" in document.encode() and _UNUSUAL.search(document)
    for found in () if unusual else _BODY.finditer(document):
        start = found.end()
        if start < past:
            continue
        past = document.find("]]>", start)
        if past < 0:
            break
        ends = _BODY_ENDS.match(document, past) if past - start > 200 else None
        if ends is None:
            continue
        mark = f"{_OPEN}{len(bodies)}{_CLOSE}"
        item = -1 if bodies_alone else document.rfind("<item>", at, start)
        before = _PLAIN.fullmatch(document, item + len("<item>"), found.start()) if item >= 0 else None
        after = _PLAIN.match(document, ends.end()) if before else None
        if before and after and "<link>" in before[0] + after[0]:
            around = _TAKEN.findall(before[0] + after[0])
            told = {_KEYS[name]: text.replace("&amp;", "&") for name, text in around}
            rest = [_TAKEN.sub("", elements[0]) for elements in (before, after)]
            parts += [document[at : before.start()], rest[0], found[0], mark, ends[0], rest[1]]
            at = after.end()
        else:
            told = {}
            parts += [document[at:start], mark]
            at = past
        bodies.append((document[start:past], told))
    return "".join([*parts, document[at:]]), bodies


def _lost(entries: Iterable[Mapping[str, Any]], left: Iterable[_Aside]) -> bool:
    """Whether a body's place, with which a link was left out, came back in no entry."""
    given = {str(part.get("value")) for entry in entries for part in _readable(entry)}
    return any(told and f"{_OPEN}{n}{_CLOSE}" not in given for n, (_, told) in enumerate(left))


def _every_s(feed: Mapping[str, Any]) -> int:
    """RSS ttl (minutes) or the syndication module's period and frequency, at most a day."""
    periods = {"hourly": 3600, "daily": 86400, "weekly": 604800, "monthly": 2592000, "yearly": 31536000}
    seconds = 60 * _whole(feed.get("ttl"))
    if period := periods.get(str(feed.get("sy_updateperiod", "")).strip().lower()):
        seconds = max(seconds, period // max(1, _whole(feed.get("sy_updatefrequency"))))
    return min(seconds, 86400)


def _whole(value: object) -> int:
    text = str(value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 14 else 0


def _entry(
    told: Mapping[str, Any], left: Sequence[_Aside], url: str, now: datetime, *, chinese: bool, atom: bool
) -> Entry:
    """An entry of feedparser's, or of its form.

    Args:
        left: Bodies the parser did not see; their places stand in the entry.
        atom: A title says whether it is markup.
    """
    entry = dict(told)  # feedparser's own dictionary tries a row of names at each look
    bodies = []
    for part in _readable(entry):
        text, around = _brought_back(str(part["value"]), left)
        bodies.append((text, part))
        entry = {**around, **entry}  # what stands behind a body counts
    markup, detail = max(bodies, key=lambda body: len(body[0]), default=("", {}))
    title_detail = entry.get("title_detail") or {}
    base = detail.get("base") or title_detail.get("base")
    base = (base and tidy_url(str(base), url)) or url
    body = tidy_html(_marked_up(markup, is_plain=detail.get("type") == "text/plain")[:MAX_MARKUP], base)
    words = plain(body)
    title = str(entry.get("title", ""))
    title = one_line(title) if atom and title_detail.get("type") == "text/plain" else plain_title(title)
    title = _sound(title)[:MAX_TITLE] or _opening(words)
    link = _sound(str(entry.get("link", "")))
    link = (link and tidy_url(link, base)) or ""
    written, parsed = _date(entry)
    published, date_note = read_date(written, parsed, now=now, chinese=chinese)
    names = tuple(dict.fromkeys(name for author in _authors(entry) if (name := _person(author))))
    tags = [str(tag.get("term") or "") for tag in entry.get("tags", ())]
    said = "".join((title + words).casefold().split())
    return Entry(
        guid=_sound(str(entry.get("id", ""))).strip()[:1000],
        link=link,
        title=title,
        html=body,
        authors=names,
        published=published,
        date_note=date_note,
        enclosures=tuple(_enclosures(entry, base)),
        tags=tuple(dict.fromkeys(one_line(_sound(tag))[:80] for tag in tags[:20] if tag)),
        mark=_hash(title, words, *names, link, written),
        text_mark=_hash(said) if len(said) >= _TELLING else "",
    )


def _brought_back(text: str, left: Sequence[_Aside]) -> _Aside:
    return left[int(text[1:-1])] if text.startswith(_OPEN) else (_sound(text), {})


def _authors(entry: Mapping[str, Any]) -> list[str]:
    """All names; the last as written, because feedparser takes addresses with long top levels apart."""
    names = [str(author.get("name") or "") for author in entry.get("authors", ())]
    return [*names[:-1], str(entry.get("author") or "")]


def _readable(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entry's texts; content of other types (images, base64) is not for reading."""
    parts = map(dict, (*entry.get("content", ()), entry.get("summary_detail") or {}))
    return [
        part for part in parts if part.get("value") and "/" not in str(part.get("src", "")) and _is_text(part)
    ]


def _is_text(part: Mapping[str, Any]) -> bool:
    kind = str(part.get("type") or "text/html")
    return kind.startswith("text/") or kind.endswith(("xhtml+xml", "/xml"))


def _date(entry: Mapping[str, Any]) -> tuple[str, Any]:
    """As written, and as feedparser read it (UTC) for forms only it knows."""
    for key in ("published", "updated", "created"):
        if entry.get(key):
            return str(entry[key]), entry.get(f"{key}_parsed")
    return "", None


def _json_feed(text: str, url: str, now: datetime) -> ParsedFeed:
    """https://www.jsonfeed.org/version/1.1/ and 1.0; values of a wrong type count as missing."""
    try:
        feed = json.loads(text.lstrip("\ufeff \t\r\n"))
    except (ValueError, RecursionError) as error:
        raise ParseError(url, f"is not JSON that can be read ({error})") from error
    told = _string(feed, "version") if _is_table(feed) else ""
    version = re.search(r"jsonfeed\.org/version/(1(?:\.\d)?)", told)
    if version is None:
        raise ParseError(url, "is JSON but not a JSON Feed")
    chinese = _is_chinese(_string(feed, "language"), _string(feed, "title"))
    items = [_json_entry(item) for item in _list(feed, "items") if _is_table(item)]
    return ParsedFeed(
        kind="json" + version[1].replace(".", ""),
        title=one_line(_string(feed, "title"))[:MAX_TITLE],
        site=tidy_url(_string(feed, "home_page_url"), url) or "",
        language=_string(feed, "language")[:20],
        entries=_newest([_entry(item, (), url, now, chinese=chinese, atom=True) for item in items]),
    )


def _json_entry(item: Mapping[str, Any]) -> dict[str, Any]:
    """In the form of feedparser's."""
    html, text = _string(item, "content_html"), _string(item, "content_text") or _string(item, "summary")
    people = [person for person in (*_list(item, "authors"), item.get("author")) if _is_table(person)]
    names = [_string(person, "name") for person in people]
    return {
        "id": _string(item, "id"),
        "link": _string(item, "url") or _string(item, "external_url"),
        "title": _string(item, "title"),
        "title_detail": {"type": "text/plain"},
        "content": [{"value": html or text, "type": "text/html" if html else "text/plain"}],
        "authors": [{"name": name} for name in names],
        "author": names[-1] if names else "",
        "published": _string(item, "date_published") or _string(item, "date_modified"),
        "links": [_attached(part) for part in _list(item, "attachments") if _is_table(part)],
        "tags": [{"term": tag} for tag in _list(item, "tags") if isinstance(tag, str)],
    }


def _attached(file: Mapping[str, Any]) -> dict[str, str]:
    names = {"href": "url", "type": "mime_type", "length": "size_in_bytes", "seconds": "duration_in_seconds"}
    told = {name: _string(file, key) for name, key in names.items()}
    return {"rel": "enclosure", "title": _string(file, "title"), **told}


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _string(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return _sound(str(value)) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def _list(table: Mapping[str, Any], key: str) -> list[Any]:
    value = table.get(key)
    return value if isinstance(value, list) else []


def _enclosures(entry: Mapping[str, Any], base: str) -> Iterator[Enclosure]:
    """Each address once. Pictures are left out: feeds give the one above an article as an enclosure."""
    known: set[str | None] = {None}
    links = [link for link in map(dict, entry.get("links", ())) if link.get("rel") == "enclosure"]
    for link in links[:20]:
        url = tidy_url(_sound(str(link.get("href") or "")), base)
        kind = _sound(str(link.get("type") or "")).partition(";")[0].strip().lower()[:80]
        if url in known or kind.startswith("image/"):
            continue
        known.add(url)
        # The episode's length is not that of the documents that come with it.
        episode = entry.get("itunes_duration") if not kind or kind.startswith(("audio/", "video/")) else ""
        yield Enclosure(
            url=url or "",
            kind=kind if re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind) else "",
            size=_whole(link.get("length")),
            seconds=_seconds(str(link.get("seconds") or episode or "")),
            title=one_line(_sound(str(link.get("title") or "")))[:MAX_TITLE],
        )


def _seconds(length: str) -> int:
    """``1:02:03``, ``62:03`` or ``3723``; 0 for anything else."""
    if not re.fullmatch(r"(?:\d{1,2}:)?\d{1,3}:\d\d|\d{1,6}", length.strip()):
        return 0
    seconds = 0
    for part in length.split(":"):
        seconds = seconds * 60 + int(part)
    return seconds


def _opening(words: str) -> str:
    """A title for an entry without one: its first sentence, cut where it gets long."""
    line = one_line(words.strip().partition("\n")[0][:400])
    first = re.match(r".{4,80}?[。！？!?](?=.|$)", line)
    return first[0] if first else line[:60]


def _person(name: str) -> str:
    """``a@b.example (Li Hua)`` and ``Li Hua (a@b.example)`` are Li Hua; an address alone is nobody."""
    name = one_line(plain(_sound(name)))
    if found := re.fullmatch(r"\S+@\S+\s*\((.+)\)|(.+?)\s*[(<]\S+@\S+[)>]", name):
        name = found[1] or found[2]
    return "" if re.search(r"\S@\S", name) else name[:80]


def _marked_up(text: str, *, is_plain: bool) -> str:
    """Text without any markup gets its paragraphs; markup is left alone."""
    if not is_plain and re.search(r"<[a-zA-Z/!]", text):
        return text
    lines = text.splitlines()
    return "".join(f"<p>{escape(line) if is_plain else line}</p>" for line in lines if line.strip())


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:20]


def _is_chinese(language: str, title: str) -> bool:
    return language.lower().startswith("zh") or bool(re.search("[\u4e00-\u9fff]", title))


def _newest(entries: list[Entry]) -> tuple[Entry, ...]:
    """By date; an entry without one keeps its place after the one before it."""
    placed, last = [], datetime.max.replace(tzinfo=UTC)
    for place, entry in enumerate(entries):
        last = entry.published.at if entry.published else last
        placed.append((-last.timestamp(), place, entry))
    return tuple(entry for _, _, entry in sorted(placed)[:MAX_ENTRIES])


_OWN_DATE = re.compile(r"(\d{4}-\d\d-\d\dT)|(?:[A-Za-z]{3,9},?\s+)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{2,4}\s+\d")
"""ISO 8601 and RFC 5322, read here."""
_CHINESE_DATE = re.compile(
    r"(\d{4})\s*[年/.-]\s*(\d{1,2})\s*[月/.-]\s*(\d{1,2})\s*日?"
    r"(?:[T\s]*(\d{1,2})\s*[:：时]\s*(\d{1,2})\s*分?(?:\s*[:：]?\s*(\d{1,2})\s*秒?)?)?"
)


def read_date(written: str, parsed: Any, *, now: datetime, chinese: bool) -> tuple[Published | None, str]:
    """A feed's date and, when it cannot be believed, why.

    Args:
        parsed: feedparser's reading (a UTC time tuple) or None; used for forms unknown here.
        chinese: Times without a zone are Beijing's, else UTC.
    """
    written = one_line(written)
    if not written:
        return None, "has no date"
    try:
        at, precision = _moment(written, parsed)
        at = at if at.tzinfo else at.replace(tzinfo=_CHINA if chinese else UTC)
        if at > now + _SKEW:
            return None, f"is dated in the future ({written[:40]})"
        if at < _OLDEST:
            return None, f"is dated before there were feeds ({written[:40]})"
    except (ValueError, OverflowError, TypeError):
        return None, f"has a date that cannot be read ({written[:40]})"
    return Published(at=at, precision=precision, read_from=written[:60]), ""


def _moment(written: str, parsed: Any) -> tuple[datetime, Precision]:
    if (own := _OWN_DATE.match(written)) and own[1]:
        return datetime.fromisoformat(written), Precision.SECOND
    if own:
        at = parsedate_to_datetime(written)
        # "-0000" is UTC whose local zone is unknown (RFC 5322 section 3.3), not a time without zone.
        return (at.replace(tzinfo=UTC) if written.endswith("-0000") else at), Precision.SECOND
    if found := _CHINESE_DATE.fullmatch(written):
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        precision = Precision.SECOND if found[6] else Precision.MINUTE if found[4] else Precision.DAY
        return datetime(year, month, day, hour, minute, second), precision  # noqa: DTZ001 - zone is the caller's
    if parsed:
        return datetime.fromtimestamp(timegm(parsed), UTC), Precision.SECOND
    return datetime.fromisoformat(written), Precision.SECOND
