"""Would a reader who has only the title understand a passage? A linear model of what it brings along.

What strict readers stumbled over says little for the first time, stands far from the head of the article and
from its title, points and leans, or is broken. How ``clarity.toml`` was learned: docs/decisions.md.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib import resources

from digest.model import Article
from digest.summarize.salience import Bag, terms
from digest.text import Span, count, fold

_MOST, _TITLED = 3, 4
"""Of one sign in a passage, and of terms that the title has: more tell no more."""
_NEW = {False: 15, True: 40}
"""The same of terms the article has nowhere before; in Chinese they are pairs of characters."""
_DENSE = 40
"""Characters of which one symbol makes a passage, or an article, look like code."""


@cache
def _learned(chinese: bool) -> tuple[re.Pattern[str], dict[str, float]]:
    """The signs of a language, and the weights of them and of the measures."""
    read = resources.files("digest.summarize").joinpath("clarity.toml").read_text("utf-8")
    table = tomllib.loads(read)["zh" if chinese else "en"]
    return re.compile(table["signs"], re.VERBOSE), table["weights"]


class Clarity:
    """Measures runs of an article's sentences, which *spans* tells with their paragraphs' numbers.

    Args:
        own: How much each sentence says of the article as a whole.
    """

    def __init__(
        self,
        article: Article,
        spans: Sequence[tuple[Span, int]],
        words: Bag,
        own: Sequence[float],
        *,
        chinese: bool,
    ) -> None:
        signs, self._weights = _learned(chinese)
        self._most_new = _NEW[chinese]
        self._paragraphs, self._own = [n for _, n in spans], own
        bodies = [article.text[start:end] for (start, end), _ in spans]
        self._sizes = [count(body) for body in bodies]
        self._signs = [Counter(m.lastgroup or "" for m in signs.finditer(body)) for body in bodies]
        known = terms(fold(article.title))
        self._titled = [told & known for told in words.terms]
        first = {term: i for i, told in reversed([*enumerate(words.terms)]) for term in told}
        self._new = Counter(first.values())
        self._dense = _density(sum(found["symbols"] for found in self._signs), sum(self._sizes))

    def of(self, first: int, last: int) -> float:
        """How likely sentences *first* to *last* are understood, 0 to 1."""
        measured = self.measured(first, last)
        return 1 / (1 + math.exp(sum(self._weights[name] * value for name, value in measured.items())))

    def measured(self, first: int, last: int) -> dict[str, float]:
        """By name, as in the table of weights."""
        run = range(first, last + 1)
        size = max(1, sum(map(self._sizes.__getitem__, run)))
        titled = len(frozenset().union(*map(self._titled.__getitem__, run)))
        found = Counter[str]()
        for i in run:
            found.update(self._signs[i])
        return {
            **{sign: float(min(_MOST, often)) for sign, often in found.items()},
            "bias": 1.0,
            "new": min(self._most_new, sum(map(self._new.__getitem__, run))),
            "titled": min(_TITLED, titled),
            "untitled": not titled,
            "own": sum(self._own[i] * self._sizes[i] for i in run) / size,
            "number": math.log(1 + first),
            "within": first > 0 and self._paragraphs[first - 1] == self._paragraphs[first],
            "size": math.log(1 + size),
            "dense": self._dense,
            "symbols": _density(found["symbols"], size),
        }


def _density(symbols: int, size: int) -> float:
    return min(1.0, symbols / max(1, size) * _DENSE)
