"""Every run of one to three neighbouring sentences of an article that could be quoted by itself."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, zip_longest
from typing import Any, NamedTuple

from digest.model import Article
from digest.people import SAYING, in_title, named_in, people
from digest.summarize.clarity import Clarity
from digest.summarize.dangling import Fix, Standing, can_join, standing
from digest.summarize.quotes import Quotation, is_balanced, labelled, quotations
from digest.summarize.salience import (
    Bag,
    bag,
    centrality,
    newsness,
    places,
    relevance,
    soundness,
    terms,
)
from digest.text import CJK, Span, count, fold, is_chinese, lazy, sentences

_MOST_SENTENCES = 3
_THEMED = 0.5
"""Share of the theme in a sentence's score."""
_DOUBTFUL = 0.5
"""Trust below which a sentence too likely says something else than was written (guide, section 5)."""
_HOLLOW = 0.4
"""Weight below which a sentence only announces or exclaims."""
_CLARITY = 2
"""What clarity weighs in a passage's worth, as a power."""
_SHORTEST = 10
"""Characters of an opening sentence: shorter ones (张宏江尤其。) lean on what stood before."""
_PRELUDE = lazy(
    r"[★☆●■◆▲►▶※]+\s*|(?:解说|旁白|字幕|画外音|Anchor)\s*[:：]\s*|\([A-Z]{2,8}\) ?[-–—]+ ?"
    r"|(?:核心提示|内容提要|内容摘要|提要|摘要|导读|导语|编者按)\s*[:：]\s*"
    r"|(?:【[^】\n]{2,20}】\s*"
    r"|[^，,。：:“\n]{0,16}?(?:[报网社台端闻经技][^\s，,。：:“]{0,8}?|\d+月\d+日[^，。\n]{0,6}?)(?:讯|电|消息)(?=[\s（(，,：:]))+"
    r"\s*(?:[（(][^（()）\n]{2,30}[)）])?\s*(?:\d+日)?[，,：:]?\s*"
    r"|(?:BEIJING|BERLIN|BOSTON|BRUSSELS|CHICAGO|DUBAI|FRANKFURT|GENEVA|HONG KONG|LONDON|LOS ANGELES|MADRID"
    r"|MOSCOW|MUMBAI|NEW DELHI|NEW YORK|PARIS|ROME|SAN FRANCISCO|SEOUL|SHANGHAI|SINGAPORE|SYDNEY|TOKYO"
    r"|TORONTO|WASHINGTON|ZURICH) (?=[A-Z][a-z])"
    r"|(?:[A-Z][A-Z.' ]{2,20}[A-Z](?:, [A-Z][a-z.]+)?(?: \d{1,2}(?:, \d{4})?)?(?: \([^)\n]{2,24}\))?"
    r"|[A-Z][A-Za-z ]{2,20} \([A-Z][A-Za-z]+\))"
    r" ?(?:--|—|–|(?<= )-) ?(?=[A-Z“\"])"
)
"""What stands before an article's first sentence: 导语：, 新华社北京3月5日电, LONDON (Reuters) -."""
_INFORMS = (
    lazy(r"[\dA-Z](?:(?<=\d)|[A-Za-z]{2,})"),
    lazy(SAYING.removesuffix(")") + "|因为|由于|使得|导致|意味着|because|said|according)"),
)


class Sentence(NamedTuple):
    number: int
    start: int
    end: int
    size: int
    paragraph: int
    terms: frozenset[str]
    standing: Standing
    spoken: Quotation | None
    score: float
    own: float

    def is_cut(self, article: Article) -> bool:
        """Whether words a site had spliced in were taken out of it."""
        return any(self.start < cut.at < self.end for cut in article.cuts)


class Passage(NamedTuple):
    """``article.text[start:end]``, able to stand alone once *speaker*, if any, is named beside it.

    Args:
        clear: How likely a reader who has only the title understands it, 0 to 1.
        about: Sum of the weights of the theme's terms in it.
        telling: It ends as a sentence does, and is no notice or slogan: fit to be a point.
    """

    start: int
    end: int
    size: int
    score: float
    own: float
    clear: float
    about: float
    leads: bool
    telling: bool
    terms: frozenset[str]
    paragraph: int
    speaker: str | None
    spoken: Quotation | None


@dataclass(frozen=True, slots=True)
class Reading:
    """An article read once: its sentences, who is named and who is quoted.

    Args:
        hits: Where the theme's terms stand, in order.
        weights: Sums of the weights of the first none, one, two … of them.
        stands: Judges a sentence by itself, for words of a named speaker when ``spoken``.
    """

    article: Article
    chinese: bool
    names: frozenset[str]
    quotes: tuple[Quotation, ...]
    sentences: tuple[Sentence, ...]
    news: float
    hits: tuple[int, ...]
    weights: tuple[float, ...]
    clarity: Clarity
    stands: Callable[..., Standing]

    def about(self, start: int, end: int) -> float:
        """Sum of the weights of the theme's terms in ``text[start:end]``."""
        return self.weights[bisect_left(self.hits, end)] - self.weights[bisect_left(self.hits, start)]

    def sentence_at(self, offset: int) -> Sentence:
        """The sentence that covers *offset*, or the one before it."""
        return self.sentences[max(0, bisect_right(self.sentences, offset, key=lambda s: s.start) - 1)]


def read(article: Article, focus: Mapping[str, float]) -> Reading:
    """Split, judge and weigh the sentences of *article* for the theme whose terms *focus* weighs."""
    text = article.text
    chinese = is_chinese(text[:20_000])
    names = people(f"{article.title}\n{text}")
    paragraphs = article.paragraphs()
    turns = labelled(text, paragraphs, names, _main_person(article, names))
    heard = {turn.start for turn in turns}
    told = quotations(text, [block for block in paragraphs if block.start not in heard], names)
    quotes = tuple(sorted((*turns, *told), key=lambda quote: quote.start))
    begins = {b.start: m.end() for b in paragraphs if (m := _PRELUDE.match(text, b.start, b.end))}
    begins |= {turn.start: turn.words[0] for turn in turns}
    spans = [
        (span, n)
        for n, block in enumerate(paragraphs)
        for span in sentences(text, begins.get(block.start, block.start), block.end)
    ]
    words = bag(text, [span for span, _ in spans])
    news = newsness(text, [text[b.start : b.end] for b in paragraphs])
    sizes = [count(text[start:end]) for (start, end), _ in spans]
    own = _own_scores(article, [span for span, _ in spans], words, news)
    hits = places(fold(text), focus)
    about = relevance(article, [span for span, _ in spans], hits)
    themed = _THEMED if any(about) else 0.0
    starts = [quote.start for quote in quotes]
    stands = partial(
        _judge,
        sound=soundness(article),
        chinese=chinese,
        names=names,
        selves=_selves(article),
        in_full={} if chinese else _in_full(article, names),
    )
    read_: list[Sentence] = []
    for i, ((start, end), paragraph) in enumerate(spans):
        spoken = _spoken(start, end, quotes, starts)
        body = text[start:end]
        score = (1 - themed) * own[i] + themed * about[i]
        stood = stands(body, spoken=bool(spoken and spoken.speaker))
        read_.append(
            Sentence(i, start, end, sizes[i], paragraph, words.terms[i], stood, spoken, score, own[i])
        )
    at, weights = tuple(place for place, _ in hits), accumulate((weight for _, weight in hits), initial=0.0)
    leads = [s.standing.leads or s.spoken is not None for s in read_]
    clarity = Clarity(article, spans, words, sizes, own, leads, chinese=chinese)
    return Reading(article, chinese, names, quotes, tuple(read_), news, at, tuple(weights), clarity, stands)


def _judge(body: str, *, sound: Callable[[str], float], **known: Any) -> Standing:
    """How a sentence stands, and how far its words can be trusted."""
    stood, trust = standing(body, **known), sound(body)
    if trust < _DOUBTFUL:
        return Standing(fix=Fix.DROP, cue="rewritten")
    return stood if trust == 1 else stood._replace(weight=stood.weight * trust)


def _main_person(article: Article, names: Set[str]) -> str | None:
    """Who is interviewed: the person the title names, else the one named most."""
    return in_title(article.title, names) or max(sorted(names), key=article.text.count, default=None)


def _in_full(article: Article, names: Set[str]) -> dict[str, tuple[str, ...]]:
    """Surname to whole names, of people whom the title does not name."""
    wholes: dict[str, tuple[str, ...]] = {}
    for name in sorted(names):
        if " " in name and (last := name.rpartition(" ")[2]) in names and last not in article.title:
            wholes[last] = (*wholes.get(last, ()), name)
    return {
        last: told
        for last, told in wholes.items()
        if any(_is_person(last, whole, article.text) for whole in told)
    }


_HUMAN = r"(?:he|she|his|her|who|said|says|told|wrote|notes?d?|(?:explain|recall)(?:s|ed)|argue[sd])\b"


def _is_person(last: str, whole: str, text: str) -> bool:
    """Whether capitalized words are somebody: Christopher Doyon was a child … he, Scott (1841-1924)."""
    behind = rf" \(\d{{4}}|,? (?:[^.\n]{{0,80}} )?{_HUMAN}"
    whole, last = re.escape(whole), re.escape(last)
    return bool(re.search(rf"\b{whole}(?:{behind})|(?:said|says|added) {whole}|\b{last} {_HUMAN}", text))


def _selves(article: Article) -> tuple[str, ...]:
    """What the authors may call themselves in a first-person piece: 谭老师, 谭姐 for 谭婧."""
    chinese = [author for author in article.authors if re.fullmatch(f"[{CJK}]{{2,4}}", author)]
    return tuple(
        author[0] + called for author in chinese for called in ("老师", "姐", "哥", "叔", "主编", "同学")
    )


def _spoken(start: int, end: int, quotes: Sequence[Quotation], starts: Sequence[int]) -> Quotation | None:
    """The quotation the sentence lies inside of, its marks outside the sentence."""
    at = bisect_right(starts, start) - 1
    if at >= 0 and quotes[at].words[0] <= start and end <= quotes[at].end:
        return quotes[at]
    return None


def _own_scores(article: Article, spans: Sequence[Span], words: Bag, news: float) -> list[float]:
    """How much each sentence says of the article as a whole, 0 to 1."""
    told = ({m for pattern in _INFORMS for m in pattern.findall(article.text, *span)} for span in spans)
    informs = (min(1.0, len(found) / 5) for found in told)
    return [
        0.5 * central + 0.3 * informing + 0.2 * news / (1 + 0.3 * i)
        for i, (central, informing) in enumerate(zip(centrality(words), informs, strict=True))
    ]


def passages(reading: Reading, *, least: int, most: int) -> list[Passage]:
    """Every passage of *least* to *most* characters that stands alone, in article order.

    Whole quotations give their words too, without the marks: their speaker is named beside them.
    """
    found = [
        passage
        for sentences_ in (reading.sentences, *_quoted(reading))
        for run, size in _runs(sentences_, most)
        if size >= least and (passage := _passage(reading, run, size))
    ]
    return sorted(found, key=lambda passage: (passage.start, passage.end))


def _runs(all_: Sequence[Sentence], most: int) -> Iterator[tuple[Sequence[Sentence], int]]:
    for i, first in enumerate(all_):
        if first.standing.fix is not Fix.FINE or first.end - first.start < _SHORTEST:
            continue
        if first.spoken and not first.spoken.speaker:
            continue
        size = 0
        for j, sentence in enumerate(all_[i : i + _MOST_SENTENCES], start=i):
            size += sentence.size
            if sentence.paragraph != first.paragraph or size > most:
                break
            if sentence.standing.fix is Fix.DROP or sentence.standing.empty:
                break
            yield all_[i : j + 1], size


def _quoted(reading: Reading) -> Iterator[list[Sentence]]:
    """The sentences of each whole quotation whose speaker is known, as words of theirs."""
    text = reading.article.text
    for quote, following in zip_longest(reading.quotes, reading.quotes[1:]):
        around = reading.sentence_at(quote.start)
        goes_on = following is not None and following.start < around.end  # “……，”X说，“……”
        if not quote.whole or not quote.speaker or quote.words[0] == quote.start or goes_on:
            continue
        inside = []
        first, last = quote.words
        for start, end in sentences(text, first, last - (text[last - 1] in "，,")):
            body, at = text[start:end], reading.sentence_at(start)
            stands = reading.stands(body if body[-1] in "。！!？?.…" else f"{body}。", spoken=True)
            words = terms(fold(body))
            inside.append(
                at._replace(
                    start=start, end=end, size=count(body), terms=words, standing=stands, spoken=quote
                )
            )
        yield inside


def _passage(reading: Reading, run: Sequence[Sentence], size: int) -> Passage | None:
    text, start, end = reading.article.text, run[0].start, run[-1].end
    body = text[start:end]
    if not is_balanced(body) or any(start < cut.at < end for cut in reading.article.cuts):
        return None
    for k, sentence in enumerate(run[1:], start=1):
        before = text[start : sentence.start]
        if sentence.standing.fix is Fix.JOIN and not can_join(
            sentence.standing, before, reading.names, chinese=reading.chinese
        ):
            return None
        if sentence.spoken is not run[k - 1].spoken and (sentence.spoken or run[0].spoken):
            return None
    named, speaker = _speaker(reading, start, end, body, run[0].spoken)
    if not named:
        return None
    clean = min([s.standing.weight for s in run if s.standing.fix is Fix.FINE])
    clear = reading.clarity.of(run[0].number, run[-1].number)
    worth = clean * clear**_CLARITY / max(1, size)
    return Passage(
        start=start,
        end=end,
        size=size,
        score=worth * sum([s.score * s.size for s in run]),
        own=worth * sum([s.own * s.size for s in run]),
        clear=clear,
        about=reading.about(start, end),
        leads=run[0].standing.leads,
        telling=body.rstrip("'’”")[-1:] not in ("，", ",", "…") and clean > _HOLLOW,
        terms=run[0].terms if len(run) == 1 else run[0].terms.union(*(s.terms for s in run[1:])),
        paragraph=run[0].paragraph,
        speaker=speaker,
        spoken=run[0].spoken,
    )


def _speaker(
    reading: Reading, start: int, end: int, body: str, spoken: Quotation | None
) -> tuple[bool, str | None]:
    """Whether every word of the passage has its speaker, and whom to name beside it."""
    if spoken:
        return bool(spoken.speaker), spoken.speaker
    beside: str | None = None
    for quote in reading.quotes[bisect_left(reading.quotes, start, key=lambda quote: quote.start) :]:
        if quote.start >= end:
            break
        outside = body[: quote.start - start] + body[quote.end - start :]
        if quote.speaker and quote.speaker in outside:
            continue
        if not quote.speaker:
            if not quote.loose and (named_in(outside, reading.names) or len(outside) > 20):
                continue
            return False, None
        if beside and beside != quote.speaker:
            return False, None
        beside = quote.speaker
    return True, beside
