"""From a feed's entries to judged articles: the part of polling that reads markup, for a worker process."""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from digest.charset import decode
from digest.clean import clean_page
from digest.entries import additions, is_material
from digest.gate import judge
from digest.links import one_line
from digest.model import Article, Entry, Flag, Page, Severity, SiteRule
from digest.similar import sketch

Cleaned = tuple[Page, tuple[int, ...]]
"""What became of an entry, and the sketch of its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An entry on its way to an article; crosses into a worker.

    Args:
        page: Body and charset label of the entry's own page, when that is wanted and was had.
        missed: Why it was not had.
    """

    entry: Entry
    source_id: str
    outlet: str
    language: str
    charset_note: str
    background: bool
    page: tuple[bytes, str | None] | None = None
    missed: str = ""


def read_entries(sources: Iterable[Source], *, rules: tuple[SiteRule, ...], now: datetime) -> list[Cleaned]:
    """Clean, complete and judge entries; for a worker: it is most of the work, on hostile markup."""
    return [_read_entry(source, rules, now) for source in sources]


class _About(TypedDict):
    source_id: str
    url: str | None
    now: datetime
    rules: tuple[SiteRule, ...]
    evergreen: bool


def _read_entry(source: Source, rules: tuple[SiteRule, ...], now: datetime) -> Cleaned:
    entry = source.entry
    about = _About(
        source_id=source.source_id, url=entry.link or None, now=now, rules=rules, evergreen=source.background
    )
    page = clean_page(_document(entry, source.language), html=True, alone=True, **about)
    if source.page is not None:
        own = clean_page(_page_text(*source.page), html=True, **about)
        if own.article and len(own.article.text) > len(page.article.text if page.article else ""):
            page = own
    if page.article is None:
        return replace(page, decisions=()), ()
    article = _completed(page.article, source, now)
    judged = judge(replace(page, article=article, decisions=()))
    return judged, tuple(sketch(article.text))


def _document(entry: Entry, language: str) -> str:
    title, lang = html.escape(entry.title), html.escape(language)
    head = (
        f'<html lang="{lang}"><head><title>{title}</title></head>'
        if lang
        else f"<head><title>{title}</title></head>"
    )
    return f"{head}<body><article><h1>{title}</h1>{entry.html}</article></body></html>"


def _page_text(body: bytes, charset: str | None) -> str:
    own = re.search(rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?([\w.:-]+)", body[:4096], re.IGNORECASE)
    return decode(body, charset or (own[1].decode("ascii") if own else None)).text


def _completed(article: Article, source: Source, now: datetime) -> Article:
    """What the feed says of an entry is better known than what its text looks like."""
    entry = source.entry
    outlet = article.outlet or source.outlet or None
    return replace(
        article,
        title=entry.title or article.title,
        authors=entry.authors or article.authors,
        published=entry.published or article.published,
        outlet=outlet,
        republisher=article.republisher or (source.outlet if source.outlet != outlet else None) or None,
        flags=(*article.flags, *_flags(article, source)),
        enclosures=entry.enclosures,
        collected_at=now,
    )


def _flags(article: Article, source: Source) -> Iterable[Flag]:
    if source.entry.date_note and article.published is None:
        reason = f"the entry {source.entry.date_note}; the time it was first seen counts"
        yield Flag(code="undated", severity=Severity.NOTE, reason=reason)
    if source.charset_note:
        yield Flag(
            code="charset-repaired", severity=Severity.NOTE, reason=f"the feed was {source.charset_note}"
        )
    if "\ufffd" in article.text:
        lost = f"{article.text.count(chr(0xFFFD))} characters of it were damaged before it reached us"
        yield Flag(code="charset-damaged", severity=Severity.CAUTION, reason=lost)
    if source.missed:
        reason = f"its own page was to be read, but: {source.missed}"
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
