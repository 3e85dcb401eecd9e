"""The item of one article for one theme: lead, points, quote and figures, all exact spans."""

import re
from collections.abc import Mapping, Sequence

from digest import figures
from digest.model import Article, Excerpt, Role, Size
from digest.summarize.dangling import Fix, standing
from digest.summarize.passages import Passage, Reading, passages, read
from digest.summarize.people import TITLE
from digest.summarize.quotes import is_balanced
from digest.summarize.salience import overlap, terms
from digest.text import CJK, Span, count, fold, sentences

_ROOM = {Size.FULL: 480, Size.MEDIUM: 260, Size.BRIEF: 110}
_POINTS = {Size.FULL: 4, Size.MEDIUM: 2, Size.BRIEF: 0}
_LEAD = (40, 110)
_POINT = (35, 160)
_QUOTE = (18, 70)
_ENGLISH = 2.35
"""Characters of English for one of Chinese: two of ours are a word (editorial guide: 480 to 230 words)."""
_SAME = 0.5
_ALWAYS, _NEVER, _PER_EDITION, _OVER_ALL = 200, 500, 0.12, 0.30


def share(article: Article) -> tuple[int, int]:
    """Characters of *article* that may be quoted in one edition, and over all editions.

    12 %, at least 200 characters (100 words) and at most 500 (250 words); 30 % over all, never less
    than one edition may have (editorial guide, section 2).
    """
    size, scale = count(article.text), _scale(article)
    edition = min(max(round(size * _PER_EDITION), round(_ALWAYS * scale)), round(_NEVER * scale))
    return edition, max(edition, round(size * _OVER_ALL))


def _scale(article: Article) -> float:
    chinese = len(re.findall(f"[{CJK}]", article.text[:20_000]))
    return 1.0 if chinese * 2 > len(re.findall(r"[A-Za-z]+", article.text[:20_000])) else _ENGLISH


def summarize(
    article: Article,
    *,
    focus: Mapping[str, float],
    size: Size,
    room: int,
    used: tuple[Span, ...] = (),
    avoid: Sequence[str] = (),
) -> tuple[Excerpt, ...]:
    """Say what *article* says about a theme, in its own words.

    Args:
        focus: Folded term to weight; empty: the article as a whole.
        room: Characters without white space that may be quoted at most.
        used: Spans sent before; nothing that touches or repeats them is chosen.
        avoid: Texts already quoted in this edition; nothing that repeats them is chosen.

    Returns:
        Lead, points in the order of the article, quote, figures; no two overlap. Empty when no
        sentence that could open an item is left.
    """
    scale = _scale(article)
    budget = min(room, round(_ROOM[size] * scale))
    reading = read(article, focus)
    said = [frozenset(terms(fold(t))) for t in (*avoid, *(article.text[a:b] for a, b in used))]
    free = [
        p
        for p in passages(reading, least=round(_POINT[0] * scale), most=min(budget, round(_POINT[1] * scale)))
        if not _touches(p.start, p.end, used) and not _is_said(p.terms, said)
    ]
    lead = _lead(reading, free, scale)
    if lead is None:
        return ()
    chosen = [lead, *_points(free, lead, budget - lead.size, _POINTS[size], scale)]
    left = budget - sum(p.size for p in chosen)
    found = [_excerpt(article, Role.LEAD, lead)]
    found += [_excerpt(article, Role.POINT, p) for p in sorted(chosen[1:], key=lambda p: p.start)]
    if size is Size.BRIEF:
        return tuple(found)
    taken = [*used, *((p.start, p.end) for p in chosen)]
    said += [p.terms for p in chosen]
    if size is Size.FULL and (quote := _quote(reading, taken, said, left, scale)):
        found.append(quote)
        taken.append((quote.start, quote.end))
        left -= count(quote.text)
    found += _figures(reading, taken, said, left, 4 if size is Size.FULL else 1)
    return tuple(found)


def _touches(start: int, end: int, spans: Sequence[Span]) -> bool:
    return any(start < b and a < end for a, b in spans)


def _is_said(mine: frozenset[str], said: Sequence[frozenset[str]]) -> bool:
    return any(overlap(mine, other) > _SAME or overlap(other, mine) > 0.8 for other in said if other)


def _length_fit(size: int, scale: float, *, lead: bool) -> float:
    """1 for 50 to 110 characters, less for shorter and longer ones."""
    size = round(size / scale)
    if size < 50:
        return 0.85 + 0.15 * (size - 35) / 15
    return 1.0 if size <= 110 else max(0.5, 1.0 - (size - 110) / (60 if lead else 150))


def _lead(reading: Reading, free: Sequence[Passage], scale: float) -> Passage | None:
    """Who and what: early, close to the title, something named, best on the theme."""
    title = frozenset(terms(fold(reading.article.title)))
    length = max(1, len(reading.article.text))
    best, top = None, 0.0
    for p in free:
        if not p.leads or not _LEAD[0] * scale <= p.size <= _LEAD[1] * scale:
            continue
        named = any(name in reading.article.text[p.start : p.end] for name in reading.names)
        score = p.score * _length_fit(p.size, scale, lead=True)
        score += 0.25 * overlap(title, p.terms) + 0.15 * (1 - p.start / length) + 0.1 * named
        if score > top:
            best, top = p, score
    return best


def _points(free: Sequence[Passage], lead: Passage, room: int, most: int, scale: float) -> list[Passage]:
    """The best passages that say something else (MMR), never touching one another."""
    chosen: list[Passage] = []
    ranked = sorted(free, key=lambda p: -p.score * _length_fit(p.size, scale, lead=False))[:150]
    while len(chosen) < most:
        best, top = None, 0.0
        for p in ranked:
            if p.size > room or _touches(p.start, p.end, [(c.start, c.end) for c in (lead, *chosen)]):
                continue
            same = max(overlap(p.terms, c.terms) for c in (lead, *chosen))
            if same > _SAME:
                continue
            near = any(p.paragraph == c.paragraph for c in (lead, *chosen))
            score = p.score * _length_fit(p.size, scale, lead=False) * (1 - same) * (0.85 if near else 1.0)
            if score > top:
                best, top = p, score
        if best is None:
            break
        chosen.append(best)
        room -= best.size
    return chosen


def _excerpt(article: Article, role: Role, p: Passage) -> Excerpt:
    speaker = _with_office(article, p.speaker) if p.speaker else None
    return Excerpt(role=role, text=article.text[p.start : p.end], start=p.start, end=p.end, speaker=speaker)


def _with_office(article: Article, name: str) -> str:
    """The name with the office the article gives it, when that is short: 王晓刚，商汤科技首席科学家 as printed."""
    text = f"{article.title}\n{article.text}"
    pattern = re.compile(rf"(?<![{CJK}A-Za-z])[{CJK}A-Za-z ]{{0,16}}{TITLE}{re.escape(name)}")
    found = sorted((m.group() for m in pattern.finditer(text) if count(m.group()) <= 20), key=len)
    return found[-1].strip() if found else name


def _quote(
    reading: Reading, taken: Sequence[Span], said: Sequence[frozenset[str]], room: int, scale: float
) -> Excerpt | None:
    """Somebody's words worth setting large: 18 to 70 characters, whole, the speaker known."""
    article = reading.article
    best: Excerpt | None = None
    top = 0.0
    score_at = {s.start: s.score for s in reading.sentences}
    for quotation in reading.quotes:
        if not quotation.speaker or not quotation.whole:
            continue
        inner = sentences(article.text, quotation.start + 1, quotation.end - 1)
        for i in range(len(inner)):
            for j in range(i, min(i + 2, len(inner))):
                start, end = inner[i][0], inner[j][1]
                size = count(article.text[start:end])
                if not _QUOTE[0] * scale <= size <= min(room, _QUOTE[1] * scale) or _touches(
                    start, end, taken
                ):
                    continue
                if not _is_quotable(reading, article.text[start:end], inner[i : j + 1]):
                    continue
                mine = frozenset(terms(fold(article.text[start:end])))
                if _is_said(mine, said):
                    continue
                near = (
                    max((v for s, v in score_at.items() if s <= start), default=0.0) if not score_at else 0.0
                )
                score = near + len(mine) / 60 + 0.2 * (i == 0 and j == len(inner) - 1)
                if score > top:
                    top = score
                    best = Excerpt(
                        role=Role.QUOTE,
                        text=article.text[start:end],
                        start=start,
                        end=end,
                        speaker=_with_office(article, quotation.speaker),
                    )
    return best


def _is_quotable(reading: Reading, body: str, parts: Sequence[Span]) -> bool:
    if not is_balanced(body) or any(parts[0][0] < cut.at < parts[-1][1] for cut in reading.article.cuts):
        return False
    text = reading.article.text
    ended = text[parts[-1][0] : parts[-1][1]]
    if ended[-1:] not in "。！!.…":
        ended += "。"
    first = text[parts[0][0] : parts[0][1]] if len(parts) > 1 else ended
    for sentence in {first, ended}:
        stands = standing(sentence, chinese=reading.chinese, names=reading.names, spoken=True)
        if stands.fix is Fix.DROP or (sentence is first and stands.fix is not Fix.FINE):
            return False
    return True


def _figures(
    reading: Reading, taken: Sequence[Span], said: Sequence[frozenset[str]], room: int, most: int
) -> list[Excerpt]:
    """The most telling figures of sentences not quoted otherwise, one a sentence, in article order."""
    article = reading.article
    options: list[tuple[float, figures.Figure, int, int]] = []
    for s in reading.sentences:
        body = article.text[s.start : s.end]
        if (
            s.standing.fix is not Fix.FINE
            or s.spoken
            or _touches(s.start, s.end, taken)
            or not is_balanced(body)
        ):
            continue
        if any(s.start < cut.at < s.end for cut in article.cuts) or _is_said(s.terms, said):
            continue
        best = max(figures.find(article.text, s.start, s.end), key=lambda f: f.weight, default=None)
        if best and best.weight >= 0.5:
            options.append((best.weight * (0.5 + s.score), best, s.start, s.end))
    found: list[Excerpt] = []
    for _, figure, start, end in sorted(options, key=lambda option: (-option[0], option[2])):
        size = count(article.text[start:end])
        if size > room or len(found) == most:
            continue
        room -= size
        found.append(
            Excerpt(
                role=Role.FIGURE,
                text=article.text[start:end],
                start=start,
                end=end,
                number=figure.number,
                label=figure.label,
            )
        )
    return sorted(found, key=lambda excerpt: excerpt.start)
