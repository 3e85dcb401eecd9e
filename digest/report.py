"""Answers to what an operator asks: which theme is next and why, what was made, what an edition rests on."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from digest import __version__
from digest.material import read_candidates, read_memory
from digest.model import Edition, Item, Schedule, Theme
from digest.pick import pick
from digest.polling import health
from digest.publish import Paper, publish
from digest.slots import missed, moments, next_slot
from digest.store import Store
from digest.themes import Passage
from digest.themes import explain as explain_theme

OVERDUE = timedelta(minutes=15)
"""A slot that is due so long has been missed by whatever should have made it."""
LEAST_FREE = 100 << 20
"""Bytes: below this SQLite's journal and a batch of mail may not find room."""
_AROUND, _SHOWN = 12, 3
"""Characters shown before and after a term, and how often it is shown."""
UNSENT, UNREAD = timedelta(minutes=30), timedelta(hours=2)
"""The same for deliveries (a run over a large list looks at its retries later) and for feeds."""


def theme_overview(paper: Paper, schedule: Schedule, *, language: str, now: datetime) -> list[dict[str, Any]]:
    """A row a theme, in the order in which they would be picked now: coverage, history, and the sum."""
    store, themes = paper.store, paper.themes
    candidates = read_candidates(store, themes, schedule, store.articles.candidates(now=now), now=now)
    memory = read_memory(store, themes, schedule)
    plan = pick(candidates, themes, memory, schedule, now=now)
    ranks = {rank.theme_id: rank for rank in plan.board}
    places = list(ranks)
    rows = []
    for theme in sorted(themes, key=lambda one: places.index(one.id) if one.id in ranks else len(ranks)):
        about = [c for c in candidates if c.scores[theme.id].total >= theme.threshold]
        rank = ranks.get(theme.id)
        rows.append(
            {
                "id": theme.id,
                "name": theme.name(language),
                "articles": len(about),
                "unused": sum(candidate.room > 0 and not candidate.used for candidate in about),
                "times_sent": memory.times_sent.get(theme.id, 0),
                "last_sent": memory.last_sent.get(theme.id),
                "next": any(section.theme.id == theme.id for section in plan.sections),
                "score": rank.total if rank else 0.0,
                "parts": dict(rank.parts) if rank else {},
            }
        )
    return rows


def rehearsed(paper: Paper, schedule: Schedule, *, now: datetime, weeks: int) -> Iterator[dict[str, Any]]:
    """A row an edition of the coming *weeks*, made one after another; kept in the store, so give a copy."""
    from digest.render import edition_json

    by_hand = (now + timedelta(weeks=week) for week in range(weeks))
    by_clock = moments(paper, schedule, after=now, until=now + timedelta(weeks=weeks))
    for slot in by_clock if schedule.cron else by_hand:
        made = publish(paper, schedule, slot=slot, now=slot)
        edition = edition_json(made.edition) if made.edition else {"subject": "", "themes": []}
        yield {
            "slot": slot,
            "subject": edition["subject"],
            "reason": "" if made.edition else made.plan.skipped[-1].why,
            "themes": edition["themes"],
            "skipped": [asdict(one) for one in made.plan.skipped],
        }


def edition_overview(store: Store, limit: int) -> list[dict[str, Any]]:
    """A row an edition, newest first, with its deliveries counted by state."""
    return [
        {
            "number": edition.number,
            "schedule": edition.schedule,
            "slot": edition.slot,
            "subject": edition.subject,
            "themes": [section.theme.id for section in edition.sections],
            "items": len(edition.items()),
            "deliveries": {str(state): n for state, n in store.ledger.counts(edition.number).items()},
        }
        for edition in store.editions.list(limit)
    ]


def feed_overview(store: Store, *, now: datetime) -> list[dict[str, Any]]:
    """A row a feed, with its health and what to do about it."""
    shown = ("id", "title", "url", "origin", "tags", "newest_at", "next_at")
    return [
        {name: getattr(feed, name) for name in shown} | asdict(health(feed, now=now))
        for feed in store.feeds.list()
    ]


def overview(paper: Paper, *, folder: Path, now: datetime) -> dict[str, Any]:
    """The whole installation at a glance. *troubles*: what needs a hand, a sentence each."""
    from digest.rewriting import spent_in_all

    store = paper.store
    return {
        "version": __version__,
        "now": now,
        "schedules": [
            {
                "id": schedule.id,
                "next": next_slot(paper, schedule, now=now),
                "paused": store.state.is_paused(schedule.id),
            }
            for schedule in paper.schedules
        ],
        "subscribers": {str(state): n for state, n in store.subscribers.counts().items()},
        "queue": store.ledger.due(now=now),
        "disk_free_bytes": shutil.disk_usage(folder).free,
        "editions": edition_overview(store, 5),
        "model": spent_in_all(store),
        "troubles": [what for _, what in causes(paper, folder=folder, now=now)],
    }


def causes(paper: Paper, *, folder: Path, now: datetime) -> list[tuple[str, str]]:
    """What needs a hand: what each is known by, and a sentence that says what it is and what to do.

    Args:
        folder: Where the data lies.
    """
    store = paper.store
    found = [
        (f"feed {row['id']}", f"feed {row['id']}: {row['what']}; {row['next_step']}")
        for row in feed_overview(store, now=now)
        if row["state"] in {"broken", "gone", "spam-hit"}
    ]
    for row in edition_overview(store, 5):
        number = row["number"]
        if store.editions.status(number) == "review":
            what = f"edition {number} waits for review; let it out with digest editions approve {number}"
            found.append((f"review {number}", what))
        for state in ("unknown", "held", "failed"):
            if count := row["deliveries"].get(state):
                look = f"digest editions show {number} --deliveries"
                what = f"edition {number}: {count} deliveries {state}; see {look}"
                found.append((f"edition {number} {state}", what))
    late = overdue(paper, now=now)
    found += [(what.partition(":")[0], what) for what in late]
    if waiting := len(store.articles.quarantined(limit=100)):
        found.append(("quarantine", f"{waiting} articles in quarantine; see digest quarantine list"))
    if (free := shutil.disk_usage(folder).free) < LEAST_FREE:
        found.append(("disk", f"only {free >> 20} MiB are free where the data lies: make room"))
    return found


def overdue(paper: Paper, *, now: datetime) -> list[str]:
    """What ought to have been done and was not, a sentence each: something stands still. Empty is healthy."""
    found = [
        f"{schedule}: the edition of {slot:%Y-%m-%d %H:%M} UTC is overdue"
        for schedule, slot in missed(paper, now=now - OVERDUE)
    ]
    store = paper.store
    waiting = store.ledger.next_due()
    if waiting and waiting < now - UNSENT:
        found.append(f"delivery: mail has been due since {waiting:%Y-%m-%d %H:%M} UTC and is not sent")
    if unread := len(store.feeds.due(now - UNREAD)):
        found.append(f"collecting: {unread} feeds have been due for two hours and are not read")
    return found


def explain(edition: Edition) -> dict[str, Any]:
    """Why an edition holds what it holds, from what was frozen with it.

    Of each item the score in its parts (``matches``), where each term stands, at most thrice (``passages``),
    how fresh it was (``fresh``, 0 to 1) and how old (``age_days``, None without a date), and the blocks of
    its page that were thrown away, by reason (``dropped``). ``themes[].why`` is the sum by which a theme had
    its turn; what was close and lost, and what the gate kept back, stands under ``skipped``.
    """
    items = [(section, item) for section in edition.sections for item in section.items]
    return {
        "number": edition.number,
        "schedule": edition.schedule,
        "slot": edition.slot,
        "made_at": edition.made_at,
        "subject": edition.subject,
        "themes": [{"id": section.theme.id, "why": section.why} for section in edition.sections],
        "items": [
            {
                "item": number,
                "theme": section.theme.id,
                "source": item.article.source_id,
                "title": item.article.title,
                "reason": item.reason.kind,
                "score": item.reason.score,
                "fresh": item.reason.fresh,
                "terms": item.reason.terms,
                **_grounds(section.theme, item, edition.made_at),
                "dropped": [asdict(one) for one in item.article.dropped],
                "flags": [f"{flag.severity} {flag.code}: {flag.reason}" for flag in item.article.flags],
                "excerpts": [
                    {"role": e.role, "start": e.start, "end": e.end, "text": e.text} for e in item.excerpts
                ],
            }
            for number, (section, item) in enumerate(items, 1)
        ],
        "skipped": [asdict(one) for one in edition.skipped],
    }


def _grounds(theme: Theme, item: Item, made_at: datetime) -> dict[str, Any]:
    found, article = explain_theme(theme, item.article), item.article
    by_term: dict[str, list[Passage]] = defaultdict(list)
    for one in found.passages:
        by_term[one.term].append(one)
    shown = [one for passages in by_term.values() for one in passages[:_SHOWN]]
    around = [article.text[max(0, one.start - _AROUND) : one.end + _AROUND] for one in shown]
    return {
        "matches": [asdict(one) for one in found.score.matches],
        "passages": [
            {"term": one.term, "start": one.start, "text": text}
            for one, text in zip(shown, around, strict=True)
        ],
        "age_days": (made_at - article.published.at).days if article.published else None,
    }
