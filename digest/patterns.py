"""Lists of regular expressions, tried only where one of them may begin: most of a text is passed over.

The engine of ``re`` skips to where a pattern may begin only when that is a list of plain words. What richer
patterns may begin with is read here from their source, which must not hold capturing groups.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from itertools import pairwise
from typing import TypeVar

_ITEM = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]|\\.|\(\?(?:[-a-z]*:|<?[=!])|.", re.DOTALL)
_TIMES = re.compile(r"(?:[*+?]|\{\d*,?\d*\})\??")
_EVERY = r"\s\S"
_NEVER = re.compile("(?!)")

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


def anywhere(patterns: Sequence[str], flags: int = 0) -> re.Pattern[str]:
    """One pattern for any of *patterns*, to search with."""
    begin = "|".join(dict.fromkeys(map(begins, patterns)))
    plain = all(begins(pattern) == f"[{re.escape(pattern[0])}]" for pattern in patterns)
    listed = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(listed if plain else f"(?={begin})(?:{listed})", flags) if patterns else _NEVER


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
