"""Lists of regular expressions, of which only those are tried that a text may match: most are passed over.

Whatever a pattern matches holds one of a few strings, read here from its source: a link farm's holds
"http" or "www". One walk over a text tells which of all those strings stand in it (Aho and Corasick 1975).
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from heapq import heapify, heappop, heapreplace
from itertools import accumulate, pairwise

from ahocorasick_rs import BytesAhoCorasick

_ITEM = re.compile(
    r"[^\\\[\](){}|.?*+^$]+(?![?*+{])|\[\^?\]?(?:[^\]\\]|\\.)*\]|\\(?:x..|u.{4}|.)|\(\?(?:[-a-z]*:|<?[=!]|P<\w+>)|(?:[*+?]|\{\d*,?\d*\})\??|.",
    re.DOTALL,
)
_SETTLED = re.compile(r"\[(?:[^\\^-]|\\[^\w])+\]", re.DOTALL)
"""A class without ranges and kinds of characters."""
_MOST = 100
"""Strings that are looked for in the place of one pattern."""
_PIECE = 100_000
"""Bytes that are walked over at a time, then as many again: all that is met in them is held at once."""


def joined(pattern: str) -> str:
    """A pattern written on several lines, for the eye only, as one line."""
    return "".join(line.strip() for line in pattern.split("\n")) if "\n" in pattern else pattern


def alternatives(pattern: str) -> list[str]:
    """The parts of a pattern between the bars that stand in no bracket."""
    bars, depth = [-1], 0
    for match in _ITEM.finditer(pattern):
        item = match.group()
        depth += (item[0] == "(") - (item == ")")
        if item == "|" and not depth:
            bars.append(match.start())
    return [pattern[a + 1 : b] for a, b in pairwise([*bars, len(pattern)])]


_Strings = frozenset[str]
_ANY: _Strings = frozenset()
_EMPTY: _Strings = frozenset({""})


@cache
def needs(pattern: str) -> frozenset[str]:
    """Strings of which every match holds at least one; none when there is no telling."""
    strings, _, _ = _choice(_ITEM.findall(pattern), 0)
    return strings if "" not in strings else _ANY


def _choice(items: list[str], at: int) -> tuple[_Strings, bool, int]:
    """(strings, whether they are all that may match, place behind) of the alternatives from *at* on."""
    found: list[tuple[_Strings, bool]] = []
    while not found or (at < len(items) and items[at] == "|"):
        strings, exact, at = _sequence(items, at + bool(found))
        found.append((strings, exact))
    exact = all(exact for _, exact in found)
    if not exact and any(_worth(strings) == (0, 0) for strings, _ in found):
        return _ANY, False, at
    return _ANY.union(*(strings for strings, _ in found)), exact, at


def _sequence(items: list[str], at: int) -> tuple[_Strings, bool, int]:
    best, run, whole = _ANY, _EMPTY, True
    while at < len(items) and items[at] not in ("|", ")"):
        strings, exact, at = _repeated(items, at)
        if exact and len(run) * len(strings) <= _MOST:
            run = frozenset(a + b for a in run for b in strings)
            continue
        whole = False
        best = max(best, run, strings, key=_worth)
        run = strings if exact else _EMPTY
    return run if whole else max(best, run, key=_worth), whole, at


def _worth(strings: _Strings) -> tuple[int, int]:
    """Long strings are rare, and so are few."""
    least = min(map(len, strings), default=0)
    return (least, -len(strings)) if least else (0, 0)


def _repeated(items: list[str], at: int) -> tuple[_Strings, bool, int]:
    strings, exact, at = _item(items, at)
    times = items[at] if at < len(items) else ""
    if times in ("?", "??") and exact:
        return strings | _EMPTY, True, at + 1
    if times and (times[0] in "*?" or times.startswith(("{0", "{,"))):
        return _ANY, False, at + 1
    if times and (times[0] == "+" or (times[0] == "{" and len(times) > 1)):
        return strings, False, at + 1
    return strings, exact, at


def _item(items: list[str], at: int) -> tuple[_Strings, bool, int]:
    item, at = items[at], at + 1
    if item[0] == "(":
        strings, exact, at = _choice(items, at)
        around = item[-1] in "=!"  # it takes up no character
        return (_EMPTY, True, at + 1) if around else (strings, exact, at + 1)
    if item in ("^", "$", r"\b", r"\B"):
        return _EMPTY, True, at
    if item[0] == "[":
        settled = _SETTLED.fullmatch(item)
        return (frozenset(item[1:-1].replace("\\", "")), True, at) if settled else (_ANY, False, at)
    if item == "." or (item[0] == "\\" and item[1].isalnum()):
        return _ANY, False, at
    return frozenset({item.removeprefix("\\")}), True, at


class Strings:
    """Several strings, all looked for in one walk."""

    def __init__(self, strings: Sequence[str]) -> None:
        self._find = BytesAhoCorasick([string.encode() for string in strings]).find_matches_as_indexes

    def numbers(self, octets: bytes) -> set[int]:
        """Of those that stand in a text, given as UTF-8."""
        return {n for n, _, _ in self._hits(octets)}

    def each(self, texts: Sequence[bytes]) -> list[set[int]]:
        """The same of several texts, in one walk over all of them."""
        found: list[set[int]] = [set() for _ in texts]
        begins = [*accumulate(map(len, texts), initial=0)]
        for n, start, end in self._hits(b"".join(texts)):
            at = bisect_right(begins, start) - 1
            if end <= begins[at + 1]:
                found[at].add(n)
        return found

    def _hits(self, octets: bytes) -> Iterable[tuple[int, int, int]]:
        if len(octets) <= _PIECE:
            return self._find(octets, overlapping=True)
        return (
            (n, at + start, at + end)
            for at in range(0, len(octets) - _PIECE, _PIECE)
            for n, start, end in self._find(octets[at : at + 2 * _PIECE], overlapping=True)
        )


class Anywhere:
    """One pattern for any of several. Each compiles when a text first holds what it needs."""

    def __init__(self, patterns: Sequence[str], flags: int = 0) -> None:
        self.patterns, self.flags = patterns, flags
        self._ignores_case = bool(flags & re.IGNORECASE)
        self._tests: dict[int, Callable[..., re.Match[str] | None]] = {}
        self.shared: tuple[_Walk, int] | None = None

    @cached_property
    def _held(self) -> tuple["Strings", list[list[int]], list[int]]:
        """What finds the strings, the patterns that need each of them, and those that are always tried."""
        held: dict[str, list[int]] = {}
        always = []
        for n, pattern in enumerate(self.patterns):
            strings = {string.casefold() if self._ignores_case else string for string in needs(pattern)}
            for string in strings:
                held.setdefault(string, []).append(n)
            if not strings:
                always.append(n)
        return Strings(list(held)), list(held.values()), always

    def possible(self, text: str) -> list[int]:
        """Numbers of the patterns that *text* may match, in order."""
        if self.shared:
            walk, place = self.shared
            return walk.possible(text)[place]
        strings, held, always = self._held
        sought = text.casefold() if self._ignores_case else text
        found = strings.numbers(sought.encode("utf-8", "replace"))
        return sorted({n for which in found for n in held[which]}.union(always)) if found else always

    def _test(self, n: int) -> Callable[..., re.Match[str] | None]:
        if n not in self._tests:
            compiled = re.compile(self.patterns[n], self.flags)
            self._tests[n] = compiled.match if self.patterns[n][0] == "^" else compiled.search
        return self._tests[n]

    def first(self, text: str) -> int | None:
        """The number of the first of the patterns that *text* matches, wherever."""
        for n in self.possible(text):
            if self._test(n)(text):
                return n
        return None

    def in_any(self, texts: Sequence[str]) -> bool:
        """Whether one of several texts matches one of the patterns, wherever; one walk for all."""
        may = self.possible("\n".join(texts))
        return any(self._test(n)(text) for n in may for text in texts)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """What ``re.finditer`` finds of all of them, in the order of the text."""
        tests = [(n, self._test(n)) for n in self.possible(text)]
        ahead = [(match.start(), n, test, match) for n, test in tests if (match := test(text))]
        heapify(ahead)
        end = 0
        while ahead:
            start, n, test, match = ahead[0]
            if start >= end:
                yield match
                end = match.end()
            if following := test(text, end):
                heapreplace(ahead, (following.start(), n, test, following))
            else:
                heappop(ahead)

    def findall(self, text: str) -> list[str]:
        return [match.group() for match in self.finditer(text)]


def together(*lists: Anywhere) -> "_Walk":
    """Let lists that are tried on the same texts share a walk: its way through memory is what costs."""
    walk = _Walk(lists)
    for place, one in enumerate(lists):
        one.shared = walk, place
    return walk


class _Walk:
    def __init__(self, lists: Sequence[Anywhere]) -> None:
        self._all = Anywhere([pattern for one in lists for pattern in one.patterns], lists[0].flags)
        self._places = [(place, n) for place, one in enumerate(lists) for n in range(len(one.patterns))]
        self._lists = range(len(lists))
        self._last: tuple[str, list[list[int]]] | None = None

    def possible(self, text: str) -> list[list[int]]:
        """By list; for the end of the text that was asked for last, what is possible in all of that."""
        if self._last is None or not self._last[0].endswith(text):
            found: list[list[int]] = [[] for _ in self._lists]
            for number in self._all.possible(text):
                place, n = self._places[number]
                found[place].append(n)
            self._last = text, found
        return self._last[1]


class Lists:
    """Several lists of patterns, each under its name, all looked for in one walk."""

    def __init__(self, lists: Mapping[str, Sequence[str]], flags: int = 0) -> None:
        self._lists = {name: Anywhere(patterns, flags) for name, patterns in lists.items()}
        self._walk = together(*self._lists.values())

    def words(self, text: str) -> dict[str, list[str]]:
        """What each list finds, every word once, in the order of the text."""
        both = zip(self._lists.items(), self._walk.possible(text), strict=True)
        return {name: list(dict.fromkeys(one.findall(text))) if may else [] for (name, one), may in both}
