"""What single lines give away: end marks, bylines, captions, adverts, teasers, link lists, prose.

The words are those pages use for themselves in Chinese and English, whoever runs them; no site is
named here. Every pattern is anchored or meant for short lines, so that an article that merely speaks
of cookies, comments or copyright is not taken for furniture.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from itertools import pairwise

from digest.clean.lines import Line
from digest.text import fold


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


@dataclass(frozen=True, slots=True)
class _Marks:
    """One list of marks.toml: what begins a line, tried there only, and what may stand anywhere in it."""

    first: re.Pattern[str]
    anywhere: re.Pattern[str]


def _vocabulary() -> dict[str, _Marks]:
    """The lists of marks.toml; trying anchored patterns at every place of a line would cost the most."""
    listed = tomllib.loads(resources.files("digest.clean").joinpath("marks.toml").read_text("utf-8"))
    date, time = (_joined(listed.pop(name)) for name in ("date", "time"))
    found = {}
    for name, patterns in listed.items():
        parts = [part for pattern in patterns for part in _alternatives(_joined(pattern))]
        filled = [part.replace("{date}", date).replace("{time}", time) for part in parts]
        first = [part for part in filled if part.startswith("^")]
        anywhere = [part for part in filled if not part.startswith("^")]
        begin = "".join(sorted({_begin(part) for part in anywhere}))
        found[name] = _Marks(_any_of(first), _any_of(anywhere, f"(?=[{begin}])" if anywhere else ""))
    return found | {"date": _Marks(re.compile(f"{date}(?:{time})?", re.I), re.compile("(?!)"))}


def _any_of(parts: Sequence[str], ahead: str = "") -> re.Pattern[str]:
    return re.compile(f"{ahead}(?:{'|'.join(f'(?:{part})' for part in parts) or '(?!)'})", re.I)


def _begin(part: str) -> str:
    """What may be the first character of a match, for a class: most places of a line are passed over by it.

    The lists must not begin a pattern with what may be absent, a negated class or a shorthand.
    """
    part = part.removeprefix(r"\b")
    plain = list(_unbracketed(part))
    if part.startswith("("):
        close = next(i for i, sign, depth in plain if sign == ")" and depth == 0)
        return "".join(_begin(inner) for inner in _alternatives(part[3:close]))
    if part.startswith("["):
        return part[1 : next(i for i, _, _ in plain) - 1]
    return part[:2] if part[0] == "\\" else part[0]


def _unbracketed(pattern: str) -> Iterator[tuple[int, str, int]]:
    """(place, sign, open groups after it) of a pattern's signs, those escaped or in classes left out."""
    depth, squared, escaped = 0, False, False
    for i, sign in enumerate(pattern):
        if escaped or sign == "\\":
            escaped = not escaped
        elif squared:
            squared = sign != "]"
        elif sign == "[":
            squared = True
        else:
            depth += (sign == "(") - (sign == ")")
            yield i, sign, depth


def _alternatives(pattern: str) -> list[str]:
    """The parts of a pattern between the bars that stand in no bracket."""
    bars = [-1, *(i for i, sign, depth in _unbracketed(pattern) if sign == "|" and depth == 0), len(pattern)]
    return [pattern[a + 1 : b] for a, b in pairwise(bars)]


def _joined(pattern: str) -> str:
    return "".join(line.strip() if "\n" in pattern else line for line in pattern.split("\n"))


_MARKS = _vocabulary()
_FINAL = _MARKS["final"].first
_TESTS = tuple(
    (found, _MARKS[name].first.match, _MARKS[name].anywhere.search, of_short)
    for name, found, of_short in (
        ("final", Kind.FINAL, True),
        ("caption", Kind.CAPTION, True),
        ("end", Kind.END, False),
        ("call", Kind.CALL, False),
        ("junk", Kind.JUNK, True),
        ("notice", Kind.NOTICE, False),
    )
)
"""In order: kind, what begins such a line, what stands in one, whether no paragraph is one."""
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
        if not prose and is_byline(line.text) and not _FINAL.match(text):
            return Kind.META
        for found, begins, holds, of_short in _TESTS:
            if not (long and of_short) and (begins(text) or holds(text)):
                return found
    if (line.linked > 0.66 and not line.vote) or _is_links(line):
        return Kind.LINKS
    if 12 <= line.size <= 110 and _ELLIPSIS.search(text) and (line.size >= 28 or text[-1] == "."):
        return Kind.TEASER
    return Kind.PROSE if is_prose(line) else Kind.SHORT


def is_marked_paragraph(text: str) -> bool:
    """Whether a paragraph, long enough to be prose whatever it says, is furniture all the same."""
    text = fold(text) if _TRADITIONAL.search(text) else text
    tests = ((begins, holds) for _, begins, holds, of_short in _TESTS if not of_short)
    return len(text) <= 600 and any(begins(text) or holds(text) for begins, holds in tests)


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
    return bool(_MARKS["meta"].first.match(text[:300]) or _BYLINE.match(text[:160]))


def is_bare_date(text: str) -> bool:
    return bool(_MARKS["date"].first.fullmatch(text))
