"""What a text is about, sentence by sentence: centrality, position, theme, information.

Linear in the length of the text: the cosine of a sentence with all others together is its product
with their centroid, so no pair is ever compared.
"""

import math
import re
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import filterfalse
from operator import add, sub

from digest.model import Article, BlockKind
from digest.text import CJK, Span, alternatives, count_cjk, fold, latin_words, lazy, word_table

_RUN = lazy(rf"[{CJK}]+|[a-z0-9][a-z0-9'’.+\-]*")
_FUNCTION = frozenset(
    "的了是在就这那我你他她它们个么吗呢吧啊嗯呃哦哎呀嘛有也都还和与或不说要会能可以为着过上下没很对把被让给从到去来做想看得地"
    "之其而且但因所如果然后里面一些样什怎谁哪几多大家觉时候现在其实应该比较非常已经可能需必"
)
_ENGLISH_FUNCTION = word_table(
    """
    a an the and or but nor so yet of in on at by to for from with without as is are was were be been
    being am do does did have has had having will would can could should may might must shall not no this
    that these those it there here its he him his she her they them their we us our you your i me my who
    whom whose which what when where why how if then than because while about into over after before
    between out up down off again more most some such only own same too very just also said says say one
    two other new mr mrs ms dr any both each few all s t get got like
    """
)


_EMPTY = frozenset(a + b for a in _FUNCTION for b in _FUNCTION) | _FUNCTION | {""}


def terms(folded: str) -> frozenset[str]:
    """Pairs of Chinese characters and Latin words without endings, words of pure function left out."""
    found: list[str] = []
    for run in _RUN.findall(folded):
        if run.isascii():
            word = run.rstrip(".'’-+")
            if word not in _ENGLISH_FUNCTION:
                found.append(_stem(word))
        elif len(run) == 1:
            found.append(run)
        else:
            found += map(add, run, run[1:])
    return frozenset(filterfalse(_EMPTY.__contains__, found))


@lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    """Plurals and genitives are one with their word; stronger stems bring wrong words together."""
    word = word.removesuffix("'s").removesuffix("’s")
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@dataclass(frozen=True, slots=True)
class Bag:
    """The terms of every sentence, and how central each term is.

    Args:
        terms: One set a sentence.
        centre: Term to its weight in the sum of the normalised sentences.
        new: How many terms no sentence before had.
    """

    terms: tuple[frozenset[str], ...]
    centre: Mapping[str, float]
    new: tuple[int, ...]

    def worth(self, mine: Iterable[str]) -> float:
        """How much of what the text repeats is in these terms of it."""
        return math.fsum(map(self.centre.__getitem__, mine))


def bag(text: str, spans: Sequence[Span]) -> Bag:
    folded = fold(text)
    sets = tuple(terms(folded[start:end]) for start, end in spans)
    centre: dict[str, float] = {}
    known = [0]
    for words in sets:
        share = 1 / math.sqrt(len(words) or 1)
        for word in words:
            centre[word] = centre.get(word, 0.0) + share
        known.append(len(centre))
    return Bag(sets, centre, tuple(map(sub, known[1:], known)))


def centrality(words: Bag, power: float = 0.25) -> list[float]:
    """0 to 1: how much of what the text repeats stands in each sentence.

    The product with the centroid over a power of the length: 0.5, the cosine, is right for news; it favours
    short sentences, which in talk say little of the whole (tried on the labelled set of ``make eval``).
    """
    return scaled([words.worth(s) / len(s) ** power if s else 0.0 for s in words.terms])


def scaled(values: Sequence[float]) -> list[float]:
    top = max(values, default=0.0)
    return [v / top if top > 0 else 0.0 for v in values]


def overlap(one: frozenset[str], other: frozenset[str] | set[str]) -> float:
    """Share of *one* that stands in *other* too."""
    return len(one & other) / len(one) if one else 0.0


_HARM = lazy(
    alternatives(r"""
    诈骗 欺骗 骗取 敲诈 勒索 盗取 盗窃 窃取 抢劫 掠夺 霸占 侵占 侵吞 侵略 贪污 行贿 贿赂 杀 毒 死 嫖 淫 奸
    猥亵 胁迫 逼迫 威逼 编造 捏造 伪造 假造 冒充 作弊 背叛 勾结 阴谋 消灭 歼灭 失事 失败 煽动 炮制
    \b(?:fraud|swindl|cheat|steal|stole|kill|poison|murder|assault|brib|fake|counterfeit|rape|dead)\w*
    """)
)
"""Words that accuse or harm: from a rewriting program they may stand for harmless ones (诈骗 for 利用)."""
_BROKEN, _ODD, _DENSE = 0.6, 0.9, 40
"""What is left of a sentence's worth for each word that does not exist, and each unusual synonym, in so many
characters: a long sentence may hold more of them."""


@cache
def _rewriters() -> tuple[re.Pattern[str], tuple[tuple[str, str], ...]]:
    """Words nobody writes; and pairs, usual word and what rewriting programs put in its place."""
    words = tomllib.loads(resources.files("digest").joinpath("gate.toml").read_text("utf-8"))
    broken = "|".join("".join(words[name].split("\n")) for name in ("misconverted", "tortured"))
    table = f"{words['never']},{words['seldom']}".replace("\n", " ")
    pairs = (pair.replace("_", " ") for both in table.split(",") for pair in both.split())
    return re.compile(broken), tuple(zip(pairs, pairs, strict=True))


def soundness(article: Article) -> Callable[[str], float]:
    """How far a sentence of *article* can be trusted: 1, less by each sign of a rewriting program.

    0 for one with a word that accuses or harms, unless the title speaks of it. Always 1 where the gate saw
    no rewriting.
    """
    if all(flag.code != "spun" for flag in article.flags):
        return lambda sentence: 1.0
    whole, title = fold(article.text), fold(article.title)
    broken, pairs = _rewriters()
    odd = [b for a, b in pairs if whole.count(b) > 4 * whole.count(a)] + ["正在"]

    def sound(sentence: str) -> float:
        folded = fold(sentence)
        if any(m.group() not in title for m in _HARM.finditer(folded)):
            return 0.0
        trust = _BROKEN ** len(broken.findall(folded)) * _ODD ** sum(map(folded.count, odd))
        return float(trust ** min(1.0, _DENSE / len(folded)))

    return sound


_SPEAKER = lazy(
    rf"^\s*(?:[QA问答]\s*[:：]|[{CJK}A-Za-z·. ]{{1,12}}\s*(?:[（(][^（）()]{{1,12}}[)）])?\s*[:：])", re.M
)
_QUOTED = lazy(r"“[^“”\n]*”|「[^「」\n]*」|\"[^\"\n]*\"")
_FIRST_PERSON = lazy(r"我们?|咱们|\b(?:I|we|We|my|our)\b")
_FILLER = lazy(
    r"嗯|呃|啊[，,。]|就是说|对吧|这个这个|那个|然后呢|的话|是吧|U[mh]\b(?<!\w..)|u[mh]\b(?<!\w..)|Yeah\b|yeah\b|Okay\b|okay\b"
)


def newsness(text: str, lines: Sequence[str]) -> float:
    """How far position tells importance: 1 for a news report, 0 for talk and transcripts.

    Talk is known by speaker marks, questions, first persons and fillers; interviews and profiles, by
    quotation and questions, lie between.
    """
    size = max(1.0, count_cjk(text) + 2.0 * latin_words(text))
    marked = sum(bool(_SPEAKER.match(line)) for line in lines) / max(1, len(lines))
    told = _QUOTED.sub("", text)
    questions = (told.count("？") + told.count("?")) * 1000 / size
    first = len(_FIRST_PERSON.findall(told)) * 1000 / size
    filler = len(_FILLER.findall(text)) * 1000 / size
    talk: float = 1.6 * marked + questions / 12 + first / 14 + filler / 8 + max(0.0, size - 2500) / 6000
    return max(0.0, 1.0 - talk)


def places(folded: str, focus: Mapping[str, float]) -> tuple[tuple[int, float], ...]:
    """Offset and weight of every term of the theme; of terms that overlap, the longest."""
    found: dict[int, float] = {}
    covered = bytearray(len(folded))
    for term in sorted((term for term in focus if term and term in folded), key=len, reverse=True):
        pattern = re.escape(term)
        if term.isascii():
            pattern = rf"(?<![a-z0-9]){pattern}(?:e?s)?(?![a-z0-9])"
        for m in re.finditer(pattern, folded):
            if not any(covered[m.start() : m.end()]):
                covered[m.start() : m.end()] = b"x" * (m.end() - m.start())
                found[m.start()] = focus[term]
    return tuple(sorted(found.items()))


def relevance(article: Article, spans: Sequence[Span], hits: Sequence[tuple[int, float]]) -> list[float]:
    """0 to 1: the theme's terms in each sentence, a third as much for those of its section's heading."""
    raw = [0.0] * len(spans)
    starts = [start for start, _ in spans]
    headings = [block for block in article.blocks if block.kind is BlockKind.HEADING]
    begins = [block.start for block in headings]
    for at, weight in hits:
        n = bisect_right(begins, at) - 1
        if n >= 0 and at < headings[n].end:
            stop = begins[n + 1] if n + 1 < len(begins) else len(article.text)
            for i in range(bisect_left(starts, at), bisect_left(starts, stop)):
                raw[i] += 0.3 * weight
        elif (i := bisect_right(starts, at) - 1) >= 0:
            raw[i] += weight
    return scaled([1 - math.exp(-value / 1.5) for value in raw])
