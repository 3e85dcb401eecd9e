"""What single lines give away: end marks, bylines, captions, adverts, teasers, link lists, prose.

The words are those pages use for themselves in Chinese and English, whoever runs them; no site is
named here. Every pattern is anchored or meant for short lines, so that an article that merely speaks
of cookies, comments or copyright is not taken for furniture.
"""

import re
import tomllib
from enum import StrEnum
from importlib import resources

from digest.clean.lines import Line
from digest.text import CJK, fold


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


def _vocabulary() -> dict[str, re.Pattern[str]]:
    """The lists of marks.toml, each compiled to one pattern."""
    listed = tomllib.loads(resources.files("digest.clean").joinpath("marks.toml").read_text("utf-8"))
    date, time = (_joined(listed.pop(name)) for name in ("date", "time"))
    filled = {
        name: [_joined(pattern).replace("{date}", date).replace("{time}", time) for pattern in patterns]
        for name, patterns in listed.items()
    }
    whole = {
        name: re.compile("|".join(f"(?:{p})" for p in patterns), re.I) for name, patterns in filled.items()
    }
    return whole | {"date": re.compile(f"{date}(?:{time})?", re.I)}


def _joined(pattern: str) -> str:
    return "".join(line.strip() if "\n" in pattern else line for line in pattern.split("\n"))


_MARKS = _vocabulary()
_ORDER = (
    ("final", Kind.FINAL),
    ("meta", Kind.META),
    ("caption", Kind.CAPTION),
    ("end", Kind.END),
    ("call", Kind.CALL),
    ("junk", Kind.JUNK),
    ("notice", Kind.NOTICE),
)
_ANCHORED = frozenset({"final", "end"})
_SHORT_ONLY = frozenset({"final", "junk"})
"""Patterns of whole short lines: not worth trying on paragraphs."""
_BYLINE = re.compile(
    r"^(?:By|BY|by):? (?:[A-Z][\w.'’-]*[ ,&]*|and |for |in |of |the |de |van |von )+"
    r"(?:[|•·,–—/(-].{0,80})?$(?<![.!?])"
)

_SEPARATOR = re.compile(r"\s[|｜·•>»›/_-]\s|[|｜丨·•»›]")
_BLANKS = re.compile(rf"{_SEPARATOR.pattern}|[/ ]")
_CLAUSE = re.compile("[，,][^，,]{4}")
_FIGURE = re.compile(r"\d")
"""In half of the pieces of a line: the row of a table."""
_ELLIPSIS = re.compile(
    r"(?:\.{2,}|…+|\[(?:…|\.{3})\])\s?(?:[\[【(（<]?(?:详细|全文|阅读全文"
    r"|更多|查看全文|详情|展开|more|read more"
    r"|continue reading|full story)[\]】)）>»]*)?$",
    re.IGNORECASE,
)
_TRADITIONAL = re.compile("[閱讀關聞報導編輯責聲權轉載鍵標籤評論熱門題發來時間專頁訂書點選擊登錄註冊圖攝]")
_LONG = 120
"""Size above which a line is judged as prose first: furniture of that length is caught by its zone."""


def kind(line: Line) -> Kind:
    """What *line* looks like on its own."""
    text = fold(line.text) if _TRADITIONAL.search(line.text) else line.text
    if len(text) <= 600 and line.size <= _LONG * 2:
        prose = is_prose(line, strict=True)
        long = prose and line.size >= 60
        for name, found in _ORDER:
            skipped = (long and name in _SHORT_ONLY) or (prose and name == "meta")
            if not skipped and _fits(name, line.text if name == "meta" else text):
                return found
    if line.linked > 0.66 or _is_links(line):
        return Kind.LINKS
    if 12 <= line.size <= 110 and _ELLIPSIS.search(text) and (line.size >= 28 or text[-1] == "."):
        return Kind.TEASER
    return Kind.PROSE if is_prose(line) else Kind.SHORT


def _fits(name: str, text: str) -> bool:
    """Whether a list's patterns find something; those that begin at the line's start are only tried there."""
    if name == "meta":
        return is_byline(text)
    return bool(_MARKS[name].match(text) if name in _ANCHORED else _MARKS[name].search(text))


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


def is_byline(text: str) -> bool:
    """Whether the line names an author, a source or a date as pages do, outside of running text."""
    return bool(_MARKS["meta"].match(text[:300]) or _BYLINE.match(text[:160]))


def is_call(text: str) -> bool:
    return bool(_MARKS["call"].search(text))


def is_bare_date(text: str) -> bool:
    return bool(_MARKS["date"].fullmatch(text))


def has_cjk(text: str) -> bool:
    return bool(re.search(f"[{CJK}]", text))
