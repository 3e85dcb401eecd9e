"""The title of a page: the head line the rest of the page agrees with."""

import re
from collections import Counter
from collections.abc import Collection, Sequence, Set

from digest.clean.marks import Kind, is_bare_date
from digest.clean.metadata import is_medium
from digest.clean.sheet import SUBJECT, Sheet, grams, share_known

SITE_SEPARATOR = re.compile(
    r"\s*(?:_+|\s[-–—|·»:：]+\s|[|｜]|--+|(?<=[\u4e00-\u9fff）”》！？])-\s?(?=[\u4e00-\u9fff]))\s*"
)
_LABEL = re.compile(
    r"^(?:原?标 ?题|题目|主题|title|subject)\s?[:：]\s?|^[標标][題题](?=[\[［]|Re:)|\s?\[复制链接\]$",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"{_LABEL.pattern}|^第[一二三四五六七八九十百千\d]{{1,7}}[章回节話话]", re.IGNORECASE)
_NO_TITLE = re.compile(
    r"\d[日\d]\s?\d{1,2}:\d\d|\s[>›»]+\s|>>|[›»‹]|^[\d\s]+$|^\d{1,2}\.\d(?![\d.]*[亿億万萬%％倍])|^[\d,.]+[万kK+]?\s?(?:人|条|个|次|views|likes|comments|shares)"
)
_CRUMBS = re.compile(r"home\b", re.IGNORECASE)
_CODE = re.compile(r"\|.*\d.*\||[={}]|\w\(\S*\)|;$")
_ENOUGH = 0.95
_CLOSE = 6
"""The body of a page that has a title and a byline alone above it begins above this line."""
_WINDOW = 60
"""Lines above the body in which a title is looked for."""


def find(sheet: Sheet) -> int | None:
    """Index of the title's line: near above the body, shares its words, stands over a byline, or repeats."""
    first = next(iter(sheet.prose(sheet.start, sheet.end)), None)
    if first is None:
        return None
    known = set(grams(sheet.text(first, sheet.end)[:SUBJECT]))
    seen = Counter(line.text for line in sheet.lines)
    whole = sheet.mass(sheet.start, sheet.end)
    until = min(sheet.end, first + 14)
    while until > first + 1 and sheet.mass(first, until) > whole * 0.3:
        until -= 1
    if (again := _browsers_again(sheet, first, until, known)) is not None:
        return again
    if _is_bare_head(sheet, first):
        return 0
    owners = [
        sheet.lines[i].text for i, found in enumerate(sheet.kinds) if found in (Kind.JUNK, Kind.NOTICE)
    ][-8:]
    scored = [
        (_points(sheet, i, first, known, seen, owners), -i)
        for i in {0, *range(max(0, first - _WINDOW), until)}
        if _may_be(sheet, i, first)
    ]
    if not scored:
        return None
    points, best = max(scored)
    if points < _ENOUGH and (above := _above_byline(sheet, first)) is not None:
        return above
    if points < _ENOUGH and (points < 0.5 or sheet.lines[-best].size < 6):
        return None
    if _is_browsers(sheet, -best, first, known):
        return 0
    return _above_subtitle(sheet, -best, first, known)


def _is_bare_head(sheet: Sheet, first: int) -> bool:
    """Whether the page begins with its title: a byline is right below, the body soon."""
    if first >= _CLOSE or sheet.kinds[1:2] != [Kind.META] or is_medium(strip_site(sheet.lines[0].text)):
        return False
    if sheet.lines[0].size < 6 and first > 2 and Kind.SHORT in sheet.kinds[2:first]:
        return False  # Opinion, by somebody: the title is further down
    return _may_be(sheet, 0, first)


def _browsers_again(sheet: Sheet, first: int, until: int, known: Set[str]) -> int | None:
    """The line that repeats line 0, the browser's title, without the site: best the last above the body."""
    named = strip_site(sheet.lines[0].text)
    if is_medium(named) or share_known(named, known) < 0.15:
        return None
    places = [i for i in range(1, until) if sheet.lines[i].text == named and sheet.lines[i].size >= 6]
    above = [i for i in places if i <= first]
    return above[-1] if above else places[0] if places else None


def _is_browsers(sheet: Sheet, best: int, first: int, known: Set[str]) -> bool:
    """Whether line 0 is the browser's title, of the body's words, and line *best* shares none of it."""
    named = strip_site(sheet.lines[0].text)
    if best == 0 or sheet.lines[best].heading or sheet.lines[0].size < 6 or is_medium(named):
        return False
    foreign = share_known(sheet.lines[best].text, set(grams(named))) < 0.1
    return foreign and share_known(named, known) >= 0.2 and _may_be(sheet, 0, first)


def _above_byline(sheet: Sheet, first: int) -> int | None:
    """The short line right above the byline: a title the text never uses the words of.

    A name of some characters there is the writer's or the outlet's when a line twice as long stands above it.
    """
    for i in range(max(0, first - 12), first):
        if _may_be(sheet, i, first) and sheet.kinds[i + 1] is Kind.META:
            size = sheet.lines[i].size
            named = i > 0 and size <= 6 and sheet.lines[i - 1].size >= max(8, 2 * size)
            named |= i > 0 and is_medium(sheet.lines[i].text)
            return i - 1 if named and _may_be(sheet, i - 1, first) else i
    return None


def _above_subtitle(sheet: Sheet, i: int, first: int, known: Set[str]) -> int:
    """*i*, or the line above it when *i* merely explains that: it is longer, or a sentence."""
    j = i - 1
    while j > 0 and sheet.kinds[j] is Kind.JUNK and not _CRUMBS.match(sheet.lines[j].text):
        j -= 1
    if j < 0 or sheet.lines[i].heading or not _may_be(sheet, j, first):
        return i
    above, line = sheet.lines[j], sheet.lines[i]
    explains = above.size <= line.size or (sheet.kinds[i] is Kind.PROSE and line.text.endswith("."))
    fits = share_known(above.text, known) >= 0.3 or above.common > 0
    return j if explains and fits and above.size >= 4.5 else i


def _points(
    sheet: Sheet, i: int, first: int, known: Set[str], seen: Counter[str], owners: Sequence[str]
) -> float:
    """How much speaks for line *i*; *owners* are lines of furniture that name the site."""
    line = sheet.lines[i]
    text = strip_site(line.text)
    near = sheet.kinds[i + 1 : i + 5]
    kin = share_known(text, known)
    points = 2.0 * kin * min(line.size / 4, 1.0) + min(line.size, 18) / 18 * 1.2  # NATION is in each text
    if kin >= 0.15 or line.size >= 12:
        points += 0.9 if Kind.META in near else 0.0
        points += 0.4 if near[:1] == [Kind.META] else 0.0
    if line.size >= 6 and (text in sheet.lines[0].text if i else text != line.text and kin >= 0.3):
        points += 1.2 if i else 0.8  # plain copies begin with the browser's title
    points += 0.8 if seen[line.text] > 1 and (kin >= 0.3 or i >= first - 2) else 0.0
    points += 1.5 if line.heading or _NAMED.match(line.text) else 0.0
    points -= min(0.45, 0.03 * max(0, first - i)) + (0.8 if i > first else 0.0)
    below_byline = Kind.META in sheet.kinds[max(0, i - 3) : i]
    points -= 0.8 if below_byline and (Kind.META in near or line.size < 8) else 0.0
    points += 0.3 if i == first - 1 else 0.8 if text.endswith("？") else 0.0
    points -= 1.0 if any(text in name for name in owners) else 0.0
    points -= 1.6 if is_medium(text) and line.size <= 8 else 0.0
    points -= 0.7 if not line.chinese and line.size > 9 and line.common == 0 else 0.0
    return points


def _may_be(sheet: Sheet, i: int, first: int) -> bool:
    line, found = sheet.lines[i], sheet.kinds[i]
    over_byline = sheet.kinds[i + 1 : i + 2] == [Kind.META]
    least = 1.5 if over_byline and i == 0 else 2 if over_byline else 3
    if sheet.dropped[i] or line.goes_on or not least <= line.size <= 90 or is_bare_date(line.text):
        return False
    if (_NO_TITLE.search(line.text) or _CODE.search(line.text)) and not line.heading:
        return False
    if i > first and Kind.META not in sheet.kinds[i + 1 : i + 3] and not line.heading:
        return False
    if found is Kind.PROSE:
        over_byline = line.chinese and not line.ends and Kind.META in sheet.kinds[i + 1 : i + 3]
        over_byline |= i == 0 and not line.ends and line.size <= 40  # a long English headline
        asks = re.search(r"[?？!！…][”\"’'」』》]*$", line.text) and line.size <= 60 and line.stops <= 2
        return (i <= first and bool(asks or over_byline)) or (
            i < first and line.text.endswith(".") and line.size <= 30
        )
    if i == 0 and (found is Kind.CAPTION or (found is Kind.LINKS and over_byline) or _LABEL.match(line.text)):
        return True  # Title | Agency; 標題 with English words between
    return found in (Kind.SHORT, Kind.TEASER)


def bare(title: str, others: Sequence[str]) -> str:
    """A title line without a site's name behind it, when that name is a medium's or stands elsewhere too."""
    stripped = strip_site(title)
    tail = [part for part in SITE_SEPARATOR.split(title[len(stripped) :]) if part]
    known = any(is_medium(part) or any(part in other for other in others) for part in tail)
    return stripped if known else _LABEL.sub("", title).strip()


def is_variant(heading: str, titles: Collection[str]) -> bool:
    """Whether a heading is one of *titles* in nearly its words: The seven secrets …, Seven secrets …"""
    words = set(heading.lower().split())
    return len(words) >= 4 and any(
        len(words & (other := set(title.lower().split()))) * 4 >= 3 * max(len(words), len(other))
        for title in titles
    )


def strip_site(title: str) -> str:
    """*title* without the section and site names behind it: 标题_频道_某网 becomes 标题.

    What follows a separator goes when it is short; the title itself stays longer than it.
    """
    title = _LABEL.sub("", title).strip()
    parts = [(m.start(), m.end()) for m in SITE_SEPARATOR.finditer(title)]
    for start, end in parts:
        kept, gone = title[:start], title[end:]
        if len(kept) >= 6 and len(gone) <= len(kept) * 1.2 and _is_site(gone):
            return kept.strip()
    return title


def _is_site(text: str) -> bool:
    """Whether a page title's tail reads like names of sections and sites."""
    parts = [part for part in SITE_SEPARATOR.split(text) if part]
    return not text.endswith(("?", "？", "!", "！", "”", "」")) and all(
        len(part) <= 12 if re.search("[\u4e00-\u9fff]", part) else len(part.split()) <= 4 for part in parts
    )


def agree(candidates: Sequence[str | None], lines: Sequence[str]) -> str | None:
    """The first candidate that stands as a line of the page; else the first there is."""
    found = [strip_site(c) for c in candidates if c and c.strip()]
    on_page = set(lines)
    return next((c for c in found if c in on_page), found[0] if found else None)
