"""The sentences that say most of a text within a budget, for ``digest summarize`` and evaluation."""

import heapq
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, chain

from digest.summarize.dangling import Fix, standing
from digest.summarize.quotes import is_balanced, label
from digest.summarize.salience import Bag, bag, centrality, newsness, scaled, terms
from digest.text import (
    Span,
    count,
    count_cjk,
    fold,
    is_chinese,
    is_cjk,
    latin_words,
    lazy,
    sentences,
    simplified,
)

_CLAUSE = lazy(r"[，,；;：:、](?!\d)")
# Weights tried on the labelled set of `make eval` and on public news and meetings outside it; none is sharp.
_ODDS, _REPEATED, _EARLY, _FADE = 0.6, 0.4, 1.6, 0.15
"""Odds that a summary of news takes over a term that one sentence holds, and how they grow with repetition
and with standing at the head, fading by sentence (fitted to what public summaries of news took over)."""
_ASKED = 0.8  # share of the query where the text is mixed
_STAYS = 0.9
"""How likely the next sentence is still on the subject: answers are often far from their question's words."""
_FEEDBACK, _FEEDBACK_FROM = 0.8, 3  # weight of the best answers' words, and of how many answers
_NEW = 0.7  # of what a sentence adds to those chosen
_FULL_SENTENCE = 24  # characters, or twelve words
_STANDS = {Fix.FINE: 1.0, Fix.JOIN: 0.85, Fix.DROP: 0.2}
_UNENDED = 0.2  # of captions, bylines and headings, which alone in their text have no end mark of their own
_WORTH = 0.12  # of the best sentence's gain, to be worth filling room with
_END_MARKS = '。！？!?.…”」』"’'
_OVERLONG = 160  # characters of a sentence that may be cut at its clauses
_SHARE, _LEAST, _MOST = 0.12, 200, 500
ENGLISH = 2.35
"""Characters of English for one of Chinese: the guide counts a word as two (480 characters, 230 words)."""


def quotable(text: str) -> int:
    """Characters of *text* that may be quoted at a time: 12 %, 200 to 500 (editorial guide, section 2)."""
    scale = 1.0 if is_chinese(text) else ENGLISH
    return min(max(round(count(text) * _SHARE), round(_LEAST * scale)), round(_MOST * scale))


def extract(
    text: str, *, query: str = "", max_chars: int | None = None, max_sentences: int | None = None
) -> tuple[Span, ...]:
    """Choose verbatim sentences of *text*, in its order.

    Coverage of the character pairs (words in English) a summary is likely to hold, those named early as far
    as the text is news; the query as far as the text is mixed; and novelty (Carbonell and Goldstein 1998).
    Chosen one after another: the subset that fills the budget best was tried and says less. Deterministic,
    near linear.

    Args:
        max_chars: Of the sentences joined by line breaks, white space counted; never exceeded.
            Without any limit what is ``quotable``.

    Returns:
        Spans; a sentence is cut, at a clause mark, only where none fits whole. Empty for no budget or text.
    """
    if max_chars is None and max_sentences is None:
        max_chars = quotable(text)
    text = simplified(text)
    units = _units(text)
    room = math.inf if max_chars is None else max_chars
    most = len(units) if max_sentences is None else max_sentences
    if not units or room <= 0 or most <= 0:
        return ()
    news = newsness(text, [line for line in text.splitlines() if line.strip()])
    words = _weighed(bag(text, units), news)
    scores = _scores(text, units, words, news, query)
    chosen = _fill(units, words, scores, room, most)
    if not chosen:
        return _cut(text, units, scores, room)
    return tuple(units[i] for i in sorted(chosen))


def _units(text: str) -> list[Span]:
    """Sentences with something in them, speakers' labels left off."""
    found: list[Span] = []
    spans = sentences(text)
    labels = {a: m for a, b in spans if (a == 0 or text[a - 1] in "\n\r") and (m := label(text, a, b))}
    uses = Counter(m.group("who") for m in labels.values())
    for begin, stop in spans:
        m = labels.get(begin)
        start = m.end() if m and uses[m.group("who")] > 1 else begin
        for piece in _pieces(text, start, stop):
            unit = _whole_marks(text, *piece)
            if sum(c.isalnum() for c in text[slice(*unit)]) >= 4:
                found.append(unit)
    return found


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    """The sentence; one that runs on and on, as in transcripts, by its clauses."""
    longest = _OVERLONG if is_cjk(text[start]) else 3 * _OVERLONG
    if end - start > longest:
        for m in _CLAUSE.finditer(text, start, end):
            if m.end() - start >= longest // 3:
                yield start, m.end()
                start = m.end()
    yield start, end


def _whole_marks(text: str, start: int, end: int) -> Span:
    """Without the one mark of a long quotation that a sentence of it begins or ends with."""
    if not is_balanced(text[start:end]):
        if text[start] in '“「『"' and is_balanced(text[start + 1 : end]):
            return start + 1, end
        if text[end - 1] in '”」』"' and is_balanced(text[start : end - 1]):
            return start, end - 1
    return start, end


def _weighed(words: Bag, news: float) -> Bag:
    """With each term's chance to be told again: what is repeated, and in news what is named early."""
    first = {word: i for i, mine in reversed([*enumerate(words.terms)]) for word in mine}

    def chance(word: str, centre: float) -> float:
        early = math.exp(_EARLY * news * math.exp(-_FADE * first[word]))
        odds: float = _ODDS * centre ** (1 + _REPEATED * news) * early
        return odds / (1 + news * odds)

    return replace(words, centre={word: chance(word, centre) for word, centre in words.centre.items()})


def _scores(text: str, units: Sequence[Span], words: Bag, news: float, query: str) -> list[float]:
    """What each sentence covers for its length, and how it answers the query."""
    own = [
        worth * central
        for worth, central in zip(_fitness(text, units), centrality(words, 0.5 * news), strict=True)
    ]
    asked, mixed = _asked(words, query)
    share = _ASKED * mixed
    return [(1 - share) * o + share * a for o, a in zip(own, asked, strict=True)]


def _fitness(text: str, units: Sequence[Span]) -> list[float]:
    """Less for fragments, questions, headings and what hangs: they say little of what a text holds."""
    chinese, opened = is_chinese(text[:20_000]), False
    ended = [text[end - 1] in _END_MARKS for _, end in units]
    marked = sum(ended) > len(units) / 3
    found = []
    for (start, end), whole in zip(units, ended, strict=True):
        body = text[start:end]
        size = count_cjk(body) + 2 * latin_words(body)
        stands = standing(body if whole else f"{body}。", chinese=chinese, names=frozenset(), spoken=True)
        if marked and not whole:
            worth = _UNENDED
        else:
            fix = stands.fix if is_balanced(body) else Fix.DROP
            fix = fix if opened or fix is Fix.DROP else Fix.FINE  # nothing stands before the opening
            worth = _STANDS[fix] * stands.weight
            opened = True
        found.append(worth * (0.25 + 0.75 * min(1.0, size / _FULL_SENTENCE)))
    return found


def _asked(words: Bag, query: str) -> tuple[list[float], float]:
    """How much each sentence and its neighbours answer *query*, and how mixed the text is.

    Mixed is 0 when every sentence answers. The query is widened by words of the best answers (Rocchio 1971).
    """
    every = len(words.terms)
    spread = Counter(chain.from_iterable(words.terms))
    rarity = {w: math.log(1 + every / (1 + n)) for w, n in spread.items()}
    weights = {w: rarity[w] for w in terms(fold(query)) if w in rarity}
    if not weights:
        return [0.0] * every, 0.0
    found = _near(words, weights)
    hit = sum(not weights.keys().isdisjoint(s) for s in words.terms) / every
    best = heapq.nlargest(_FEEDBACK_FROM, range(every), key=found.__getitem__)
    more = Counter(w for i in best for w in words.terms[i])
    share = _FEEDBACK * sum(weights.values()) / sum(n * rarity[w] for w, n in more.items())
    for w, n in more.items():
        weights[w] = weights.get(w, 0.0) + share * n * rarity[w]
    return scaled(_near(words, weights)), 1.0 - hit


def _near(words: Bag, weights: Mapping[str, float]) -> list[float]:
    """The weights found in each sentence and, fading with the distance, in those around it."""
    own = [sum(weights[w] for w in s & weights.keys()) / max(1, len(s)) ** 0.3 for s in words.terms]
    before, after = _faded(own), _faded(own[::-1])[::-1]
    return [b + a - o for b, a, o in zip(before, after, own, strict=True)]


def _faded(values: Sequence[float]) -> list[float]:
    return list(accumulate(values, lambda so_far, value: _STAYS * so_far + value))


def _fill(units: Sequence[Span], words: Bag, scores: Sequence[float], room: float, most: int) -> set[int]:
    """Greedy by gain, what is already said discounted; a heap of stale gains keeps it near linear."""
    covered: set[str] = set()
    chosen: set[int] = set()
    heap = [(-_gain(words, i, covered) * scores[i], i) for i in range(len(units))]
    heapq.heapify(heap)
    least = -heap[0][0] * _WORTH
    while heap and len(chosen) < most and -heap[0][0] >= least:
        _, i = heapq.heappop(heap)
        cost = units[i][1] - units[i][0] + bool(chosen)
        if cost > room:
            continue
        gain = _gain(words, i, covered) * scores[i]
        if heap and -gain > heap[0][0]:
            heapq.heappush(heap, (-gain, i))
            continue
        chosen.add(i)
        covered |= words.terms[i]
        room -= cost
    return chosen


def _gain(words: Bag, i: int, covered: set[str]) -> float:
    """How much of a sentence is worth saying, by what of it is new."""
    mine = words.terms[i]
    total = words.worth(mine)
    return 1 - _NEW + _NEW * (words.worth(mine - covered) / total if total else 0.0)


def _cut(text: str, units: Sequence[Span], scores: Sequence[float], room: float) -> tuple[Span, ...]:
    """The longest run of whole clauses of the best sentence that fits; nothing when no clause does."""
    for i in sorted(range(len(units)), key=lambda i: -scores[i])[:20]:
        start, end = units[i]
        marks = [m.start() for m in _CLAUSE.finditer(text, start, end) if 0 < m.start() - start <= room]
        if marks:
            return ((start, marks[-1]),)
    return ()
