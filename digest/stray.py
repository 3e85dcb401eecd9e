"""The end of an article that belongs to another text, as copies of pages carry it.

It speaks of nothing the rest speaks of and points at nothing in it: no such words as 该, his, the. A last
paragraph of background, an example or a look ahead does at least one of the two.
"""

import re
from collections.abc import Sequence
from operator import add

from digest.adverts import WORDS
from digest.text import CJK, count_cjk, word_table

_MOST = 3
"""Paragraphs of such an end."""
_REST = 3
"""Paragraphs before it, at least."""
_LOOKED_AT = 20_000
"""Characters of the rest that it is compared with."""
_TIMES = 2
"""How much longer the rest must be."""
_RUN = re.compile(f"[{CJK}]{{2,}}")
_WORD = re.compile(r"[a-z]{4,}")
_STEM = 6
"""Letters by which English words are taken for one."""
_POINTING = {language: re.compile(source) for language, source in WORDS["stray"]["pointing"].items()}
_USUAL = {language: word_table(words) for language, words in WORDS["stray"]["usual"].items()}
_CHARS = frozenset(WORDS["stray"]["chars"])
_NUMERALS = frozenset("〇零一二三四五六七八九十百千万亿两几多")
_LEAST = {"zh": 35, "en": 10}
"""Subjects from which a paragraph can be judged; for each one more, half as many."""
_FOR_ONE = {"zh": 35, "en": 16}
"""Subjects among which one may stand in the rest as well, once."""
_POINTS = {"zh": 0.019, "en": 0.115}
"""Share of characters and words that point back, above which it is of the rest; less where they share one."""


def end(paragraphs: Sequence[str]) -> int:
    """How many of the last folded paragraphs are of another text; 0 for nearly every article."""
    text = "".join(paragraphs[-_MOST:])
    language = "zh" if count_cjk(text) * 3 > len(text) else "en"
    each = ((n, _shared(paragraphs, n, language)) for n in range(1, _MOST + 1))
    found = [(shared, -n) for n, shared in each if shared is not None]
    return -min(found, default=(0, 0))[1]


def _shared(paragraphs: Sequence[str], n: int, language: str) -> int | None:
    """How much of what the last *n* speak of the rest mentions, when that is next to nothing."""
    if len(paragraphs) < n + _REST:
        return None
    tail, rest = "\n".join(paragraphs[-n:]), "\n".join(paragraphs[:-n])[:_LOOKED_AT]
    if len(tail) * _TIMES > len(rest):
        return None
    points = len(_POINTING[language].findall(tail)) / _size(tail, language)
    if points > _POINTS[language]:
        return None
    about, met = _subjects(tail, language), 0
    if len(about) < _LEAST[language] * (n + 1) / 2:
        return None
    if language == "en":
        rest = " " + " ".join(_WORD.findall(rest))
    for subject in about:
        often = rest.count(subject)
        met += often > 0
        if often > 1 or met * _FOR_ONE[language] > len(about) or points > _POINTS[language] * (1 - met / 8):
            return None
    return met


def _size(text: str, language: str) -> int:
    return max(1, count_cjk(text) if language == "zh" else text.count(" "))


def _subjects(text: str, language: str) -> set[str]:
    """Pairs of Chinese characters, one of them rare; English words without their ends; none that is usual."""
    if language == "en":
        return {f" {stem}" for stem in {word[:_STEM] for word in _WORD.findall(text)} - _USUAL["en"]}
    pairs = {pair for run in _RUN.findall(text) for pair in map(add, run, run[1:])} - _USUAL["zh"]
    return {pair for pair in pairs if not _CHARS.issuperset(pair) and _NUMERALS.isdisjoint(pair)}
