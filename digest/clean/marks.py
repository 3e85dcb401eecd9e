"""What single lines give away: end marks, bylines, captions, adverts, teasers, link lists, prose.

The words are those pages use for themselves in Chinese and English, whoever runs them; no site is
named here. Every pattern is anchored or meant for short lines, so that an article that merely speaks
of cookies, comments or copyright is not taken for furniture.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from importlib import resources

from digest.clean.lines import Line
from digest.patterns import Anywhere, Lists, alternatives, joined
from digest.text import fold, lazy


class Kind(StrEnum):
    """What a line is taken for before its neighbours are looked at."""

    PROSE = "prose"
    SHORT = "short line"
    TEASER = "teaser of another article"
    LINKS = "list of links"
    META = "byline or date line"
    END = "mark that ends a body"
    FINAL = "mark that ends a body for good"
    JUNK = "page furniture"
    NOTICE = "notice of the site"
    CALL = "promotion"
    CAPTION = "picture caption or file name"


BREAKS = (Kind.END, Kind.FINAL, Kind.LINKS, Kind.NOTICE, Kind.CALL)
"""What may end a body."""


def _vocabulary() -> tuple[dict[str, list[str]], Lists, str]:
    """The patterns of each list of marks.toml, one alternative each, services, and a date with its time."""
    listed = tomllib.loads(resources.files("digest.clean").joinpath("marks.toml").read_text("utf-8"))
    date, time = (joined(listed.pop(name)) for name in ("date", "time"))
    services = {name: [joined(p) for p in patterns] for name, patterns in listed.pop("service").items()}
    parts = {
        name: [part for p in patterns for part in alternatives(joined(p))]
        for name, patterns in listed.items()
    }
    filled = {n: [p.replace("{date}", date).replace("{time}", time) for p in ps] for n, ps in parts.items()}
    return filled, Lists(services, re.IGNORECASE), f"{date}(?:{time})?"


class _Tests:
    """Kinds of furniture in the order they are asked for."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        listed = [(found, part) for found in kinds for part in _LISTS[found.name.lower()]]
        self._kinds = [found for found, _ in listed]
        self.patterns = Anywhere([part for _, part in listed], re.IGNORECASE)

    def __call__(self, text: str) -> Kind | None:
        which = self.patterns.first(text)
        return None if which is None else self._kinds[which]


_LISTS, _SERVICES, _DATE = _vocabulary()
_OF_ALL = _Tests((Kind.FINAL, Kind.CAPTION, Kind.END, Kind.CALL, Kind.JUNK, Kind.NOTICE))
_OF_LONG = _Tests((Kind.END, Kind.NOTICE))
"""Of paragraphs only these are asked."""
_META = _Tests((Kind.META,))
_FINAL = _Tests((Kind.FINAL,))
_NOTE = lazy("|".join(_LISTS["aside"]), re.IGNORECASE)
_BARE_DATE = re.compile(_DATE, re.IGNORECASE)
_BYLINE = re.compile(
    r"^(?:By|BY|by):? (?:[A-Z][\w.'’-]*[ ,&]*|and |for |in |of |the |de |van |von )+"
    r"(?:[|•·,–—/(-].{0,80}|\S+@\S+)?$(?<![.!?])"
)

_SEPARATOR = re.compile(r"\s[|｜·•>»›/_-]\s|[|｜丨·•»›]")
_BLANKS = re.compile(rf"{_SEPARATOR.pattern}|[/ ]")
_CLAUSE = re.compile("[，,][^，,]{4}")
_FIGURE = re.compile(r"\d")
"""In half of the pieces of a line: the row of a table."""
_CAPITAL = re.compile(r"(?<= )[A-Z]")
"""In two of five words: headlines in a row."""
_ELLIPSIS = re.compile(
    r"(?:\.{2,}|…+|\[(?:…|\.{3})\])\s?(?:[\[【(（<]?(?:详细|全文|阅读全文"
    r"|更多|查看全文|详情|展开|more|read more"
    r"|continue reading|full story)[\]】)）>»]*)?$",
    re.IGNORECASE,
)
_TRADITIONAL = re.compile("[閱讀關聞報導編輯責聲權轉載鍵標籤評論熱門題發來時間專頁訂書點選擊登錄註冊圖攝廣]")
_ADDRESS = re.compile(r"\b(?:you|your|our|us|we)\b", re.IGNORECASE)
NUMBERED = re.compile(
    r"^(?:[一二三四五六七八九十]{1,3}[、.．]|第[一二三四五六七八九十\d]{1,3}[章节部分]|[(（][一二三四五六七八九十\d]{1,2}[)）]"
    r"|0?\d{1,2}[.、．:：]?\s|0\d$|(?:part|chapter|section) \w+"
    r"|结语|尾声|写在最后|引言|前言|后记|总结|小结|Q\d|[IVX]{1,4}\.)",
    re.IGNORECASE,
)
"""What begins a heading."""
_LONG = 120
"""Size above which a line is judged as prose first: furniture of that length is caught by its zone."""


def kind(line: Line) -> Kind:
    """What *line* looks like on its own."""
    if line.apart == "caption":
        return Kind.CAPTION
    text = fold(line.text) if _TRADITIONAL.search(line.text) else line.text
    if len(text) <= 600 and line.size <= _LONG * 2:
        prose = is_prose(line, strict=True)
        asks = text.endswith(("?", "？"))
        if not (prose or asks) and line.size <= _LONG and is_byline(text) and not _FINAL(text):
            return Kind.META
        if found := (_OF_LONG if prose and line.size >= 60 else _OF_ALL)(text):
            return found
    if line.size <= _LONG and _is_service(text):
        return Kind.JUNK
    if not line.vote and (line.linked > 0.66 or _is_links(line) or _is_menu(line)):
        return Kind.LINKS
    sighs = line.vote and text.endswith("……")
    cut_off = (
        not sighs and 12 <= line.size <= 110 and ("…" in text or ".." in text) and _ELLIPSIS.search(text)
    )
    if cut_off and (line.size >= 28 or text[-1] != "…"):
        return Kind.TEASER
    return Kind.PROSE if is_prose(line) else Kind.SHORT


def _is_service(text: str) -> bool:
    """Whether a site speaks to its readers of its letters, accounts and terms: of two of these or more."""
    spaced = text.count(" ") * 10 > len(text) and text[0] not in "“‘\"'"  # English, and nobody's words
    return spaced and bool(_ADDRESS.search(text)) and sum(map(bool, _SERVICES.words(text).values())) >= 2


def subjects(text: str) -> set[str]:
    """What of a site's services a paragraph names, as single words are written in it."""
    return {word.lower().rstrip("s") for words in _SERVICES.words(text).values() for word in words}


def has_marked(paragraphs: Iterable[str]) -> bool:
    """Whether one of them, long enough to be prose whatever they say, is furniture all the same."""
    texts = [fold(p) if _TRADITIONAL.search(p) else p for p in paragraphs if len(p) <= 600]
    return _OF_LONG.patterns.in_any(texts) or any(map(_is_service, texts))


def is_prose(line: Line, *, strict: bool = False) -> bool:
    """Whether it reads as sentences. Strict: at least two of them, or a long one."""
    if strict:
        return line.ends and line.stops >= 1 and (line.size >= 60 or (line.stops >= 2 and line.size >= 30))
    if line.chinese:
        return (
            (line.ends and line.size >= (2 if line.stops else 5))
            or (line.stops >= 1 and line.size >= 25)
            or (line.size >= 26 and len(_CLAUSE.findall(line.text)) >= (2 if line.size < 36 else 1))
            or line.size >= 70
        )
    return (line.ends and line.size >= 8) or (line.common >= 0.2 and line.size >= 30) or line.stops >= 2


def _is_links(line: Line) -> bool:
    if line.stops or line.size < 6:
        return False
    separator = _BLANKS if line.chinese else _SEPARATOR
    pieces = [piece for piece in separator.split(line.text[:600]) if piece.strip()]
    if sum(1 for piece in pieces if _FIGURE.search(piece)) * 2 >= len(pieces):
        return False
    return len(pieces) >= 4 and line.common < 0.15 and line.size / len(pieces) <= 8 and not line.ends


def _is_menu(line: Line) -> bool:
    """Whether a piece of an English page on one line is names in a row, not a sentence."""
    if not line.goes_on or line.chinese or line.size < 16:
        return False
    return line.common < 0.15 or len(_CAPITAL.findall(line.text)) * 1.6 >= line.size * 0.4


def is_byline(text: str) -> bool:
    """Whether the line names an author, a source or a date as pages do, outside of running text."""
    return bool(_META(text[:300]) or _BYLINE.match(text[:160]))


def is_note(text: str) -> bool:
    """Whether a paragraph at an end of a text speaks of the text itself, its authors or its readers."""
    return _NOTE.match(text[:200]) is not None


def is_bare_date(text: str) -> bool:
    return bool(_BARE_DATE.fullmatch(text))
