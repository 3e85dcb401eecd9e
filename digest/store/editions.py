"""Editions, frozen whole, and the memory of what was quoted and which themes were sent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.errors import StoreError
from digest.model import Correction, Edition, Excerpt, Item, Role

from . import documents
from .articles import Articles
from .database import Noun
from .schema import article_versions, articles, edition_themes, editions, excerpts
from .slots import fill_slot

_FIRST = sa.func.coalesce(editions.c.corrects, editions.c.number)
_LATER = editions.alias("later")
_REPLACED = (
    sa.select(_LATER.c.number)
    .where(_LATER.c.corrects == _FIRST, _LATER.c.revision > editions.c.revision, _LATER.c.status == "ready")
    .exists()
)

Used = tuple[int, int, datetime]
"""Start and end in the article's present text, and when it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a schedule has sent: the picker's memory.

    Args:
        last_sent: Slot of the last edition with the theme; times_sent: how many had it.
        coverage: (theme id, items in each of the last editions, oldest first).
    """

    last_sent: dict[str, datetime]
    times_sent: dict[str, int]
    coverage: tuple[tuple[str, tuple[int, ...]], ...]


class Editions(Noun):
    def freeze(
        self, edition: Edition, *, now: datetime, to_readers: bool = False, review: bool = False
    ) -> Edition:
        """Keep *edition* for good under the next number: everything or nothing, in one transaction.

        The edition, its excerpts and its slot are written together, so that a killed run leaves no half.
        Identity is (schedule, slot, revision): when there is one already, that one is returned, unchanged.
        The numbers have no gaps.

        Args:
            to_readers: It is to be planned for subscribers: noted with it, so that a run killed between
                freezing and planning forgets nobody (``ledger.unplanned``).
            review: Held until :meth:`set_status` makes it ready.

        Raises:
            StoreError: An excerpt is not what stands in the stored article; nothing was written.
        """
        with self._database.write() as connection:
            self._database.alone(connection, "freeze")
            same = (editions.c.schedule == edition.schedule) & (editions.c.slot == edition.slot)
            query = sa.select(editions.c.document).where(same, editions.c.revision == edition.revision)
            known = connection.scalar(query)
            if known is not None:
                return documents.read(Edition, known)
            last = connection.scalar(sa.select(sa.func.max(editions.c.number))) or 0
            frozen = replace(edition, number=last + 1)
            status, planned_to = "review" if review else "ready", 0 if to_readers else None
            _insert(connection, frozen, frozen_at=now, status=status, planned_to=planned_to)
            _insert_excerpts(connection, frozen)
            fill_slot(connection, frozen.schedule, frozen.slot, frozen.number, now)
        return frozen

    def get(self, number: int) -> Edition:
        """The edition as frozen; StoreError when there is none."""
        return documents.read(Edition, self._known(editions.c.document, number))

    def _known(self, column: sa.Column[str], number: int) -> str:
        found = self._database.value(sa.select(column).where(editions.c.number == number))
        if found is None:
            raise StoreError(f"there is no edition {number}: `digest editions list` shows what there is")
        return found

    def _all(self, query: sa.Select[Any]) -> tuple[Edition, ...]:
        """Those whose documents *query* finds."""
        return tuple(documents.read(Edition, document) for document in self._database.column(query))

    def list(self, limit: int = 20, *, schedule: str | None = None) -> tuple[Edition, ...]:
        """Newest first."""
        query = sa.select(editions.c.document).order_by(editions.c.number.desc()).limit(limit)
        if schedule is not None:
            query = query.where(editions.c.schedule == schedule)
        return self._all(query)

    def public(
        self, schedules: Sequence[str], *, theme: str | None = None, skip: int = 0, limit: int = 20
    ) -> tuple[Edition, ...]:
        """For the archive: ready editions of *schedules*, with *theme* in them, newest first.

        Of each its last revision, in the place of the first.
        """
        query = sa.select(editions.c.document).where(
            editions.c.status == "ready", editions.c.schedule.in_(schedules), ~_REPLACED
        )
        if theme is not None:
            query = query.where(editions.c.themes.contains(f"|{theme}|", autoescape=True))
        return self._all(query.order_by(_FIRST.desc()).offset(skip).limit(limit))

    def latest(self, schedule: str | None = None) -> Edition | None:
        return next(iter(self.list(1, schedule=schedule)), None)

    def subjects(self, schedule: str, *, limit: int = 200) -> tuple[str, ...]:
        """Of the schedule's last editions, newest first."""
        query = sa.select(editions.c.subject).where(editions.c.schedule == schedule)
        return tuple(self._database.column(query.order_by(editions.c.slot.desc()).limit(limit)))

    def revisions(self, number: int) -> tuple[int, ...]:
        """The numbers of an edition's revisions, first to last, *number* being any of them."""
        first = sa.select(_FIRST).where(editions.c.number == number).scalar_subquery()
        query = sa.select(editions.c.number).where(first == _FIRST).order_by(editions.c.revision)
        return tuple(self._database.column(query))

    def current(self, number: int) -> Edition:
        """What stands under the address of an edition: its last ready revision; StoreError without one."""
        first = sa.select(_FIRST).where(editions.c.number == number).scalar_subquery()
        query = sa.select(editions.c.document).where(first == _FIRST, editions.c.status == "ready")
        found = self._all(query.order_by(editions.c.revision.desc()).limit(1))
        if not found:
            raise StoreError(f"there is no edition {number} for readers")
        return found[0]

    def corrected_since_last(self, schedule: str) -> tuple[Correction, ...]:
        """What was put right on the web alone since the schedule's last edition was made; oldest first."""
        mine = editions.c.schedule == schedule
        last = sa.select(sa.func.max(editions.c.made_at)).where(mine, editions.c.revision == 1)
        query = sa.select(editions.c.document).where(
            mine, editions.c.revision > 1, editions.c.status == "ready", editions.c.planned_to.is_(None),
            editions.c.made_at >= last.scalar_subquery(),
        )  # fmt: skip
        return tuple(one.corrections[-1] for one in self._all(query.order_by(editions.c.number)))

    def status(self, number: int) -> str:
        """``ready``, ``review`` or ``stopped``; only ready editions are sent."""
        return self._known(editions.c.status, number)

    def set_status(self, number: int, status: str) -> bool:
        """Approve, stop or resume; False when there is no such edition. What is on the wire ends."""
        change = sa.update(editions).where(editions.c.number == number).values(status=status)
        return self._database.change(change) > 0

    def used(self, schedule: str | None, source_ids: Sequence[str]) -> dict[str, tuple[Used, ...]]:
        """Passages sent before by *schedule* (None: by any), by source id; sources never quoted are absent.

        Spans of an older version are looked up in the present text; what no longer stands there is left out.
        """
        query = (
            sa.select(
                articles.c.source_id, articles.c.version.label("present"), excerpts.c.version,
                excerpts.c.start, excerpts.c.end, excerpts.c.sent_at,
            )
            .join(articles, articles.c.id == excerpts.c.article_id)
            .where(articles.c.source_id.in_(source_ids))
            .order_by(excerpts.c.id)
        )  # fmt: skip
        if schedule is not None:
            query = query.where(excerpts.c.schedule == schedule)
        found: dict[str, list[Used]] = {}
        for row in self._database.rows(query):
            span = self._present_span(row)
            if span:
                found.setdefault(row.source_id, []).append((*span, row.sent_at))
        return {source_id: tuple(dict.fromkeys(spans)) for source_id, spans in found.items()}

    def outdated(self, schedule: str, source_ids: Sequence[str]) -> dict[str, tuple[int, datetime]]:
        """Sources whose text has changed since *schedule* quoted them: the last version quoted, and when."""
        version, sent_at = sa.func.max(excerpts.c.version), sa.func.max(excerpts.c.sent_at)
        query = (
            sa.select(articles.c.source_id, version.label("quoted"), sent_at.label("sent_at"))
            .join(articles, articles.c.id == excerpts.c.article_id)
            .where(excerpts.c.schedule == schedule, articles.c.source_id.in_(source_ids))
            .group_by(articles.c.source_id, articles.c.version)
            .having(version < articles.c.version)
        )
        return {row.source_id: (row.quoted, row.sent_at) for row in self._database.rows(query)}

    def _present_span(self, row: Any) -> tuple[int, int] | None:
        if row.version == row.present:
            return row.start, row.end
        texts = Articles(self._database)
        quoted = texts.text(row.source_id, row.version)[row.start : row.end]
        start = texts.text(row.source_id).find(quoted)
        return (start, start + len(quoted)) if start >= 0 else None

    def history(self, schedule: str, *, last: int = 8) -> History:
        """What *schedule* has sent, with the coverage of its *last* editions; corrections do not count."""
        mine = (editions.c.schedule == schedule) & (editions.c.revision == 1)
        joined = sa.join(edition_themes, editions, edition_themes.c.edition == editions.c.number)
        theme, slot, times = edition_themes.c.theme, sa.func.max(editions.c.slot), sa.func.count()
        totals = sa.select(theme, slot.label("slot"), times.label("times")).select_from(joined)
        totals = totals.where(mine).group_by(theme).order_by(theme)
        recent = sa.select(editions.c.number).where(mine).order_by(editions.c.slot.desc()).limit(last)
        with self._database.read() as connection:
            sent = connection.execute(totals).all()
            numbers = sorted(connection.scalars(recent))
            counted = sa.select(edition_themes).where(edition_themes.c.edition.in_(numbers))
            rows = connection.execute(counted).all()
        items = {(row.theme, row.edition): row.items for row in rows}
        themes = sorted({row.theme for row in rows})
        return History(
            last_sent={row.theme: row.slot for row in sent},
            times_sent={row.theme: row.times for row in sent},
            coverage=tuple((theme, tuple(items.get((theme, n), 0) for n in numbers)) for theme in themes),
        )


_AS_IT_IS = ("number", "schedule", "slot", "revision", "corrects", "made_at")


def _insert(connection: sa.Connection, edition: Edition, **more: Any) -> None:
    themes = tuple(section.theme.id for section in edition.sections)
    connection.execute(
        sa.insert(editions).values(
            **{name: getattr(edition, name) for name in _AS_IT_IS},
            subject=documents.printable(edition.subject),
            themes=documents.words(themes),
            document=documents.write(edition),
            **more,
        )
    )
    counts = {section.theme.id: len(section.items) for section in edition.sections}
    if counts:
        rows = [{"edition": edition.number, "theme": theme, "items": n} for theme, n in counts.items()]
        connection.execute(sa.insert(edition_themes), rows)


def _insert_excerpts(connection: sa.Connection, edition: Edition) -> None:
    for item in edition.items():
        article_id, version = _quoted_version(connection, item)
        place = {
            "article_id": article_id, "version": version,
            "edition": edition.number, "schedule": edition.schedule, "sent_at": edition.made_at,
        }  # fmt: skip
        quoted = [one for one in item.excerpts if one.by == "source"]
        rows = [{**place, "start": one.start, "end": one.end} for one in quoted]
        if rows:
            connection.execute(sa.insert(excerpts), rows)
        this = articles.c.id == article_id
        connection.execute(sa.update(articles).where(this).values(quoted_at=edition.made_at))


def _quoted_version(connection: sa.Connection, item: Item) -> tuple[int, int]:
    """The stored version whose text the item quotes, newest first; every span is checked against it."""
    rows = connection.execute(
        sa.select(articles.c.id, article_versions.c.version, article_versions.c.document)
        .join(article_versions, article_versions.c.article_id == articles.c.id)
        .where(articles.c.source_id == item.article.source_id)
        .order_by(article_versions.c.version.desc())
    )
    for row in rows:
        if documents.read(type(item.article), row.document).text == item.article.text:
            break
    else:
        raise StoreError(f"{item.article.source_id} is not in the database as it is quoted: collect it first")
    for excerpt in item.excerpts:
        if excerpt.by == "model":
            _check_written(item, excerpt)
        elif item.article.text[excerpt.start : excerpt.end] != excerpt.text:
            raise StoreError(
                f"{item.article.source_id}: the excerpt at {excerpt.start} is not what the article says; "
                "nothing was published"
            )
    return row.id, row.version


def _check_written(item: Item, excerpt: Excerpt) -> None:
    """A model's words are a lead, claim no place in the source, and stand beside a passage that has one."""
    quoted = any(one.by == "source" and one.role in (Role.POINT, Role.QUOTE) for one in item.excerpts)
    if excerpt.role is not Role.LEAD or (excerpt.start, excerpt.end) != (0, 0) or not quoted:
        raise StoreError(
            f"{item.article.source_id}: what a model wrote is no lead beside quoted passages; "
            "nothing was published"
        )
