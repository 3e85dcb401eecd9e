"""Would a reader who has only the title understand a passage? A linear model of what it brings along.

What strict readers stumbled over says little for the first time, stands far from the head of the article and
from its title, points and leans, or is broken. How ``clarity.toml`` was learned: docs/decisions.md.
"""

import math
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from importlib import resources
from operator import mul

from digest.model import Article, BlockKind
from digest.summarize.salience import Bag, terms
from digest.text import Span, fold

_MOST, _TITLED = 3, 4
"""Of one sign in a sentence, and of terms that the title has: more tell no more."""
_NEW = {False: 15, True: 40}
"""The same of terms the article has nowhere before; in Chinese they are pairs of characters."""
_DENSE = 40
"""Characters of which one symbol makes a passage, or an article, look like code."""
_SHORT, _NEAR = 60, (-2, -1, 1, 2)
"""Characters below which a paragraph may be an item of a list, and which ones beside a sentence's tell."""


@cache
def _learned(chinese: bool) -> tuple[re.Pattern[str], defaultdict[str, float]]:
    """The signs of a language, and the weights of them and of the measures; what has none counts nothing."""
    read = resources.files("digest.summarize").joinpath("clarity.toml").read_text("utf-8")
    table = tomllib.loads(read)["zh" if chinese else "en"]
    return re.compile(table["signs"], re.VERBOSE), defaultdict(float, table["weights"])


class Clarity:
    """Knows each run of an article's sentences, which *spans* gives with their paragraphs' numbers.

    Args:
        sizes: Characters of each sentence, without white space.
        own: How much each says of the article as a whole.
        leads: Whether each may open an item, or is somebody's words.
    """

    def __init__(
        self,
        article: Article,
        spans: Sequence[tuple[Span, int]],
        words: Bag,
        sizes: Sequence[int],
        own: Sequence[float],
        leads: Sequence[bool],
        *,
        chinese: bool,
    ) -> None:
        signs, self._weights = _learned(chinese)
        self._most_new, title = _NEW[chinese], terms(fold(article.title))
        self._sizes, self._paragraphs = sizes, [n for _, n in spans]
        self._central = [*map(mul, own, sizes)]
        found = [[m.lastgroup for m in signs.finditer(article.text, *span)] for span, _ in spans]
        self._symbols = [of.count("symbols") for of in found]
        self._signs = [self._weigh(of) if of else 0.0 for of in found]
        self._titled = [told & title for told in words.terms]
        self._new = words.new
        headings = [block.kind is BlockKind.HEADING for block in article.blocks]
        self._whole = self._weights["bias"]
        self._whole += self._weights["headings"] * sum(headings) / max(1, len(headings))
        self._whole += self._weights["dense"] * _density(sum(self._symbols), sum(sizes))
        self._leads = leads
        self._asked = [False, *(article.text[end - 1] in "?？" for (_, end), _ in spans)]
        lengths: Counter[int] = Counter()
        for n, size in zip(self._paragraphs, sizes, strict=True):
            lengths[n] += size
        self._short = {n for n, size in lengths.items() if size < _SHORT * (1 if chinese else 2)}

    def _weigh(self, signs: Sequence[str | None]) -> float:
        often = Counter(sign for sign in signs if sign != "symbols")
        return sum(self._weights[sign or ""] * min(_MOST, n) for sign, n in often.items())

    def of(self, first: int, last: int) -> float:
        """How likely sentences *first* to *last* are understood, 0 to 1."""
        weights, run, paragraph = self._weights, slice(first, last + 1), self._paragraphs[first]
        size = max(1, sum(self._sizes[run]))
        titled = len(frozenset().union(*self._titled[run]))
        central = sum(self._central[run]) / size
        doubt = self._whole + sum(self._signs[run]) + weights["own"] * central
        doubt += weights["new"] * min(self._most_new, sum(self._new[run]))
        doubt += weights["titled"] * min(_TITLED, titled) + weights["untitled"] * (not titled)
        doubt += weights["number"] * math.log(1 + first) + weights["size"] * math.log(1 + size)
        doubt += weights["within"] * (first > 0 and self._paragraphs[first - 1] == paragraph)
        doubt += weights["leads"] * self._leads[first] + weights["asked"] * self._asked[first]
        doubt += weights["listed"] * sum(paragraph + n in self._short for n in _NEAR)
        doubt += weights["symbols"] * _density(sum(self._symbols[run]), size)
        return 1 / (1 + math.exp(doubt))


def _density(symbols: int, size: int) -> float:
    return min(1.0, symbols / max(1, size) * _DENSE)
