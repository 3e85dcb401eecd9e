"""Correcting a frozen edition: a new revision of it, known by the number and address of the first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from digest.assemble import headlines
from digest.errors import StoreError
from digest.model import Article, Correction, DeliveryState, Edition, Item, Section
from digest.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an editor wants otherwise.

    Args:
        note: What was wrong and what is right, for readers.
        drop: Items to leave out, ``3``, and excerpts, ``3.2``, counted as ``digest editions why`` does.
        subject: None keeps the old one while its headline is still there.
        reread: Titles, credits, dates, addresses and notes as the articles have them now.
    """

    note: str
    drop: tuple[str, ...] = ()
    subject: str | None = None
    reread: bool = False


def correct(
    store: Store,
    number: int,
    changes: Changes,
    *,
    now: datetime,
    language: str,
    send: bool = False,
    dry_run: bool = False,
) -> Edition:
    """Freeze a new revision of an edition; with *send*, queued for all who got, or wait for, an earlier one.

    Without, the web copy and the feed change, and the schedule's next edition opens with the note.

    Args:
        dry_run: Freeze nothing and queue nothing.

    Raises:
        StoreError: There is no such edition, or it is still going out as it was.
        ValueError: Nothing would be left of it, or something is to be dropped that is not in it.
    """
    editions, ledger = store.editions, store.ledger
    earlier = editions.revisions(number) or (number,)
    latest = editions.get(earlier[-1])
    for n in reversed(earlier) if not send else ():
        waiting = ledger.counts(n).get(DeliveryState.QUEUED, 0)
        if waiting and editions.status(n) == "ready":
            raise StoreError(
                f"edition {n} is still on its way as it is to {waiting} readers: "
                f"correct it with --send, or end it first with `digest editions stop {n}`"
            )
    if send and any(ledger.counts(n) and not ledger.list(n, limit=1) for n in earlier):
        raise StoreError(f"who got edition {number} is forgotten by now: correct it without --send")
    stored = {}
    if changes.reread:
        found = (store.articles.find(item.article.source_id) for item in latest.items())
        stored = {one.article.source_id: one.article for one in found if one}
    past = set(editions.subjects(latest.schedule)) - {latest.subject}
    revised = revise(latest, changes, articles=stored, past=past, now=now, language=language)
    if dry_run:
        return revised
    if send:
        for former in earlier:
            editions.set_status(former, "stopped")
    frozen = editions.freeze(revised, now=now, to_readers=send)
    if send:
        ledger.plan(frozen.number, now=now)
    return frozen


def revise(
    edition: Edition,
    changes: Changes,
    *,
    articles: Mapping[str, Article],
    past: Collection[str],
    now: datetime,
    language: str,
) -> Edition:
    """The next revision of *edition*, still without a number.

    Args:
        articles: By source id, as they are now; what is quoted stays what it was.
        past: Subjects that cannot be taken again.

    Raises:
        ValueError: As :func:`correct`.
    """
    kept = _without(edition, changes.drop)
    old = [item.article for section in kept for item in section.items]
    titles = {article.title: articles.get(article.source_id, article).title for article in old}
    sections = tuple(
        replace(section, items=tuple(_credited(item, articles, titles) for item in section.items))
        for section in kept
    )
    subject, preheader = edition.subject, edition.preheader
    headed = [item.article.title for item in edition.items()]
    if headed != [item.article.title for section in sections for item in section.items]:
        subject, preheader = headlines(sections, edition.made_at, language, past)
    return replace(
        edition,
        number=0,
        revision=edition.revision + 1,
        corrects=edition.public_number,
        corrections=(*edition.corrections, Correction(note=changes.note, slot=edition.slot, at=now)),
        sections=sections,
        subject=changes.subject or subject,
        preheader=preheader,
        made_at=now,
    )


def _without(edition: Edition, drop: Sequence[str]) -> list[Section]:
    """The sections without the items and excerpts named, and without what that leaves empty."""
    known: set[str] = set()
    sections, places = [], map(str, count(1))
    for section in edition.sections:
        items = []
        for item in section.items:
            place = next(places)
            excerpts = {f"{place}.{m}": excerpt for m, excerpt in enumerate(item.excerpts, 1)}
            known |= {place, *excerpts}
            left = tuple(excerpt for at, excerpt in excerpts.items() if at not in drop)
            if left and place not in drop:
                items.append(replace(item, excerpts=left))
        if items:
            sections.append(replace(section, items=tuple(items)))
    if wrong := [place for place in drop if place not in known]:
        number = edition.number
        raise ValueError(f"edition {number} holds no {', '.join(wrong)}: see `digest editions why {number}`")
    if not sections:
        raise ValueError("nothing would be left of the edition; stop it instead: `digest editions stop`")
    return sections


def _credited(item: Item, articles: Mapping[str, Article], titles: Mapping[str, str]) -> Item:
    """*item* with what is said about its article as it is now; the text stays the one that was quoted."""
    present, old = articles.get(item.article.source_id), item.article
    article = replace(present, text=old.text, blocks=old.blocks, cuts=old.cuts) if present else old
    links = tuple((name, titles[title]) for name, title in item.also_in if title in titles)
    return replace(item, article=article, also_in=links)
