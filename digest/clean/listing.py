"""Pages that list other pages: fronts of sites, sections, tags, search results. They hold no article.

Their prose lies in many short places, each below a headline: one that is a link where the page has tags, a
line without a full stop where it has none. An article's prose stands together, below a title that the page
gives as its own.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from digest.clean.marks import NUMBERED, Kind
from digest.clean.metadata import Told
from digest.clean.sheet import SUBJECT, Sheet, grams, share_known
from digest.clean.thread import MOMENT

_LONGEST = 200.0
"""Reading weight of neighbouring paragraphs in the body from which they are an article's."""
_TEASER = 130.0
"""Reading weight up to which one or two lines below a headline are a teaser."""
_HEADLINE = 7.0
"""Reading weight from which a line is one; names of people and sections are shorter."""
_MOST = 0.6
"""Share of the chosen body, or of the teasers, that decides."""


@dataclass(slots=True)
class _Place:
    """Neighbouring lines of prose, ``lines[start:end]``; what precedes them begins at *after*."""

    start: int
    end: int
    size: float
    after: int


def is_listing(sheet: Sheet, told: Told) -> bool:
    """Whether the chosen body is but teasers of other pages. Linear in the page's lines."""
    places = list(_places(sheet))
    own = {place.start: size for place in places if (size := _chosen(sheet, place))}
    first = next((place for place in places if place.start in own), None)
    long = any(place.size > _LONGEST for place in places if place.start in own)
    if first is None or long:
        return False
    titled = _is_titled(sheet, told, first.start)
    share = sum(own.values()) / sum(place.size for place in places)
    tags = any(line.linked for line in sheet.lines)
    if tags:
        linked = [place for place in places if _is_teaser(sheet, place, True)]
        least = 4 if not titled else math.inf if _is_bylined(sheet) else 5
        if _are_most(linked, own) and len(linked) >= least and not _opens(first, linked):
            return True  # a subject's page has a title of its own, too, but no byline
        if not titled and len(linked) >= 5 and share < 0.3:
            return True
    if titled:
        return False
    teasers = [place for place in places if _is_teaser(sheet, place, False)]
    if _are_most(teasers, own):
        dated = sum(1 for place in teasers if _is_dated(sheet, place))
        if dated >= max(4, len(teasers) * _MOST):
            return not _opens(first, teasers)
        return not (tags or _is_dated(sheet, first)) and _is_front(sheet, len(teasers))
    rows = not tags and sheet.lines[0].number != sheet.lines[-1].number
    return rows and len(teasers) >= max(20, len(places) * 0.5) and share < 0.2


def _are_most(teasers: list[_Place], own: dict[int, float]) -> bool:
    """Whether teasers are most of the body; *own* is what was chosen of each place, by its start."""
    return sum(own.get(place.start, 0.0) for place in teasers) >= sum(own.values()) * _MOST


def _opens(first: _Place, teasers: list[_Place]) -> bool:
    """Whether the body begins with more than a teaser: the article, and below it those of others."""
    usual = sorted(place.size for place in teasers)[len(teasers) // 2]
    return first.end - first.start > 1 and first.size >= usual * 1.5


def _places(sheet: Sheet) -> Iterator[_Place]:
    place = None
    after = 0
    for i, line in enumerate(sheet.lines):
        if sheet.kinds[i] not in (Kind.PROSE, Kind.TEASER) or (line.linked > 0.66 and line.size < 30):
            continue
        if place and place.end == i:
            place.end, place.size = i + 1, place.size + line.size
            continue
        if place:
            yield place
            after = place.end
        place = _Place(i, i + 1, line.size, after)
    if place:
        yield place


def _chosen(sheet: Sheet, place: _Place) -> float:
    inside = range(max(place.start, sheet.start), min(place.end, sheet.end))
    return sum(sheet.lines[i].size for i in inside if not sheet.dropped[i])


def _is_teaser(sheet: Sheet, place: _Place, links: bool) -> bool:
    """Whether a short place has a headline right above; where that is a link, its text may be one, too."""
    if place.size > _TEASER or place.end - place.start > 2:
        return False
    if links and any(line.linked > 0.5 for line in sheet.lines[place.start : place.end]):
        return True
    for i in range(place.start - 1, max(place.after, place.start - 4) - 1, -1):
        line = sheet.lines[i]
        if (line.linked > 0.66 and line.size >= _HEADLINE) if links else _is_headline(sheet, i):
            return True
        if line.heading:
            return False  # a section's, with a link to more below the one before
    return False


def _is_headline(sheet: Sheet, i: int) -> bool:
    line = sheet.lines[i]
    if sheet.kinds[i] not in (Kind.SHORT, Kind.LINKS) or line.ends or not _HEADLINE <= line.size <= 45:
        return False
    return not (NUMBERED.match(line.text) or MOMENT.search(line.text))


def _is_dated(sheet: Sheet, place: _Place) -> bool:
    around = [*range(max(place.after, place.start - 3), place.start), *range(place.end, place.end + 3)]
    return any(
        sheet.kinds[i] is Kind.META or MOMENT.search(sheet.lines[i].text[:300])
        for i in around
        if i < len(sheet.lines)
    )


def _is_front(sheet: Sheet, teasers: int) -> bool:
    """Whether headlines alone outnumber the teasers by far, as on fronts of sites."""
    headlines = sum(1 for i in range(len(sheet.lines)) if _is_headline(sheet, i))
    return teasers >= 5 and headlines >= max(20, teasers * 4)


def _is_titled(sheet: Sheet, told: Told, first: int) -> bool:
    """Whether the body that begins at *first* has a title of its own.

    The page says that it is its title, and it has a byline below or the body is about it; or it has a byline,
    headlines begin below that, and the body is about it.
    """
    if sheet.title is None or sheet.lines[sheet.title].size < _HEADLINE:
        return False
    title = sheet.lines[sheet.title].text
    above = (line.text for line in sheet.lines[: min(sheet.title, 5)])
    titles = (told.page_title,) if sheet.lines[sheet.title].linked > 0.66 else (*told.titles, *above)
    said = any(title in other for other in titles)
    bylined = _is_bylined(sheet) and first > sheet.title + 1
    if said and bylined:
        return True
    about = set(grams(sheet.text(sheet.start, sheet.end)[:SUBJECT]))
    named = share_known(title, about) >= (0.3 if said else 0.15)
    return named and (
        said or (bylined and any(_is_headline(sheet, i) for i in range(sheet.title + 1, first)))
    )


def _is_bylined(sheet: Sheet) -> bool:
    """Whether a byline stands right below the title."""
    return sheet.title is not None and Kind.META in sheet.kinds[sheet.title + 1 : sheet.title + 3]
