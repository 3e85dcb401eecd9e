"""What goes into the next edition: which themes, which articles, how large; what was left out, and why.

Themes compete by four numbers, kept apart so that a person can read them: what is *fresh*, how long a theme
has waited (its *debt*, and how far it is *behind* the theme sent most), and how many readers ask for it
(*demand*). Debt alone grows without bound, so every theme with something to say gets its turn.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digest.model import Article, Reason, Schedule, Score, Severity, Size, Skipped, Theme, Update
from digest.text import Span, fold

_DAY = timedelta(days=1)
_FRESH_DAYS, _HALF_LIFE_DAYS = 14, 5
"""An article is news for a fortnight, and worth half of it after five days."""
_FRESH, _DEMAND, _BEHIND = 1.5, 0.5, 0.25
"""The most freshness and demand add, and what each edition adds that another theme was in more, up to 1;
having waited one edition longer adds 1."""
_SHORTEST = timedelta(minutes=1)
"""Debt is counted in times since the last edition, taken as this at least."""
_BRIEF, _MEDIUM, _FULL = 50, 140, 260
"""Fewest characters that make an item of that size (editorial guide, section 2)."""
_CAUTION = 0.85
"""What a cautioned article's score is worth against a clean one's."""
_ENOUGH = 3.0
"""Score of an article half as relevant as can be."""
_PASSING, _TWICE = 2.0, 2
"""An ordinary term met once in a short item scores less than this; a passing mention, where the article is
twice as much about another theme."""
_LOST = 3
"""Articles named that were close and lost, per theme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An article that may be quoted from.

    Args:
        scores: By theme id; a theme that is missing scores 0.
        used: Spans this schedule has sent, and not so long ago that they may come again.
        room: Characters that may still be quoted now (what the share rules leave).
        spent: Ids of themes it has nothing left to say on.
        update: What the article says that it did not when this schedule quoted it: news, whatever was quoted.
    """

    article: Article
    scores: Mapping[str, Score]
    first_seen_at: datetime
    used: tuple[Span, ...] = ()
    room: int = 500
    spent: frozenset[str] = frozenset()
    update: Update | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a schedule has sent so far.

    Args:
        last_sent: By theme id; a theme never sent is missing.
        times_sent: By theme id.
        demand: Readers by theme id; a theme given as 0 while others have readers is not sent.
    """

    last_sent: Mapping[str, datetime] = field(default_factory=dict)
    times_sent: Mapping[str, int] = field(default_factory=dict)
    demand: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An article to be quoted; *also* are other sources of the same story, best first."""

    candidate: Candidate
    size: Size
    reason: Reason
    also: tuple[Article, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSection:
    theme: Theme
    why: str
    items: tuple[Planned, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThemeRank:
    """A theme's place on the board: *total* is the sum of ``fresh``, ``debt``, ``behind`` and ``demand``."""

    theme_id: str
    total: float
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An edition to be written. Without sections there is nothing to send, and *skipped* says why.

    Args:
        board: Every theme, highest total first, whether it is in the edition or not.
        waiting: By theme id: what would come next under each theme of the edition, best first.
    """

    sections: tuple[PlannedSection, ...]
    skipped: tuple[Skipped, ...]
    board: tuple[ThemeRank, ...]
    waiting: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    """Candidates that are one text: the one to quote, and the others."""

    candidate: Candidate
    also: tuple[Article, ...]
    fresh: float

    @property
    def id(self) -> str:
        return self.candidate.article.source_id


def pick(
    candidates: Sequence[Candidate],
    themes: Sequence[Theme],
    memory: Memory,
    schedule: Schedule,
    *,
    now: datetime,
    only: tuple[str, ...] = (),
    same: Mapping[str, str] | None = None,
) -> Plan:
    """Plan the next edition of *schedule*; candidates in any order give the same plan.

    An article goes to one theme only, and so that as many themes as possible have one: a theme keeps its turn
    when its only article could also stand elsewhere. Fresh articles come before old ones, untouched before
    quoted ones, clean before cautioned ones of about the same score; quarantined ones never.

    Args:
        themes: In the order of the configuration, which decides between equals.
        now: Aware. Articles seen later count as seen now.
        only: Theme ids asked for; they are taken in this order, whatever the schedule says.
        same: Source id to cluster id; candidates of one cluster become one item. Without it none do.
    """
    skipped, usable = _sift(candidates, themes)
    stories = _merge(usable, same or {}, now)
    board = _board(themes, stories, memory, now)
    order, most = _order(board, themes, schedule, memory, only)
    wishes = {theme.id: _wishes(theme, stories) for theme in order}
    chosen = _spread(_balance(_assign(order, wishes, most, schedule.items_per_theme), schedule.minimum_items))
    sections = _sections(chosen, {theme.id: theme for theme in themes}, board, bool(only))
    ranked = [rank for rank in board if not only or rank.theme_id in wishes]
    skipped += _left_out(ranked, chosen, wishes, memory)
    placed = {story.id for stories in chosen.values() for story in stories}
    waiting = {id_: tuple(s.candidate for s in wishes[id_] if s.id not in placed) for id_ in chosen}
    return Plan(sections=sections, skipped=tuple(skipped), board=board, waiting=waiting)


def _sift(candidates: Sequence[Candidate], themes: Sequence[Theme]) -> tuple[list[Skipped], list[Candidate]]:
    """Those that may be quoted, by source id; why the others that speak to a theme may not."""
    skipped, usable = [], []
    for candidate in sorted(candidates, key=lambda candidate: candidate.article.source_id):
        article = candidate.article
        if not any(_about(candidate, theme) for theme in themes):
            continue
        if article.severity is Severity.QUARANTINE:
            why = "quarantined: " + "; ".join(
                f.reason for f in article.flags if f.severity is Severity.QUARANTINE
            )
            skipped.append(passed_over(article, why))
        elif candidate.room < _BRIEF and not candidate.update:
            why = f"{candidate.room} characters of its share are left, {_BRIEF} are needed"
            skipped.append(passed_over(article, why))
        else:
            usable.append(candidate)
    return skipped, usable


def _score(candidate: Candidate, theme_id: str) -> float:
    score = candidate.scores.get(theme_id)
    return score.total if score else 0.0


def _about(candidate: Candidate, theme: Theme) -> bool:
    """Over the threshold, and more than a mention in passing: a flood with engineers is no software."""
    if theme.id in candidate.spent:
        return False
    own, most = _score(candidate, theme.id), max((s.total for s in candidate.scores.values()), default=0.0)
    return own >= max(theme.threshold, 1e-9) and (own >= _PASSING or _TWICE * own > most)


def _merge(usable: Sequence[Candidate], same: Mapping[str, str], now: datetime) -> list[_Story]:
    """One story a cluster: of what was quoted before, so that its spans are known, else of the cleanest."""
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in usable:
        groups[same.get(candidate.article.source_id, candidate.article.source_id)].append(candidate)
    stories = []
    for group in groups.values():
        first, *others = sorted(group, key=_preference)
        spent = first.used and not first.update
        fresh = 0.0 if spent else max(_freshness(c, now) for c in group)
        stories.append(_Story(candidate=first, also=tuple(c.article for c in others), fresh=fresh))
    return stories


def _preference(candidate: Candidate) -> tuple[bool, bool, bool, bool, int, str]:
    article = candidate.article
    return (
        not candidate.update,
        not candidate.used,
        article.severity is Severity.CAUTION,
        article.republisher is not None,
        -len(article.text),
        article.source_id,
    )


def _freshness(candidate: Candidate, now: datetime) -> float:
    """1 for what came in just now, 0 for no news: evergreen, quoted before, or older than a fortnight.

    An update is as old as the change.
    """
    article, born = candidate.article, candidate.first_seen_at
    if not candidate.update and (article.evergreen or candidate.used):
        return 0.0
    if article.published and not candidate.update:
        born = min(born, article.published.at)
    age_days = max(0.0, (now - born) / _DAY)
    return 0.0 if age_days > _FRESH_DAYS else 0.5 ** (age_days / _HALF_LIFE_DAYS)


def _board(
    themes: Sequence[Theme], stories: Sequence[_Story], memory: Memory, now: datetime
) -> tuple[ThemeRank, ...]:
    """All themes with the parts of their totals, best first; equals stay in the order of *themes*."""
    latest = max(memory.last_sent.values(), default=now)
    oldest = min(memory.last_sent.values(), default=now)
    interval = max(now - latest, _SHORTEST)
    most_wanted = max(memory.demand.values(), default=0)
    most_sent = max((memory.times_sent.get(theme.id, 0) for theme in themes), default=0)
    ranks = []
    for theme in themes:
        news = sum(story.fresh for story in stories if _about(story.candidate, theme))
        waited = now - memory.last_sent[theme.id] if theme.id in memory.last_sent else now - oldest + interval
        parts = {
            "fresh": round(_FRESH * min(1.0, news / 2), 3),
            "debt": round(max(0.0, waited / interval), 3),
            "behind": min(1.0, _BEHIND * (most_sent - memory.times_sent.get(theme.id, 0))),
            "demand": round(_DEMAND * memory.demand.get(theme.id, 0) / most_wanted, 3)
            if most_wanted
            else 0.0,
        }
        ranks.append(ThemeRank(theme_id=theme.id, total=round(sum(parts.values()), 3), parts=parts))
    return tuple(sorted(ranks, key=lambda rank: -rank.total))


def _order(
    board: Sequence[ThemeRank],
    themes: Sequence[Theme],
    schedule: Schedule,
    memory: Memory,
    only: tuple[str, ...],
) -> tuple[list[Theme], int]:
    """The themes that may claim articles, in their order, and how many of them an edition holds."""
    by_id = {theme.id: theme for theme in themes}
    ranked = [by_id[rank.theme_id] for rank in board]
    if only:
        return [by_id[id_] for id_ in dict.fromkeys(only) if id_ in by_id], len(only)
    most = schedule.themes_per_edition
    wanted = [
        theme for theme in ranked if memory.demand.get(theme.id, 1) > 0 or not any(memory.demand.values())
    ]
    if schedule.themes == ("rotate",):
        return wanted, most
    if schedule.themes == ("auto",):
        fresh = {rank.theme_id for rank in board if rank.parts["fresh"] > 0}
        return ([theme for theme in wanted if theme.id in fresh], most) if fresh else (wanted, 1)
    named = [by_id[id_] for id_ in dict.fromkeys(schedule.themes) if id_ in by_id]
    return (named if len(named) <= most else [theme for theme in ranked if theme in named]), most


def _wishes(theme: Theme, stories: Sequence[_Story]) -> list[_Story]:
    """What a theme would like to show, best first: news, then the rest by worth."""
    mine = [story for story in stories if _about(story.candidate, theme)]
    return sorted(mine, key=lambda story: (not _is_news(story), -_worth(story, theme), story.id))


def _is_news(story: _Story) -> bool:
    return story.fresh > 0 and not _is_doubtful(story)


def _is_doubtful(story: _Story) -> bool:
    return story.candidate.article.severity is Severity.CAUTION


def _worth(story: _Story, theme: Theme) -> float:
    """How much it is about the theme; less when more about another, quoted before, or doubtful."""
    scores = [score.total for score in story.candidate.scores.values()]
    own = _score(story.candidate, theme.id)
    relevance = own / (own + _ENOUGH)
    belonging = (own / max(scores)) ** 0.5
    doubt = _CAUTION if _is_doubtful(story) else 1.0
    worth: float = relevance * belonging * doubt * (1 + story.fresh) / (1 + len(story.candidate.used) / 3)
    return worth


def _assign(
    order: Sequence[Theme], wishes: Mapping[str, list[_Story]], most: int, per_theme: int
) -> dict[str, list[_Story]]:
    """Stories by theme, each used once: the first *most* themes that can be given one, then filled up.

    A theme whose every story is taken may have one whose holder finds another (Kuhn's augmenting paths).
    """
    holder: dict[str, str] = {}

    def place(theme_id: str, tried: set[str]) -> bool:
        free = (story.id for story in wishes[theme_id] if story.id not in holder)
        held = (story.id for story in wishes[theme_id] if story.id in holder and story.id not in tried)
        for story_id in (*free, *held):
            tried.add(story_id)
            if story_id not in holder or place(holder[story_id], tried):
                holder[story_id] = theme_id
                return True
        return False

    taken: list[str] = []
    for theme in order:
        if len(taken) < most and place(theme.id, set()):
            taken.append(theme.id)
    for _ in range(per_theme - 1):
        for theme_id in taken:
            story = next((story for story in wishes[theme_id] if story.id not in holder), None)
            if story:
                holder[story.id] = theme_id
    return {id_: [story for story in wishes[id_] if holder.get(story.id) == id_] for id_ in taken}


def _balance(chosen: dict[str, list[_Story]], least: int) -> dict[str, list[_Story]]:
    """No theme is more than half, rounded up, of an edition of several (editorial guide, section 3).

    Unless that would leave fewer than *least* items.
    """
    kept = {theme_id: list(stories) for theme_id, stories in chosen.items()}
    while len(kept) > 1:
        total = sum(map(len, kept.values()))
        largest = max(kept.values(), key=len)
        if 2 * len(largest) <= total + 1 or total <= least:
            break
        largest.pop()
    return kept


def _spread(chosen: dict[str, list[_Story]]) -> dict[str, list[_Story]]:
    """No edition opens with a doubtful copy, if it holds a clean one.

    Within each theme, no two of one outlet in a row if a third can stand between; else clean first.
    """
    spread: dict[str, list[_Story]] = {}
    before: str | None = None
    for theme_id, stories in sorted(chosen.items(), key=lambda section: all(map(_is_doubtful, section[1]))):
        rest, spread[theme_id] = sorted(stories, key=_is_doubtful), []
        while rest:
            counts = Counter(_outlet(story) for story in rest)
            outlet, count = counts.most_common(1)[0]
            # An outlet with more than half of what is left must go first, or it ends in a row.
            wanted = {outlet} if 2 * count > len(rest) else counts.keys()
            story = next((s for s in rest if _outlet(s) in wanted - {before}), None)
            story = story or next((s for s in rest if _outlet(s) != before), rest[0])
            rest.remove(story)
            spread[theme_id].append(story)
            before = _outlet(story)
    return spread


def _outlet(story: _Story) -> str:
    article = story.candidate.article
    return article.outlet or article.republisher or article.source_id


def _sections(
    chosen: Mapping[str, list[_Story]], themes: Mapping[str, Theme], board: Sequence[ThemeRank], asked: bool
) -> tuple[PlannedSection, ...]:
    sizes = _sizes(chosen)
    sections = []
    for theme_id, stories in chosen.items():
        rank = next(rank for rank in board if rank.theme_id == theme_id)
        items = tuple(_planned(story, themes[theme_id], sizes[story.id]) for story in stories)
        why = "asked for" if asked else _sum(rank)
        sections.append(PlannedSection(theme=themes[theme_id], why=why, items=items))
    return tuple(sections)


def _sizes(chosen: Mapping[str, list[_Story]]) -> dict[str, Size]:
    """One item in five is full, at least one; after the sixth they are brief (editorial guide, section 3).

    Clean articles come before doubtful ones, the first of each section before the second of any. An item is
    never larger than its room.
    """
    ranked = sorted(
        (_is_doubtful(story), place, section, story.id)
        for section, s in enumerate(chosen.values())
        for place, story in enumerate(s)
    )
    stories = {story.id: story for s in chosen.values() for story in s}
    count = len(ranked)
    sizes = {}
    for number, (*_, id_) in enumerate(ranked):
        story = stories[id_]
        size = Size.FULL if number < max(1, count // 5) else Size.MEDIUM if number < 6 else Size.BRIEF
        sizes[story.id] = fitting(size, story.candidate.room)
    return sizes


def fitting(size: Size, room: int) -> Size:
    """*size*, or the largest smaller one for which *room* characters are enough."""
    if size is Size.FULL and room < _FULL:
        size = Size.MEDIUM
    return Size.BRIEF if room < _MEDIUM else size


def _planned(story: _Story, theme: Theme, size: Size) -> Planned:
    score, own = story.candidate.scores[theme.id], set(map(fold, theme.names.values()))
    before = "unused" if story.candidate.used else "first"
    reason = Reason(
        kind="updated" if story.candidate.update else "new" if story.fresh > 0 else before,
        terms=tuple(match.term for match in score.matches if fold(match.term) not in own),
        score=score.total,
        fresh=round(story.fresh, 3),
    )
    return Planned(candidate=story.candidate, size=size, reason=reason, also=story.also)


def _left_out(
    ranked: Sequence[ThemeRank],
    chosen: Mapping[str, list[_Story]],
    wishes: Mapping[str, list[_Story]],
    memory: Memory,
) -> list[Skipped]:
    """Each of the themes *ranked* without a section, and the articles that came next in the others."""
    skipped = []
    placed = {story.id: theme_id for theme_id, stories in chosen.items() for story in stories}
    last = min((rank.total for rank in ranked if rank.theme_id in chosen), default=0.0)
    for rank in ranked:
        if rank.theme_id not in chosen:
            why = _why_not(rank, wishes, placed, memory, last)
            dry = rank.theme_id in wishes and not wishes[rank.theme_id]
            skipped.append(Skipped(kind="theme", name=rank.theme_id, why=why, nothing_new=dry))
    for theme_id, stories in chosen.items():
        lost = [story for story in wishes[theme_id] if story.id not in placed][:_LOST]
        skipped += [_lost(story.candidate, stories[-1].candidate, theme_id) for story in lost]
    return skipped


def _lost(loser: Candidate, winner: Candidate, theme_id: str) -> Skipped:
    scores = (
        f"{_score(loser, theme_id):.2f} ({len(loser.used)} sent before) to "
        f"{_score(winner, theme_id):.2f} ({len(winner.used)} sent before)"
    )
    return passed_over(loser.article, f"{theme_id}: after {winner.article.title!r}; scores {scores}")


def passed_over(article: Article, why: str) -> Skipped:
    """An article that might have been quoted, and why it was not."""
    return Skipped(kind="article", name=article.title, why=why, dropped=article.dropped)


def _why_not(
    rank: ThemeRank,
    wishes: Mapping[str, list[_Story]],
    placed: Mapping[str, str],
    memory: Memory,
    last: float,
) -> str:
    if rank.theme_id not in wishes:
        unwanted = any(memory.demand.values()) and memory.demand.get(rank.theme_id, 1) == 0
        return "no reader asks for it" if unwanted else "not in this schedule's choice"
    if not wishes[rank.theme_id]:
        return "no article about it has anything left to quote"
    holders = {placed.get(story.id, "") for story in wishes[rank.theme_id]}
    if "" not in holders:
        return f"its only articles stand under {', '.join(sorted(holders))}"
    return f"its turn comes later: {_sum(rank)} against {last:.2f} of the last one taken"


def _sum(rank: ThemeRank) -> str:
    return " + ".join(f"{name} {value:.2f}" for name, value in rank.parts.items()) + f" = {rank.total:.2f}"
