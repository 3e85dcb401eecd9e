"""Lists of regular expressions, tried only where one of them may match: most of a text is passed over.

RE2 tells in one pass whether any of a list may match at all; the engine of ``re`` says what does, and where.
It skips to where a pattern may begin only when that is a list of plain words, so what richer patterns may
begin with is read here from their source, which must not hold capturing groups.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property, lru_cache, partial
from itertools import pairwise
from typing import TypeVar, cast

import re2

_ITEM = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]|\\.|\(\?(?:[-a-z]*:|<?[=!])|.", re.DOTALL)
_TIMES = re.compile(r"(?:[*+?]|\{\d*,?\d*\})\??")
_EVERY = r"\s\S"
_ANY = "(?s:.)"
_WIDER = {r"\d": r"\p{Nd}", r"\w": r"\p{L}\p{N}_", r"\s": r"\s\x0b\x1c-\x1f\x{85}\p{Z}", "[": r"\["}
_IN_CLASS = re.compile(r"(?<!^)\[|\\.", re.DOTALL)

T = TypeVar("T")


def joined(pattern: str) -> str:
    """A pattern written on several lines, for the eye only, as one line."""
    return "".join(line.strip() for line in pattern.split("\n")) if "\n" in pattern else pattern


def _items(pattern: str) -> Iterator[tuple[int, str, int]]:
    """(place, item, groups open around it) of a pattern's characters, classes, escapes and brackets."""
    depth = 0
    for match in _ITEM.finditer(pattern):
        depth -= match.group() == ")"
        yield match.start(), match.group(), depth
        depth += match.group()[0] == "("


def alternatives(pattern: str) -> list[str]:
    """The parts of a pattern between the bars that stand in no bracket."""
    bars = [-1, *(at for at, item, depth in _items(pattern) if item == "|" and depth == 0), len(pattern)]
    return [pattern[a + 1 : b] for a, b in pairwise(bars)]


def begins(pattern: str) -> str:
    """The characters a match may begin with, as a class."""
    found, may_be_empty = _begins(pattern)
    return f"[{_EVERY if may_be_empty else found}]"


def _begins(pattern: str) -> tuple[str, bool]:
    each = [_part_begins(part) for part in alternatives(pattern)]
    return "".join(dict.fromkeys(found for found, _ in each)), any(empty for _, empty in each)


def _part_begins(part: str) -> tuple[str, bool]:
    """(inside of the class, whether the part may match nothing at all)."""
    found, at = "", 0
    while at < len(part):
        item = next(_items(part[at:]))[1]
        end = at + len(item)
        if item[0] == "(":
            end = (
                at + next(place for place, sign, depth in _items(part[at:]) if sign == ")" and depth == 0) + 1
            )
        inside, empty = _item_begins(item, part[at + len(item) : end - 1])
        times = _TIMES.match(part, end)
        at = times.end() if times else end
        found += inside
        if not empty and not (times and times.group().startswith(("*", "?", "{0", "{,"))):
            return found, False
    return found, True


def _item_begins(item: str, inside: str) -> tuple[str, bool]:
    if item[0] == "(" and item[-1] == ":":
        return _begins(inside)
    if item[0] == "(" or item in ("^", "$", r"\b", r"\B"):
        return "", True
    if item[0] == "[" and item[1] != "^":
        return item[1:-1], False
    if item[0] == "[" or item == ".":
        return _EVERY, False
    return item if item[0] == "\\" else re.escape(item), False


def _wider(pattern: str) -> str:
    """What RE2 is asked for: it finds whatever *pattern* matches, and perhaps more.

    RE2 knows no look-around, and takes ``\\w``, ``\\d`` and ``\\s`` for ASCII.
    """
    found, left_out = "", -1  # depth of the look-around that is being passed over
    for _, item, depth in _items(pattern):
        if left_out >= 0:
            left_out = -1 if item == ")" and depth == left_out else left_out
        elif item in ("(?=", "(?!", "(?<=", "(?<!"):
            left_out = depth
        elif item in (".", r"\D", r"\W", r"\S"):
            found += _ANY
        elif item[0] == "[":
            found += _ANY if re.search(r"\\[DWS]", item) else _IN_CLASS.sub(_widened, item)
        elif item not in ("^", "$", r"\b", r"\B"):
            found += f"[{_WIDER[item]}]" if item in _WIDER else item
    return found


def _widened(match: re.Match[str]) -> str:
    return _WIDER.get(match.group(), match.group())


class Anywhere:
    """One pattern for any of several. Texts that RE2 finds nothing in, nearly all, are not searched again.

    RE2 reads a text once, however many the alternatives. Both engines compile when first needed.
    """

    def __init__(self, patterns: Sequence[str], flags: int = 0) -> None:
        self._patterns, self._flags = patterns, flags

    @cached_property
    def exact(self) -> re.Pattern[str]:
        """For texts in which one is known to match."""
        begin = "|".join(dict.fromkeys(map(begins, self._patterns)))
        listed = "|".join(f"(?:{pattern})" for pattern in self._patterns)
        return re.compile(f"(?={begin})(?:{listed})", self._flags)

    @cached_property
    def _may(self) -> Callable[[bytes], object]:
        if not self._patterns:
            return lambda text: None
        options = re2.Options()
        options.never_capture = True
        options.case_sensitive = not self._flags & re.IGNORECASE
        options.max_mem = 64 << 20
        wide = "|".join(f"(?:{_wider(pattern)})" for pattern in self._patterns)
        return cast(Callable[[bytes], object], re2.compile(wide.encode(), options).search)

    def search(self, text: str) -> re.Match[str] | None:
        return self.exact.search(text) if self._may(text.encode("utf-8", "replace")) else None

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        return self.exact.finditer(text) if self._may(text.encode("utf-8", "replace")) else iter(())

    def findall(self, text: str) -> list[str]:
        return [match.group() for match in self.finditer(text)]


def at_start(patterns: Iterable[tuple[T, str]], flags: int = 0) -> Callable[[str], T | None]:
    """What the first of the named *patterns* that matches at a text's start is called; None when none does.

    Those that cannot begin with the text's first character are not tried.
    """
    listed = [(re.compile(begins(pattern), flags).match, name, pattern) for name, pattern in patterns]
    compiled = cache(partial(re.compile, flags=flags))  # when first needed: most never are, and it takes long

    @lru_cache(maxsize=4096)
    def fitting(first: str) -> Sequence[tuple[T, Callable[[str], object]]]:
        return [(name, compiled(pattern).match) for begin, name, pattern in listed if begin(first)]

    def named(text: str) -> T | None:
        for name, match in fitting(text[:1]):
            if match(text):
                return name
        return None

    return named
