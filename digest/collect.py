"""The collecting flow: seeds and feeds in, cleaned and judged articles in the store.

A file that cannot be read, or holds no article, is a line in the report; the others go on.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from digest import __version__
from digest.clean import clean_page
from digest.errors import SeedError
from digest.gate import judge
from digest.model import Article, Flag, Page, SiteRule
from digest.seeds import Note, Seed
from digest.similar import sketch

if TYPE_CHECKING:
    from digest.feeds import Polled
    from digest.store import Store

_TOGETHER = 100
"""Seeds kept in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What became of one source.

    Args:
        told: How much of a seed was kept and thrown away, and every doubt about it, a line each.
        state: ``new``, ``changed``, ``unchanged``, ``empty`` (holds no article) or ``failed``.
        detail: For ``empty`` and ``failed``: why, and what to do; for feeds, what they brought.
    """

    source_id: str
    state: str
    detail: str = ""
    title: str = ""
    told: tuple[str, ...] = ()


def read_page(raw: str, *, note: Note | None = None, flags: tuple[Flag, ...] = (), **about: Any) -> Page:
    """Clean and judge one page; the operator's note has the last word on what no program can know.

    Args:
        flags: What is known against it already.
        about: See `digest.clean.clean_page`.
    """
    page = judge(clean_page(raw, **about))
    if page.article is None:
        return page
    article = replace(page.article, flags=flags + page.article.flags, dropped=page.dropped())
    return replace(page, article=annotate(article, note) if note else article)


def annotate(article: Article, note: Note) -> Article:
    """Correct an article by hand. What the note leaves open stays as read; the text is never touched."""
    told = {key: value for key, value in note if value}
    settled = {"outlet-inferred"} if note.outlet else set()
    kept = tuple(flag for flag in article.flags if flag.code not in settled)
    return replace(article, flags=kept, **told)


def read_seed(seed: Seed, *, note: Note | None, rules: Sequence[SiteRule], now: datetime) -> Page:
    return read_page(
        seed.text,
        source_id=seed.source_id,
        html=seed.html,
        now=now,
        rules=tuple(rules),
        note=note,
        flags=seed.flags,
        evergreen=True,
    )


def collect_seeds(
    store: "Store",
    seeds: Iterable[Seed],
    failures: Iterable[SeedError],
    *,
    notes: Mapping[str, Note],
    rules: Sequence[SiteRule],
    now: datetime,
    on_progress: Callable[[str], None] = lambda _: None,
) -> list[Collected]:
    """Read every seed into the store; those read before by this version, unchanged, are not cleaned again.

    The report is in order of names.
    """
    report = [
        Collected(source_id=f"seeds/{error.path.name}", state="failed", detail=error.what)
        for error in failures
    ]
    read: list[tuple[Seed, str, Page]] = []
    for seed in seeds:
        on_progress(seed.source_id)
        note = notes.get(seed.name)
        mark = _mark(seed, note, rules)
        if store.state.get(f"seen:{seed.source_id}") == mark:
            report.append(Collected(source_id=seed.source_id, state="unchanged"))
            continue
        read.append((seed, mark, read_seed(seed, note=note, rules=rules, now=now)))
        if len(read) == _TOGETHER:
            report += _save(store, read, now)
            read.clear()
    return sorted(report + _save(store, read, now), key=lambda one: one.source_id)


def _save(store: "Store", read: Sequence[tuple[Seed, str, Page]], now: datetime) -> list[Collected]:
    """Articles first: a seed counts as seen once it is kept."""
    found = [page.article for _, _, page in read if page.article]
    states = store.articles.save_all([(article, sketch(article.text)) for article in found], now=now)
    store.state.set_all({f"seen:{seed.source_id}": mark for seed, mark, _ in read})
    kept = dict(zip((article.source_id for article in found), states, strict=True))
    return [_told(seed, page, kept.get(seed.source_id, "empty")) for seed, _, page in read]


def _told(seed: Seed, page: Page, state: str) -> Collected:
    article = page.article
    if article is None:
        return Collected(source_id=seed.source_id, state=state, detail=page.reason)
    dropped = sum(not decision.kept for decision in page.decisions)
    kept = f"kept {len(article.text)} characters, threw away {dropped} blocks"
    doubts = (f"{flag.severity}: {flag.reason}" for flag in article.flags)
    return Collected(source_id=seed.source_id, state=state, title=article.title, told=(kept, *doubts))


def polled(feed: "Polled") -> Collected:
    """A feed's poll as a line of the report."""
    counts = {
        "new": feed.new,
        "changed": feed.changed,
        "quarantined": feed.quarantined,
        "as background": feed.background,
    }
    found = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    state = {"gone": "failed", "left": "unchanged"}.get(feed.state, feed.state)
    return Collected(source_id=f"feeds/{feed.feed.id}", state=state, detail=feed.detail or found)


def _mark(seed: Seed, note: Note | None, rules: Sequence[SiteRule]) -> str:
    """Changes whenever cleaning could come out differently."""
    told = repr((__version__, seed.text, note, tuple(rules)))
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()
