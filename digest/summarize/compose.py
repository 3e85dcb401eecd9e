"""The item of one article for one theme: lead, points, quote and figures, all exact spans."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from digest.figures import MAY_HOLD, Figure, find
from digest.model import Article, Excerpt, Role, Size
from digest.people import named_in, with_office
from digest.summarize.dangling import Fix
from digest.summarize.extract import ENGLISH, quotable
from digest.summarize.passages import Passage, Reading, Sentence, passages, read
from digest.summarize.quotes import is_balanced
from digest.summarize.salience import overlap, places, terms
from digest.text import Span, count, fold, is_chinese, simplified

# Characters without white space, from the editorial guide, section 2.
_ROOM = {Size.FULL: 480, Size.MEDIUM: 260, Size.BRIEF: 110}
_POINTS = {Size.FULL: 4, Size.MEDIUM: 2, Size.BRIEF: 0}
_LEAD, _POINT, _QUOTE = (40, 110), (35, 160), (18, 70)
_SHORT_LEAD = 24  # where nothing longer can open the item, as in a brief report
_OVER_ALL = 0.30

_SAME = 0.5  # of a passage's terms already said: a repetition
_CONSIDERED = 150
_TELLING, _STATES = 0.5, 1.3
"""Weight of a figure that tells something; what a point is worth that states one: readers keep facts."""
_CLEAR, _LEAST_CLEAR = {True: 0.7, False: 0.8}, 0.5
"""How likely (Chinese, not) points and, if possible, leads are understood; any lead, quote, themed point.

Of English ones from 0.7 to 0.8 one in nine was a plain fault, above that one in fifty (docs/decisions.md).
"""
_THEMED, _TITLED = 0.4, 0.8
"""Weight of the theme's terms that makes a passage, and a title, about the theme."""
_REPORT, _REPORT_CHARS, _OPENING = 0.6, 2000, 140
"""How like news, and how short, a text is whose first sentence leads; and how long that one may be."""
_TALK = 0.2
"""How like news an interview is at most, which the words of whom its title names may open."""
_FIGURE_SENTENCE = (14, 90)


def share(article: Article) -> tuple[int, int]:
    """Characters of *article* that may be quoted in one edition, and over all editions.

    Over all 30 %, never less than one edition may have (editorial guide, section 2).
    """
    edition = quotable(article.text)
    return edition, max(edition, round(count(article.text) * _OVER_ALL))


def summarize(
    article: Article,
    *,
    focus: Mapping[str, float],
    size: Size,
    room: int,
    used: tuple[Span, ...] = (),
    avoid: Sequence[str] = (),
    adds: bool = False,
) -> tuple[Excerpt, ...]:
    """Say what *article* says about a theme, in its own words.

    Args:
        focus: Folded term to weight; empty: the article as a whole.
        room: Characters without white space that may be quoted at most.
        used: Spans sent before; nothing that touches or repeats them is chosen.
        avoid: Texts already quoted in this edition; nothing that repeats them is chosen.
        adds: It is an update: its reader knows the rest, so "also" may open it.

    Returns:
        Lead, points in the order of the article, quote, figures; no two overlap. Empty when no
        sentence that could open an item is left, or nothing about the theme.
    """
    authors = tuple(map(simplified, article.authors))
    plain = replace(article, title=simplified(article.title), text=simplified(article.text), authors=authors)
    page = _Page(read(plain, focus), article, focus, size, room, used, avoid, adds)
    lead = page.lead()
    if lead is None:
        return ()
    excerpts = [page.take(Role.LEAD, lead)]
    if size is not Size.BRIEF:
        points = page.points(2)
        if not page.keeps_to_theme(points):
            return ()
        if size is Size.FULL:
            excerpts += [*page.quote(), *page.figures(2)]
            points += page.points(_POINTS[size] - 2)
        excerpts += points
    order = list(Role)
    return tuple(sorted(excerpts, key=lambda excerpt: (order.index(excerpt.role), excerpt.start)))


class _Page:
    """An item in the making: what is taken, what is said, how much room is left."""

    def __init__(
        self,
        reading: Reading,
        printed: Article,
        focus: Mapping[str, float],
        size: Size,
        room: int,
        used: Sequence[Span],
        avoid: Sequence[str],
        adds: bool,
    ) -> None:
        self.adds = adds
        text, scale = reading.article.text, 1.0 if is_chinese(reading.article.text) else ENGLISH
        self.reading, self.printed, self.scale = reading, printed, scale
        self.room = min(room, round(_ROOM[size] * scale))
        self.asked = bool(focus)
        self.clear = _CLEAR[reading.chinese]
        short = count(text) <= _REPORT_CHARS * scale
        self.is_report = short and reading.news >= _REPORT
        self.is_talk = reading.news < _TALK
        self.is_brief = count(text) <= _ROOM[Size.FULL] * scale  # no longer than an item
        title = places(fold(reading.article.title), focus)
        self.titled = not focus or sum(weight for _, weight in title) >= _TITLED
        self.taken = list(used)
        self.is_untold = not used
        said = (terms(fold(words)) for words in (*avoid, *(text[start:end] for start, end in used)))
        self.said = [words for words in said if words]
        self.chosen: list[Passage] = []
        self.stating: dict[Span, bool] = {}
        most = min(self.room, round(_POINT[1] * scale))
        self.free = [
            p for p in passages(reading, least=round(_QUOTE[0] * scale), most=most) if self._is_new(p)
        ]

    def _is_new(self, p: Passage) -> bool:
        return self.is_free(p.start, p.end) and not self._is_said(p.terms)

    def is_free(self, start: int, end: int) -> bool:
        return not any(start < b and a < end for a, b in self.taken)

    def _is_said(self, mine: frozenset[str]) -> bool:
        return any(overlap(mine, other) > _SAME for other in self.said)

    def take(self, role: Role, p: Passage) -> Excerpt:
        """Make an excerpt of *p*; nothing may touch or repeat it from now on."""
        self.chosen.append(p)
        self._spend(p.start, p.end, p.size, p.terms)
        return self._excerpt(role, p.start, p.end, p.speaker)

    def _spend(self, start: int, end: int, size: int, words: frozenset[str]) -> None:
        self.taken.append((start, end))
        self.said.append(words)
        self.room -= size

    def _excerpt(self, role: Role, start: int, end: int, speaker: str | None = None) -> Excerpt:
        article = self.reading.article
        named = with_office(speaker, article.text, article.title) if speaker else None
        named = self._as_printed(named, 0) if named else None
        return Excerpt(role=role, text=self.printed.text[start:end], start=start, end=end, speaker=named)

    def _as_printed(self, words: str, start: int) -> str:
        """*words*, read in simplified characters, as they stand from *start* on in the text or the title."""
        read_, printed = (f"{a.text}\n{a.title}" for a in (self.reading.article, self.printed))
        at = read_.find(words, start)
        return printed[at : at + len(words)] if at >= 0 else words

    def lead(self) -> Passage | None:
        """Who and what: on the theme, close to the title, early, somebody or something named.

        A short report says it in its first sentence; once that was sent, what stands next opens nothing.
        """
        article, reading = self.reading.article, self.reading
        title = terms(fold(article.title))
        main = [name for _, name in named_in(article.title, reading.names)]
        length = max(1, len(article.text))

        def worth(p: Passage) -> float:
            says = (0.7 * p.score + 0.25 * p.own) * _length_fit(p.size / self.scale)
            early = (0.06 + 0.08 * reading.news) * (1 - p.start / length)
            return says + 0.3 * overlap(title, p.terms) + early

        return max(self._leading(main), key=worth, default=None)

    def _leading(self, main: Sequence[str]) -> list[Passage]:
        """What may open the item: on the theme first, then the article's own words, then of usual length."""
        free = [p for p in self.free if p.clear >= _LEAST_CLEAR and (self._is_themed(p) or self.titled)]
        if self.is_report and (self.is_untold or self.adds):
            able = [p for p in free if p.leads and p.clear >= self.clear and p.size / self.scale <= _OPENING]
            start = min((p.start for p in able), default=0)
            if fitting := [p for p in able if p.start == start]:
                return [p for p in fitting if p.size <= _LEAD[1] * self.scale] or fitting[:1]
        able = [
            p
            for p in free
            if p.leads or self._may_open(p, main) or (self.adds and not p.spoken)
            if _SHORT_LEAD <= p.size / self.scale <= _LEAD[1]
        ]

        def rank(p: Passage) -> tuple[bool, ...]:
            told = p.leads or (self.is_talk and p.speaker in main)
            short = p.size < _LEAD[0] * self.scale
            return not self._is_themed(p), p.clear < self.clear, not told, short

        first = min(map(rank, able), default=None)
        return [p for p in able if rank(p) == first]

    def _may_open(self, p: Passage, main: Sequence[str]) -> bool:
        """Words may: of whom the title names, of anybody where it names nobody or all is talk."""
        return p.spoken is not None and (p.speaker in main or not main or (self.is_talk and bool(p.speaker)))

    def _is_themed(self, p: Passage) -> bool:
        return not self.asked or p.about >= _THEMED

    def keeps_to_theme(self, points: Sequence[Excerpt]) -> bool:
        """Whether the item says enough of the theme: by a point, or as a report or short text by its lead."""
        lead = self.chosen[0]
        alone = lead.about >= 2 * _THEMED and (self.is_report or self.is_brief)
        return (
            not self.asked
            or any(map(self._is_themed, self.chosen[1:]))
            or (self._is_themed(lead) if points else alone)
        )

    def _themed(self, passages_: Sequence[Passage]) -> list[Passage]:
        return [p for p in passages_ if self._is_themed(p)]

    @cached_property
    def near(self) -> frozenset[int]:
        """The paragraphs that deal with the theme, so that a passage without its terms does too."""
        about, blocks = self.reading.about, enumerate(self.reading.article.paragraphs())
        return frozenset(n for n, block in blocks if about(block.start, block.end) >= _THEMED)

    def points(self, most: int) -> list[Excerpt]:
        """The best passages that say something else (maximal marginal relevance), at most *most*.

        Of those off the theme only the first, or what stands in a paragraph on it.
        """
        found: list[Excerpt] = []
        least = _POINT[0] * self.scale
        ranked = sorted(
            (
                p
                for p in self.free
                if p.size >= least and p.telling and p.clear >= _LEAST_CLEAR
                if self.titled or p.paragraph in self.near
            ),
            key=lambda p: -p.score * _length_fit(p.size / self.scale),
        )[:_CONSIDERED]
        while len(found) < most:
            able = [p for p in ranked if p.size <= self.room and self._is_new(p) and not self._touches(p)]
            clear = [p for p in able if p.clear >= self.clear]
            if self.asked:
                near = [p for p in clear if len(self.chosen) == 1 or p.paragraph in self.near]
                clear = self._themed(clear) or self._themed(able) or near
            if not clear:
                break
            best = max(clear, key=lambda p: (self._worth(p), -p.start))
            found.append(self.take(Role.POINT, best))
        return found

    def _touches(self, p: Passage) -> bool:
        """Whether a point stands right beside *p*: what belongs together is one passage already."""
        text = self.reading.article.text
        gaps = (text[min(p.end, c.end) : max(p.start, c.start)] for c in self.chosen[1:])
        return any(not gap.strip() and "\n" not in gap for gap in gaps)

    def _worth(self, p: Passage) -> float:
        same = max((overlap(p.terms, other) for other in self.said), default=0.0)
        worth = p.score * _length_fit(p.size / self.scale) * (1 - same)
        worth *= _STATES if self._states(p) else 1.0
        return worth * (min(1.0, 0.25 + p.about / 2) if self.asked else 1.0)

    def quote(self) -> list[Excerpt]:
        """Somebody's words worth setting large, on the theme, the speaker known; figures are for points."""
        least, most = _QUOTE[0] * self.scale, min(self.room, round(_QUOTE[1] * self.scale))
        able = [
            p
            for p in self.free
            if p.spoken and p.spoken.whole and p.telling and least <= p.size <= most
            if (not self.asked or p.paragraph in self.near) and self._is_new(p)
            if p.clear >= _LEAST_CLEAR and not self._states(p)
        ]
        best = max(able, key=self._strength, default=None)
        return [self.take(Role.QUOTE, best)] if best else []

    def _strength(self, p: Passage) -> float:
        return p.score + min(1.0, len(p.terms) / 40)

    def figures(self, most: int) -> list[Excerpt]:
        """The most telling figures of sentences not quoted otherwise, one a sentence."""
        found: list[Excerpt] = []
        for figure, s in self._options:
            size = count(self.reading.article.text[s.start : s.end])
            least, longest = (chars * self.scale for chars in _FIGURE_SENTENCE)
            fits = len(found) < most and least <= size <= min(self.room, longest)
            if fits and self.is_free(s.start, s.end) and not self._is_said(s.terms):
                self._spend(s.start, s.end, size, s.terms)
                excerpt = self._excerpt(Role.FIGURE, s.start, s.end)
                number, label = (self._as_printed(words, s.start) for words in (figure.number, figure.label))
                found.append(replace(excerpt, number=number, label=label))
        return found

    def _states(self, p: Passage) -> bool:
        """Whether it states a figure that tells something; each span is read once."""
        text, span = self.reading.article.text, (p.start, p.end)
        if span not in self.stating:
            found = find(text, *span) if MAY_HOLD.search(text, *span) else ()
            self.stating[span] = any(figure.weight >= _TELLING for figure in found)
        return self.stating[span]

    @cached_property
    def _options(self) -> list[tuple[Figure, Sentence]]:
        """The best figure of each clear sentence on the theme that stands by itself, most telling first.

        None of a copy that a program reworded: what it put for the names of things is not known.
        """
        article = self.reading.article
        if any(flag.code == "spun" for flag in article.flags):
            return []
        options: list[tuple[float, Figure, Sentence]] = []
        for s in self.reading.sentences:
            body = article.text[s.start : s.end]
            usable = s.standing.fix is Fix.FINE and not s.spoken and not s.is_cut(article)
            usable = usable and self.reading.clarity.of(s.number, s.number) > self.clear
            usable = usable and body[0] not in '“「『"' and not (self.asked and s.paragraph not in self.near)
            if usable and MAY_HOLD.search(body) and is_balanced(body):
                best = max(find(article.text, s.start, s.end), key=lambda f: f.weight, default=None)
                if best and best.weight >= _TELLING:
                    options.append((best.weight * (0.5 + s.score), best, s))
        return [(figure, s) for _, figure, s in sorted(options, key=lambda option: -option[0])]


def _length_fit(size: float) -> float:
    """1 for 50 to 110 characters, less for shorter and longer ones."""
    if size < 50:
        return 0.85 + 0.15 * (size - 35) / 15
    return max(0.5, 1.0 - max(0.0, size - 110) / 150)
