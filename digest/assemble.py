"""Put picked and summarized articles together as an edition: order, subject, preheader.

The rules are those of the editorial guide: a headline in its own words, short enough for a phone;
an old article's headline carries its year; a subject is never used twice by a schedule.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

from digest.model import Article, Correction, Edition, Item, Section, Severity, Skipped
from digest.text import columns, count, sentences, shorten

SUBJECT_COLUMNS = 60
"""What a cut headline is cut to; a whole one may have SUBJECT_MOST (editorial guide, section 3)."""
SUBJECT_MOST = 70
PREHEADER_CHARACTERS = 70
OLD_DAYS = 365
"""From here on an article is labelled with its year (Guardian and NYT practice)."""


def assemble(
    sections: Sequence[Section],
    *,
    schedule: str,
    slot: datetime,
    made_at: datetime,
    language: str,
    past_subjects: Collection[str] = (),
    skipped: tuple[Skipped, ...] = (),
    coverage: tuple[tuple[str, tuple[int, ...]], ...] = (),
    corrections: tuple[Correction, ...] = (),
    shared_names: Callable[[Sequence[Article]], Sequence[tuple[str, tuple[int, ...]]]] = lambda _: (),
) -> Edition:
    """An edition ready to be checked, frozen and numbered; its number is still 0.

    Args:
        sections: In reading order, items best first; none of them empty.
        corrections: Of earlier editions; the edition opens with them.
        shared_names: Finds names standing in several of the articles it is given, by index.

    Raises:
        ValueError: There is no item at all; an empty edition must never be made.
    """
    items = [item for section in sections for item in section.items]
    if not items:
        raise ValueError("an edition needs at least one item")
    linked = iter(_link(items, shared_names([item.article for item in items])))
    sections = [replace(section, items=tuple(next(linked) for _ in section.items)) for section in sections]
    subject, preheader = headlines(sections, made_at, language, past_subjects)
    return Edition(
        number=0,
        schedule=schedule,
        slot=slot,
        made_at=made_at,
        subject=subject,
        preheader=preheader,
        sections=tuple(sections),
        skipped=skipped,
        coverage=coverage,
        corrections=corrections,
    )


def _link(items: Sequence[Item], shared: Sequence[tuple[str, tuple[int, ...]]]) -> list[Item]:
    """Each item with at most two "also in" links: a name, and the title of another item, no two to one."""
    links: list[list[tuple[str, str]]] = [[] for _ in items]
    for name, found in shared:
        indexes = [i for i in found if _dwells(items[i].article, name)]
        for index in indexes:
            linked = {title for _, title in links[index]}
            others = (items[i].article.title for i in indexes if i != index)
            other = next((title for title in others if title not in linked), None)
            if other is not None and len(links[index]) < 2 and _quotes(items[index], name):
                links[index].append((name, other))
    return [replace(item, also_in=tuple(own)) for item, own in zip(items, links, strict=True)]


def _dwells(article: Article, name: str) -> bool:
    """Whether it is about the name, and not only mentions it once in passing."""
    return name in article.title or article.text.count(name) > 1


def _quotes(item: Item, name: str) -> bool:
    """Whether a reader of the item has met the name: a link from nowhere only puzzles."""
    return name in item.article.title or any(name in excerpt.text for excerpt in item.excerpts)


def is_old(article: Article, now: datetime) -> bool:
    return article.published is not None and (now - article.published.at).days >= OLD_DAYS


def headlines(
    sections: Sequence[Section], now: datetime, language: str, past: Collection[str]
) -> tuple[str, str]:
    """Subject, none of *past*, and preheader.

    Headlines of clean copies come before those of doubtful ones, which only serve behind the theme's name.
    """
    pairs = [(section, item) for section in sections for item in section.items]
    pairs.sort(key=lambda pair: pair[1].article.severity is not Severity.NOTE)
    candidates: list[tuple[Item, str]] = []
    for section, item in pairs:
        year = _year(item.article, now)
        room = SUBJECT_COLUMNS - columns(year)
        whole = columns(item.article.title + year) <= SUBJECT_MOST
        name = section.theme.name(language) + ("：" if language.startswith("zh") else ": ")
        theme = f"{name}{shorten(item.article.title, room - columns(name))}{year}"
        if item.article.severity is Severity.NOTE:
            headline = item.article.title if whole else shorten(item.article.title, room)
            candidates.append((item, headline + year))
        candidates.append((item, theme))
    first, text = candidates[0]
    again = ((first, f"{text} ({n})") for n in range(2, len(past) + 3))
    lead, subject = next(pair for pair in chain(candidates, again) if pair[1] not in past)
    others = [item for _, item in pairs if item is not lead and item.article.severity is Severity.NOTE]
    return subject, _preheader([item.article.title for item in others[:2]], lead)


def _year(article: Article, now: datetime) -> str:
    """What an old article's headline must carry, unless it stands in it."""
    year = str(article.published.at.year) if article.published else ""
    return f"（{year}）" if is_old(article, now) and year not in article.title else ""


def _preheader(titles: Sequence[str], lead: Item) -> str:
    """The next headlines joined by ；, or what the lead says when the edition has one item."""
    text = ""
    for title in titles:
        joined = f"{text}；{title}" if text else title
        if count(joined) > PREHEADER_CHARACTERS:
            break
        text = joined
    if text:
        return text
    said = next((one.text for one in lead.excerpts if one.by == "source"), lead.article.title)
    first = said[slice(*sentences(said)[0])] if sentences(said) else said
    return shorten(first, PREHEADER_CHARACTERS * 2)
