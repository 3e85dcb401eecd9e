"""The publishing flow: from the articles in the store to a frozen edition.

Freezing reads every span again from the stored article, in the same transaction; an edition in which
one does not match is not published.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.assemble import assemble
from digest.entries import additions
from digest.model import (
    Article,
    Edition,
    Excerpt,
    Item,
    Newsletter,
    Schedule,
    Section,
    Severity,
    Size,
    Skipped,
    Theme,
    Update,
)
from digest.names import shared_names
from digest.pick import Candidate, Memory, Plan, Planned, fitting, passed_over, pick
from digest.similar import same_story, sketch
from digest.summarize import share, summarize
from digest.text import Span, count, fold, minutes
from digest.themes import focus, score

if TYPE_CHECKING:
    from digest.rewriting import Rewriter
    from digest.store import Store, Stored


_AGAIN = 3
"""Excerpts of an item from an article quoted before."""
_NAMED = 3
"""Terms a reason names: those a reader finds in the excerpts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What an installation publishes, and where it is kept."""

    store: "Store"
    newsletter: Newsletter
    themes: Sequence[Theme]
    schedules: Sequence[Schedule] = ()

    def running(self) -> list[Schedule]:
        """Those that make editions by themselves and are not paused."""
        return [one for one in self.schedules if one.cron and not self.store.state.is_paused(one.id)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An edition and the plan behind it; *edition* is None when nothing was new enough to send.

    Args:
        note: A line for the operator on how it was made, or none.
    """

    edition: Edition | None
    plan: Plan
    note: str = ""


def publish(
    paper: Paper,
    schedule: Schedule,
    *,
    slot: datetime,
    now: datetime,
    language: str | None = None,
    only: tuple[str, ...] = (),
    to_readers: bool = True,
    rewrite: "Rewriter | None" = None,
) -> Made:
    """Make the edition of a slot: pick, summarize, assemble, check, freeze.

    Args:
        language: Of the words around the excerpts; the newsletter's if left out.
        only: Theme ids asked for by name; empty leaves the choice to the schedule.
        to_readers: It goes to the schedule's subscribers, so it is noted as still to be queued for them.
        rewrite: Asked once for each item of an edition that will be made.

    Raises:
        StoreError: A span does not stand in the stored article, or the edition cannot be recorded.
    """
    store = paper.store
    memory = read_memory(paper, schedule)
    held = store.articles.quarantined(since=max(memory.last_sent.values(), default=None))
    candidates = read_candidates(paper, schedule, now=now, held=held)
    same: dict[str, str] = {}
    exhausted: list[Skipped] = []
    while True:
        plan = pick(candidates, paper.themes, memory, schedule, now=now, only=only, same=same)
        beyond = find_copies(store, plan, candidates, same, now=now)
        if beyond is not None:
            candidates += _candidates(paper, schedule, beyond, now=now)
            candidates = _sharing(candidates, same)
            continue
        sections, dry = _summarize(plan)
        if not dry:
            break
        exhausted += [
            passed_over(article, f"{theme}: no unused passage can stand alone") for article, theme in dry
        ]
        candidates = [_without(one, dry) for one in candidates]
    plan = replace(plan, skipped=plan.skipped + tuple(exhausted))
    items = sum(len(section.items) for section in sections)
    if items < (1 if only else schedule.minimum_items):
        short = f"{items} items, at least {schedule.minimum_items} are wanted"
        few = Skipped(kind="edition", name=schedule.id, why=short if items else "nothing new")
        return Made(edition=None, plan=replace(plan, skipped=(*plan.skipped, few)))
    if rewrite:
        fresh = {one.article.source_id for one in candidates if not one.used}
        sections, refused = rewrite.rewrite(sections, fresh)
        plan = replace(plan, skipped=plan.skipped + tuple(refused))
    edition = assemble(
        sections,
        schedule=schedule.id,
        slot=slot,
        made_at=now,
        language=language or paper.newsletter.language,
        past_subjects=store.editions.subjects(schedule.id),
        skipped=plan.skipped,
        coverage=store.editions.history(schedule.id).coverage,
        corrections=store.editions.corrected_since_last(schedule.id),
        shared_names=shared_names,
    )
    frozen = store.editions.freeze(edition, now=now, to_readers=to_readers, review=schedule.review)
    return Made(edition=frozen, plan=plan, note=rewrite.report() if rewrite else "")


def read_candidates(
    paper: Paper, schedule: Schedule, *, now: datetime, held: Sequence["Stored"] = ()
) -> list[Candidate]:
    """What may be quoted, scored for every theme, with what was quoted from it before.

    Passages sent longer ago than the schedule recycles after count as unused for it; the share of an
    article that may be quoted over all is counted over every schedule and never comes back.

    Args:
        held: What the gate keeps from readers: never picked, only told of.
    """
    return _candidates(paper, schedule, (*paper.store.articles.candidates(now=now), *held), now=now)


def _candidates(
    paper: Paper, schedule: Schedule, stored: Sequence["Stored"], *, now: datetime
) -> list[Candidate]:
    articles, editions = {one.article.source_id: one.article for one in stored}, paper.store.editions
    by_schedule, by_any = editions.used(schedule.id, list(articles)), editions.used(None, list(articles))
    updates = read_updates(paper.store, articles, schedule)
    recycled = now - timedelta(days=schedule.recycle_after_days)
    found = []
    for one in stored:
        article, id_ = one.article, one.article.source_id
        this_edition, over_all = share(article)
        quoted = {at for start, end, _ in by_any.get(id_, ()) for at in range(start, end)}
        said = count("".join(article.text[at] for at in sorted(quoted)))
        candidate = Candidate(
            article=article,
            scores={theme.id: score(theme, article) for theme in paper.themes},
            first_seen_at=one.changed_at if id_ in updates else one.first_seen_at,
            used=tuple((a, b) for a, b, sent_at in by_schedule.get(id_, ()) if sent_at > recycled),
            room=max(0, min(this_edition, over_all - said)),
            update=updates.get(id_),
        )
        found.append(candidate)
    return found


def read_memory(paper: Paper, schedule: Schedule) -> Memory:
    history = paper.store.editions.history(schedule.id)
    return Memory(
        last_sent=history.last_sent,
        times_sent=history.times_sent,
        demand=paper.store.subscribers.demand([theme.id for theme in paper.themes]),
    )


def find_copies(
    store: "Store", plan: Plan, candidates: Sequence[Candidate], same: dict[str, str], *, now: datetime
) -> list["Stored"] | None:
    """Add to *same* (source id to the first of its copies) the copies of what is planned; None if none.

    Only what is about to be shown is looked up, by the sketch index, so that the cost is that of an
    edition and not of the store.

    Returns:
        The copies that are no candidates, being older than all of them.
    """
    known = {candidate.article.source_id: candidate.article for candidate in candidates}
    beyond: list[Stored] = []
    found = False
    for article in [item.candidate.article for section in plan.sections for item in section.items]:
        if article.source_id in same:
            continue
        copies = []
        for other in store.articles.near(sketch(article.text), min_shared=2):
            one = None if other in known else store.articles.find(other)
            if one and (one.first_seen_at > now or one.article.severity is Severity.QUARANTINE):
                continue
            text = one.article if one else known.get(other)
            if text and other != article.source_id and same_story(article, text):
                copies.append(other)
                beyond += [one] if one else []
                known[other] = text
        first = min([same.get(other, other) for other in copies] + [article.source_id])
        same.update(dict.fromkeys([article.source_id, *copies], first))
        found = found or bool(copies)
    return beyond if found else None


def _sharing(candidates: Sequence[Candidate], same: Mapping[str, str]) -> list[Candidate]:
    """What was sent of an article counts as sent of its copies that hold it, and takes their room."""
    quoted: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        if one.used and one.article.source_id in same:
            quoted[same[one.article.source_id]].append(one)
    return [_shared(one, quoted.get(same.get(one.article.source_id, ""), ())) for one in candidates]


def _shared(candidate: Candidate, quoted: Sequence[Candidate]) -> Candidate:
    text, used, room = candidate.article.text, list(candidate.used), candidate.room
    for copy in quoted:
        sent = [copy.article.text[start:end] for start, end in copy.used]
        spans = [(at, at + len(passage)) for passage in sent if (at := text.find(passage)) >= 0]
        used += [span for span in spans if span not in used]
        room = min(room, copy.room) if spans else room
    return replace(candidate, used=tuple(used), room=room)


def read_updates(store: "Store", articles: Mapping[str, Article], schedule: Schedule) -> dict[str, Update]:
    """What articles say that they did not when *schedule* quoted them, by source id."""
    updates = {}
    for id_, (version, sent_at) in store.editions.outdated(schedule.id, list(articles)).items():
        text = articles[id_].text
        if new := additions(store.articles.text(id_, version), text):
            updates[id_] = Update(since=sent_at, new=_joined(new, text))
    return updates


def _joined(spans: Sequence[Span], text: str) -> tuple[Span, ...]:
    """Neighbours as one span."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _without(candidate: Candidate, dry: Sequence[tuple[Article, str]]) -> Candidate:
    """*candidate* as being about none of the themes it has nothing left to say on; about others it may be."""
    spent = {theme for article, theme in dry if article.source_id == candidate.article.source_id}
    scores = {theme: found for theme, found in candidate.scores.items() if theme not in spent}
    return replace(candidate, scores=scores) if spent else candidate


def _summarize(plan: Plan) -> tuple[list[Section], list[tuple[Article, str]]]:
    """The plan's sections with their excerpts, and which articles had nothing left to say on which theme.

    Those next in line for the place of one that is dry are tried at once: hundreds may be, and each would
    cost a new plan.
    """
    said: list[str] = []
    dry: list[tuple[Article, str]] = []
    sections = []
    for planned in plan.sections:
        items, waiting = [], iter(plan.waiting.get(planned.theme.id, ()))
        for choice in planned.items:
            update, news = choice.candidate.update, _news_of(choice.candidate)
            excerpts = _excerpts(news, planned.theme, choice.size, said, adds=update is not None)
            if update and not excerpts:  # too little to stand alone
                excerpts = _excerpts(choice.candidate, planned.theme, choice.size, said)
            if excerpts and not _is_leftover(choice, excerpts):
                said += [excerpt.text for excerpt in excerpts]
                items.append(_item(choice, excerpts))
                continue
            dry.append((choice.candidate.article, planned.theme.id))
            for other in waiting:
                if _excerpts(other, planned.theme, fitting(choice.size, other.room), said):
                    break
                dry.append((other.article, planned.theme.id))
        if items:
            sections.append(Section(theme=planned.theme, items=tuple(items), why=planned.why))
    return sections, dry


def _is_leftover(choice: Planned, excerpts: Sequence[Excerpt]) -> bool:
    """What was quoted before comes again with a lead and two points at least, or waits until it recycles."""
    again = choice.candidate.used and not choice.candidate.update and choice.size is not Size.BRIEF
    return bool(again) and len(excerpts) < _AGAIN


def _news_of(candidate: Candidate) -> Candidate:
    """*candidate* with only what is new in it left to quote, of which one edition's share is always free."""
    if candidate.update is None:
        return candidate
    edges = [0, *(edge for span in candidate.update.new for edge in span), len(candidate.article.text)]
    old = tuple((start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end)
    return replace(candidate, used=candidate.used + old, room=share(candidate.article)[0])


def _excerpts(
    candidate: Candidate, theme: Theme, size: Size, said: Sequence[str], *, adds: bool = False
) -> tuple[Excerpt, ...]:
    return summarize(
        candidate.article,
        focus=focus(theme),
        size=size,
        room=candidate.room,
        used=candidate.used,
        avoid=said,
        adds=adds,
    )


def _item(choice: Planned, excerpts: tuple[Excerpt, ...]) -> Item:
    article, terms = choice.candidate.article, choice.reason.terms
    said = fold("\n".join(excerpt.text for excerpt in excerpts))
    shown = [term for term in terms if fold(term) in said] or terms
    return Item(
        article=article,
        size=choice.size,
        excerpts=excerpts,
        reason=replace(choice.reason, terms=tuple(shown[:_NAMED])),
        reading_minutes=minutes(article.text),
        also_from=choice.also,
        update=choice.candidate.update,
    )
