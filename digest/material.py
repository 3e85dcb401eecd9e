"""What an edition may be made of, as the store has it: articles and what was quoted of them, copies, news."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest.entries import additions
from digest.model import Article, Schedule, Severity, Theme, Update
from digest.pick import Candidate, Memory, Plan
from digest.similar import same_story, sketch
from digest.summarize import share
from digest.text import Span, count
from digest.themes import score

if TYPE_CHECKING:
    from digest.store import Store, Stored


def read_candidates(
    store: "Store", themes: Sequence[Theme], schedule: Schedule, stored: Sequence["Stored"], *, now: datetime
) -> list[Candidate]:
    """The articles *stored*, scored for every theme, with what was quoted from them before.

    Passages sent longer ago than the schedule recycles after count as unused for it; the share of an
    article that may be quoted over all is counted over every schedule and never comes back.
    """
    articles, editions = {one.article.source_id: one.article for one in stored}, store.editions
    by_schedule, by_any = editions.used(schedule.id, list(articles)), editions.used(None, list(articles))
    updates = read_updates(store, articles, schedule)
    recycled = now - timedelta(days=schedule.recycle_after_days)
    found = []
    for one in stored:
        article, id_ = one.article, one.article.source_id
        this_edition, over_all = share(article)
        quoted = {at for start, end, _ in by_any.get(id_, ()) for at in range(start, end)}
        said = count("".join(article.text[at] for at in sorted(quoted)))
        candidate = Candidate(
            article=article,
            scores={theme.id: score(theme, article) for theme in themes},
            first_seen_at=one.changed_at if id_ in updates else one.first_seen_at,
            used=tuple((a, b) for a, b, sent_at in by_schedule.get(id_, ()) if sent_at > recycled),
            room=max(0, min(this_edition, over_all - said)),
            update=updates.get(id_),
        )
        found.append(candidate)
    return found


def read_memory(store: "Store", themes: Sequence[Theme], schedule: Schedule) -> Memory:
    history = store.editions.history(schedule.id)
    return Memory(
        last_sent=history.last_sent,
        times_sent=history.times_sent,
        demand=store.subscribers.demand([theme.id for theme in themes]),
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


def sharing(candidates: Sequence[Candidate], same: Mapping[str, str]) -> list[Candidate]:
    """What was sent of an article counts as sent of its copies that hold it, and takes the room of all.

    A reworded copy holds nothing of it letter for letter, and would else come as news when it is used up.
    """
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
        room = min(room, copy.room)
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
