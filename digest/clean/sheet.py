"""A page under the scissors: its lines, why each was dropped, and how much two texts have in common."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from operator import add

from digest.clean.lines import Line
from digest.clean.marks import Kind
from digest.model import BlockKind
from digest.text import CJK

_GRAM = re.compile(rf"[A-Za-z]{{4,}}|[{CJK}]+")
MIN_BODY = 30.0
"""Reading weight under which what is left is no article."""
SUBJECT = 2_000
"""Characters of a text by which its title is known."""


@dataclass(slots=True)
class Sheet:
    """A page under the scissors: its lines, what each looks like, why it was dropped ('' when kept).

    Args:
        start, end: The body lies in ``lines[start:end]``; empty when the page has none.
        title: Index of the title's line, None when no line was recognised.
        doubled: Share of the page's prose that stood there a second time.
        voted: Whether tags were seen, and some lines taken for body by them.
        tests_left: How often more may be asked whether text below a mark is kin: it costs time.
    """

    lines: Sequence[Line]
    kinds: list[Kind]
    dropped: list[str]
    start: int = 0
    end: int = 0
    title: int | None = None
    doubled: float = 0.0
    tests_left: int = 8
    headings: set[int] = field(default_factory=set)
    asides: set[int] = field(default_factory=set)
    voted: bool = False

    def mass(self, start: int, end: int) -> float:
        """Prose between two lines, in reading weight."""
        return sum(self.lines[i].size for i in self.prose(start, end))

    def prose(self, start: int, end: int) -> list[int]:
        return [i for i in range(start, end) if self.kinds[i] is Kind.PROSE and not self.dropped[i]]

    def text(self, start: int, end: int) -> str:
        return "\n".join(self.lines[i].text for i in self.prose(start, end))

    def drop(self, indexes: Iterable[int], why: str) -> None:
        for i in indexes:
            self.dropped[i] = self.dropped[i] or why

    def block(self, i: int) -> BlockKind:
        """What line *i* of the body is in the article."""
        if i in self.headings:
            return BlockKind.HEADING
        return BlockKind.ASIDE if i in self.asides else BlockKind.PARAGRAPH

    def kept(self) -> list[int]:
        return [i for i in range(self.start, self.end) if not self.dropped[i]]


def grams(text: str) -> list[str]:
    """What a text is about, roughly: pairs of Chinese characters, beginnings of longer Latin words."""
    pieces: list[str] = []
    for run in _GRAM.findall(text):
        if run[0].isascii():
            pieces.append(run.lower().rstrip("s")[:6])
        else:
            pieces += map(add, run, run[1:])
    return pieces


def share_known(text: str, known: Set[str]) -> float:
    """Share of the pairs and words of *text* that *known* has."""
    own = set(grams(text))
    return len(own & known) / len(own) if own else 0.0


def is_kin(text: str, other: str) -> bool:
    """Whether *other* is about what *text* is about.

    Measured against how much the halves of *text* share; in short texts, where halves share little, by the
    words *text* uses more than once.
    """
    text, other = text[:20_000], other[: max(400, len(text[:20_000]))]
    known, asked = Counter(grams(text)), set(grams(other))
    subject = [gram for gram, n in known.items() if n > 1]
    if len(text) < 600:
        return sum(1 for gram in subject if gram in asked) >= max(2, len(subject) * 0.15)
    half = len(text) // 2
    usual = share_known(text[half:], set(grams(text[:half])))
    shared = share_known(other, known.keys())
    return shared >= 0.15 and shared >= usual * 0.75
