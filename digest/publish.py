"""The publishing flow: from the articles in the store to a frozen edition.

Freezing reads every span again from the stored article, in the same transaction; an edition in which
one does not match is not published.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from digest.assemble import assemble
from digest.material import find_copies, read_candidates, read_memory, sharing
from digest.model import (
    Article,
    Edition,
    Excerpt,
    Item,
    Newsletter,
    Schedule,
    Section,
    Size,
    Skipped,
    Theme,
)
from digest.names import shared_names
from digest.pick import Candidate, Plan, Planned, fitting, passed_over, pick
from digest.store import Store
from digest.summarize import share, summarize
from digest.text import fold, minutes
from digest.themes import focus

if TYPE_CHECKING:
    from digest.rewriting import Rewriter


_AGAIN = 3
"""Excerpts of an item from an article quoted before."""
_NAMED = 3
"""Terms a reason names: those a reader finds in the excerpts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What an installation publishes, and where it is kept."""

    store: Store
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
    plan, sections, fresh = _written(paper, schedule, now=now, only=only)
    items = sum(len(section.items) for section in sections)
    if items < (1 if only else schedule.minimum_items):
        short = f"{items} items, at least {schedule.minimum_items} are wanted"
        few = Skipped(kind="edition", name=schedule.id, why=short if items else "nothing new")
        return Made(edition=None, plan=replace(plan, skipped=(*plan.skipped, few)))
    if rewrite:
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


def _written(
    paper: Paper, schedule: Schedule, *, now: datetime, only: tuple[str, ...]
) -> tuple[Plan, list[Section], set[str]]:
    """A plan that could be written, its sections, and the articles this schedule never quoted.

    It is made again as often as a copy of what is planned turns up, or an article with nothing left to say.
    """
    store, themes = paper.store, paper.themes
    memory = read_memory(store, themes, schedule)
    held = store.articles.quarantined(since=max(memory.last_sent.values(), default=None))
    stored = (*store.articles.candidates(now=now), *held)  # what is held is never picked, only told of
    candidates = read_candidates(store, themes, schedule, stored, now=now)
    same: dict[str, str] = {}
    exhausted: list[Skipped] = []
    while True:
        plan = pick(candidates, themes, memory, schedule, now=now, only=only, same=same)
        beyond = find_copies(store, plan, candidates, same, now=now)
        if beyond is not None:
            candidates += read_candidates(store, themes, schedule, beyond, now=now)
            candidates = sharing(candidates, same)
            continue
        sections, dry = _summarize(plan)
        if not dry:
            fresh = {one.article.source_id for one in candidates if not one.used}
            return replace(plan, skipped=plan.skipped + tuple(exhausted)), sections, fresh
        exhausted += [
            passed_over(article, f"{theme}: no unused passage can stand alone") for article, theme in dry
        ]
        candidates = [_without(one, dry) for one in candidates]


def _without(candidate: Candidate, dry: Sequence[tuple[Article, str]]) -> Candidate:
    """*candidate* as having nothing left to say on these themes; about others it may be."""
    spent = {theme for article, theme in dry if article.source_id == candidate.article.source_id}
    return replace(candidate, spent=candidate.spent | spent) if spent else candidate


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
