"""What templates see of an edition: every value decided, set and safe; they place it among our words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from types import SimpleNamespace as View
from urllib.parse import unquote, urlsplit

from markupsafe import Markup, escape

from digest import figures
from digest.language import detect
from digest.model import (
    Article,
    Correction,
    Edition,
    Enclosure,
    Excerpt,
    Item,
    Role,
    Section,
    Severity,
    Theme,
)
from digest.render.typeset import Typesetter, clean, cut_title, passage_url, safe_url
from digest.render.wording import Wording
from digest.text import columns, minutes, shorten

CONTENTS_FROM = 5
"""Items from which an edition has a contents list (editorial guide, section 3)."""
FILES = 4
"""Sound, video and other files of an article that are linked."""
DOT = Markup("&nbsp;·")
UNBROKEN = 36
"""Columns of 14 px type that fit on the narrowest phone's line."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_PERIOD = re.compile(r"(?<!\d)((?:19|20)\d\d)\s?年(?:\s?(1[0-2]|[1-9])\s?月)?")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Makes the views of one edition in one language.

    Args:
        headline: What stands above everything.
    """

    edition: Edition
    words: Wording
    type: Typesetter
    themes: Mapping[str, Theme]
    accent: str
    timezone: str
    headline: str

    def sections(self, sections: Sequence[Section]) -> tuple[View, ...]:
        n = count(1)
        contents = has_contents(sections)
        items = [item for section in sections for item in section.items]
        anchors = {item.article.title: f"i{n}" for n, item in enumerate(items, 1)}
        return tuple(
            View(
                id=section.theme.id,
                name=section.theme.name(self.words.language),
                accent=self.colour(section.theme),
                items=tuple(self.item(item, next(n), contents, anchors) for item in section.items),
            )
            for section in sections
        )

    def colour(self, theme: Theme | None) -> str:
        given = theme.accent if theme else None
        return given if given and _COLOUR.fullmatch(given) else self.accent

    def item(self, item: Item, n: int, contents: bool, anchors: Mapping[str, str]) -> View:
        """All of an item.

        ``headed``: its title does not stand right above it already, as the headline of the edition.
        ``page`` is the article's address, ``url`` the same at the first passage quoted.
        """
        article = item.article
        by_role = {role: tuple(e for e in item.excerpts if e.role is role) for role in Role}
        link_from = next((e for e in item.excerpts if e.by == "source"), None)
        hidden = hides_host(article)
        host = article.republisher if article.outlet and article.republisher != article.outlet else None
        title = self.type.shown(cut_title(article.title))
        large = n == 1 and article.title[:12] not in self.edition.subject
        return View(
            anchor=f"i{n}",
            first=n == 1,
            headed=n > 1 or contents or title not in self.type.shown(self.headline),
            large=large,
            title=title,
            heading=self.type.headline(cut_title(article.title), 23 if large else 19),
            listed=self.type.headline(cut_title(article.title), 15, tail=True),
            page=None if hidden else safe_url(article.url),
            url=None if hidden or link_from is None else passage_url(article, link_from),
            lang=self.lang(article.language),
            credit=escape(clean(self.outlet(article))) if article.outlet or article.republisher else "",
            via=self.words.plain("a republishing site") if host and hidden else host,
            authors=escape(clean(self.words.list(article.authors[:4]))),
            date=self.words.published(article.published) if article.published else None,
            period=self.period(article),
            year=article.published.at.year if article.published else None,
            foreign="" if self.words.speaks(article.language) else article.language.split("-")[0],
            kind=item.reason.kind,
            terms=self.words.list(item.reason.terms[:3]),
            codes={flag.code for flag in article.flags},
            years=self.age_years(article),
            outlet=article.outlet,
            republisher=article.republisher,
            held=self.words.date(article.held_on) if article.held_on else None,
            leads=tuple(self.quoted(e, article) for e in by_role[Role.LEAD]),
            points=tuple(self.quoted(e, article) for e in by_role[Role.POINT]),
            quote=next((self.quoted(e, article) for e in by_role[Role.QUOTE]), None),
            figures=self.figures(by_role[Role.FIGURE], article),
            note=self.type.shown(article.note) if article.note else None,
            updated=self.words.local_date(item.update.since, self.timezone) if item.update else None,
            all_new=item.update and all(item.update.covers(e) for e in item.excerpts if e.by == "source"),
            files=() if hidden else self.files(article),
            also_from=self.also_from(item),
            also_in=tuple(
                (self.type.shown(name), self.type.shown(cut_title(other)), anchors.get(other))
                for name, other in item.also_in
            ),
            minutes=item.reading_minutes,
        )

    def lang(self, language: str) -> Markup:
        """A ``lang`` attribute for text in *language*, empty when the page is in it."""
        if self.words.speaks(language):
            return Markup("")
        return Markup('lang="{}"').format("zh-CN" if language == "zh" else language)

    def quoted(self, excerpt: Excerpt, article: Article) -> View:
        """``hangs``: it begins with a quotation mark, which may stand left of the words' edge."""
        speaker = None
        if excerpt.speaker:
            dash = "——" if self.words.speaks("zh") or detect(excerpt.speaker) == "zh" else "— "
            speaker = unbroken(self.type.shown(dash + excerpt.speaker))
        text = self.type.excerpt(excerpt, article)
        return View(text=text, speaker=speaker, by_model=excerpt.by == "model", hangs=text[:1] in "“「『")

    def outlet(self, article: Article) -> str:
        """Who is to be credited, in one name."""
        if article.outlet:
            return article.outlet
        if article.republisher and not hides_host(article):
            return article.republisher
        return self.words.plain("a republishing site")

    def also_from(self, item: Item) -> str:
        """Each outlet once, a site that copied the item's own by the site's name; the item named its own."""
        own = self.outlet(item.article)
        outlets = dict.fromkeys(
            other.republisher
            if self.outlet(other) == own and other.republisher and not hides_host(other)
            else self.outlet(other)
            for other in item.also_from
        )
        for named in (own, item.article.republisher or own):
            outlets.pop(named, None)
        return self.words.list(list(outlets))

    def period(self, article: Article) -> str | None:
        """The latest year (and month) the text names that is not after the edition."""
        now = (self.edition.slot.year, self.edition.slot.month)
        named = [(int(m[1]), int(m[2] or 0)) for m in _PERIOD.finditer(article.text)]
        latest = max((when for when in named if when <= now), default=None)
        if latest is None:
            return None
        year, month = latest
        return self.words.dated("yMMMM" if month else "y", date(year, month or 1, 1))

    def age_years(self, article: Article) -> int:
        if not article.published:
            return 0
        return max(0, (self.edition.slot - article.published.at).days // 365)

    def files(self, article: Article) -> tuple[View, ...]:
        found = ((file, safe_url(file.url)) for file in article.enclosures[:FILES])
        return tuple(self.file(file, url) for file, url in found if url)

    def file(self, file: Enclosure, url: str) -> View:
        """What it is called, and how long and large it is as far as is known."""
        words = self.words
        called = shorten(clean(file.title or unquote(urlsplit(url).path.rpartition("/")[2]) or file.url), 60)
        told = [words.plain("{m} min", m=max(1, round(file.seconds / 60)))] if file.seconds else []
        told += [words.megabytes(file.size)] if file.size else []
        return View(url=url, kind=file.kind.partition("/")[0], name=called, detail=words.list(told))

    def correction(self, one: Correction) -> View:
        """*own*: of this edition, not of an earlier one, which it opens with."""
        own = one.slot == self.edition.slot
        date = self.words.local_date(one.at if own else one.slot, self.timezone)
        return View(own=own, date=date, note=self.type.shown(one.note))

    def figures(self, excerpts: Sequence[Excerpt], article: Article) -> tuple[View, ...]:
        """``share``: length of its bar in percent of the longest (or of 100 %), None without bars."""
        excerpts = [e for e in excerpts if e.number][:4]
        shares = bar_lengths(excerpts)
        return tuple(
            View(
                number=self.type.shown(excerpt.number or ""),
                label=self.type.shown(excerpt.label or excerpt.text),
                url=None if hides_host(article) or not article.url else passage_url(article, excerpt),
                share=share,
            )
            for excerpt, share in zip(excerpts, shares, strict=True)
        )

    def coverage(self) -> View | None:
        """Items per theme in the last editions; None when there is nothing to compare."""
        editions = max((len(counts) for _, counts in self.edition.coverage), default=0)
        totals = [(theme_id, sum(counts)) for theme_id, counts in self.edition.coverage]
        most = max((total for _, total in totals), default=0)
        if editions < 2 or len(totals) < 2 or not most or len(self.edition.items()) < 2:
            return None
        rows = tuple(
            View(
                name=self.theme_name(theme_id),
                total=total,
                share=round(100 * total / most),
                accent=self.colour(self.themes.get(theme_id)),
            )
            for theme_id, total in totals
        )
        return View(editions=editions, rows=rows)

    def theme_name(self, theme_id: str) -> str:
        theme = self.themes.get(theme_id)
        return theme.name(self.words.language) if theme else theme_id


def has_contents(sections: Sequence[Section]) -> bool:
    return sum(len(section.items) for section in sections) >= CONTENTS_FROM


def unbroken(part: Markup, *, more: bool = False, first: bool = False) -> Markup:
    """On one line, with a dot when there is *more* to come, unless it is too long for a phone's.

    What begins a line, as the *first* does, needs no holding. A tag with no blank beside it counts as hiding
    words from a spam filter; so blanks stand round these.
    """
    part += DOT if more else ""
    return part if first or columns(part) > UNBROKEN else Markup("<nobr>{}</nobr>").format(part)


def hides_host(article: Article) -> bool:
    """Whether readers are told of “a republishing site” instead of its name."""
    return article.severity is not Severity.NOTE


def bar_lengths(excerpts: Sequence[Excerpt]) -> list[int | None]:
    """Percent of the longest for each figure, when all are of one kind; else None for each.

    One kind: all percentages, or one unit within one sentence. Different kinds never share an axis.
    """
    amounts = [amount for e in excerpts if (amount := figures.amount(e.number or ""))]
    units = {unit for _, unit in amounts}
    shares_axis = units == {"%"} or len({(e.start, e.end) for e in excerpts}) == 1
    if len(excerpts) < 2 or len(amounts) < len(excerpts) or len(units) != 1 or not shares_axis:
        return [None] * len(excerpts)
    values = [value for value, _ in amounts]
    most = max(100.0, *values) if units == {"%"} else max(values)
    return [max(1, round(100 * value / most)) if most else None for value in values]


def reading_minutes(sections: Sequence[Section]) -> int:
    """Of the edition itself: titles, excerpts and the lines around them (25 characters an item)."""
    items = [item for section in sections for item in section.items]
    text = "".join(item.article.title + "".join(e.text for e in item.excerpts) for item in items)
    return minutes(text + "字" * 25 * len(items))
