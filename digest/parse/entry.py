"""An entry as feedparser tells it, made fit to keep."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from typing import Any

from digest.links import one_line, plain, plain_title, tidy_html, tidy_url
from digest.model import Enclosure, Entry

from .dates import read_date
from .parsed import MAX_TITLE, Aside, sound, whole

MAX_MARKUP = 400_000
"""Characters of one entry's markup; a book chapter has a tenth."""
_TELLING = 40
"""Letters from which words tell an entry; a daily headline without a text is another one each day."""


def read_entry(
    told: Mapping[str, Any],
    bodies: Mapping[str, Aside],
    *,
    url: str,
    now: datetime,
    chinese: bool,
    atom: bool,
) -> Entry:
    """An entry of feedparser's, or of its form.

    Args:
        bodies: Those the parser did not see, by the marks that stand for them in the entry.
        atom: A title says whether it is markup.
    """
    entry = dict(told)  # feedparser's own dictionary tries a row of names at each look
    texts = []
    for part in readable(entry):
        text = str(part["value"])
        text, around = bodies.get(text) or (sound(text), {})
        texts.append((text, part))
        entry = {**around, **entry}  # what stands behind a body counts
    markup, detail = max(texts, key=lambda body: len(body[0]), default=("", {}))
    title_detail = entry.get("title_detail") or {}
    base = detail.get("base") or title_detail.get("base")
    base = (base and tidy_url(str(base), url)) or url
    body = tidy_html(_marked_up(markup, is_plain=detail.get("type") == "text/plain")[:MAX_MARKUP], base)
    words = plain(body)
    title = str(entry.get("title", ""))
    title = one_line(title) if atom and title_detail.get("type") == "text/plain" else plain_title(title)
    title = sound(title)[:MAX_TITLE] or _opening(words)
    link = sound(str(entry.get("link", "")))
    link = (link and tidy_url(link, base)) or ""
    written, parsed = _date(entry)
    published, date_note = read_date(written, parsed, now=now, chinese=chinese)
    names = tuple(dict.fromkeys(name for author in _authors(entry) if (name := _person(author))))
    tags = [str(tag.get("term") or "") for tag in entry.get("tags", ())]
    said = "".join((title + words).casefold().split())
    return Entry(
        guid=sound(str(entry.get("id", ""))).strip()[:1000],
        link=link,
        title=title,
        html=body,
        authors=names,
        published=published,
        date_note=date_note,
        enclosures=tuple(_enclosures(entry, base)),
        tags=tuple(dict.fromkeys(one_line(sound(tag))[:80] for tag in tags[:20] if tag)),
        mark=_hash(title, words, *names, link, written),
        text_mark=_hash(said) if len(said) >= _TELLING else "",
    )


def _authors(entry: Mapping[str, Any]) -> list[str]:
    """All names; the last as written, because feedparser takes addresses with long top levels apart."""
    names = [str(author.get("name") or "") for author in entry.get("authors", ())]
    return [*names[:-1], str(entry.get("author") or "")]


def readable(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
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


def _enclosures(entry: Mapping[str, Any], base: str) -> Iterator[Enclosure]:
    """Each address once. Pictures are left out: feeds give the one above an article as an enclosure."""
    known: set[str | None] = {None}
    links = [link for link in map(dict, entry.get("links", ())) if link.get("rel") == "enclosure"]
    for link in links[:20]:
        url = tidy_url(sound(str(link.get("href") or "")), base)
        kind = sound(str(link.get("type") or "")).partition(";")[0].strip().lower()[:80]
        if url in known or kind.startswith("image/"):
            continue
        known.add(url)
        # The episode's length is not that of the documents that come with it.
        episode = entry.get("itunes_duration") if not kind or kind.startswith(("audio/", "video/")) else ""
        yield Enclosure(
            url=url or "",
            kind=kind if re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind) else "",
            size=whole(link.get("length")),
            seconds=_seconds(str(link.get("seconds") or episode or "")),
            title=one_line(sound(str(link.get("title") or "")))[:MAX_TITLE],
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
    name = one_line(plain(sound(name)))
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
