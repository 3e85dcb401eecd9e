"""Articles, every version of their text, and the index of their sketches."""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, Literal

import sqlalchemy as sa

from digest.errors import StoreError
from digest.model import Article, Severity

from . import documents
from .database import Database, Noun
from .schema import article_versions, articles, excerpts, sketches

Saved = Literal["new", "changed", "unchanged"]
Found = tuple[Article, Sequence[int]]
"""An article and its sketch, see `digest.similar.sketch`."""
COMMON = 200
"""Articles a value of a sketch is looked up in."""
SKETCH = 64
_TOGETHER = 500
"""Articles forgotten in one statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An article with what only the store knows.

    Args:
        article: As saved; when *released*, its quarantine flags stand as cautions.
        version: Of the text, from 1; spans belong to a version.
        first_seen_at: When it was first saved, whatever date the page claims.
        released: An operator let it out of quarantine.
    """

    article: Article
    version: int
    first_seen_at: datetime
    changed_at: datetime
    released: bool = False


class Articles(Noun):
    def save(self, article: Article, *, sketch: Sequence[int], now: datetime) -> Saved:
        """Keep *article* as the present state of its source.

        A changed text becomes a new version and the old one stays, so that what was quoted from it can
        be checked; a changed title, date or flag overwrites. A changed text takes a release from
        quarantine back: somebody released other words.
        """
        return self.save_all([(article, sketch)], now=now)[0]

    def save_all(self, found: Iterable[Found], *, now: datetime) -> tuple[Saved, ...]:
        """`save` for many in one transaction, in their order."""
        with self._database.write() as connection:
            self._database.alone(connection, "articles")
            return save_found(self._database, connection, found, now)

    def find(self, source_id: str, version: int | None = None) -> Stored | None:
        """The article, in its present version unless another is named; None when there is none."""
        query = _stored(articles.c.version if version is None else version)
        rows = self._database.rows(query.where(articles.c.source_id == source_id))
        return _stored_from(rows[0]) if rows else None

    def get(self, source_id: str, version: int | None = None) -> Article:
        """The article itself; StoreError when there is none (it was pruned, or never collected)."""
        stored = self.find(source_id, version)
        if stored is None:
            raise StoreError(f"no article {source_id} (version {version or 'present'}) in the database")
        return stored.article

    def text(self, source_id: str, version: int | None = None) -> str:
        """The text spans count in, read back from the database."""
        return self.get(source_id, version).text

    def newest(self, limit: int) -> tuple[Stored, ...]:
        """Those first saved last, newest first."""
        return tuple(
            map(_stored_from, self._database.rows(_stored().order_by(articles.c.id.desc()).limit(limit)))
        )

    def count(self) -> int:
        return self._database.value(sa.select(sa.func.count()).select_from(articles)) or 0

    def candidates(self, *, now: datetime, limit: int = 400) -> tuple[Stored, ...]:
        """What an edition may quote: the newest *limit* articles, then at most *limit* evergreen ones.

        Quarantined ones are left out unless released. Evergreen articles come longest unquoted first
        (never quoted before all), so that the cost does not grow with what is stored and every one of
        them gets its turn. Articles first seen after *now* are left out.
        """
        usable = _stored().where(articles.c.usable, articles.c.first_seen_at <= now)
        fresh = usable.where(~articles.c.evergreen).order_by(
            articles.c.first_seen_at.desc(), articles.c.id.desc()
        )
        evergreen = usable.where(articles.c.evergreen).order_by(
            articles.c.quoted_at.asc().nulls_first(), articles.c.id
        )
        with self._database.read() as connection:
            rows = [row for query in (fresh, evergreen) for row in connection.execute(query.limit(limit))]
        return tuple(_stored_from(row) for row in rows)

    def quarantined(self, *, since: datetime | None = None, limit: int = 50) -> tuple[Stored, ...]:
        """Kept from readers and not released, newest first.

        Args:
            since: Only those first seen later.
        """
        query = _stored().where(~articles.c.usable)
        if since is not None:  # either kind is named for the index
            query = query.where(articles.c.evergreen.in_([False, True]), articles.c.first_seen_at > since)
        rows = self._database.rows(query.order_by(articles.c.id.desc()).limit(limit))
        return tuple(_stored_from(row) for row in rows)

    def release(self, source_id: str) -> bool:
        """Let a quarantined article be quoted (as a caution); False when there is no such article."""
        change = (
            sa.update(articles).where(articles.c.source_id == source_id).values(released=True, usable=True)
        )
        return self._database.change(change) > 0

    def near(self, sketch: Sequence[int], *, min_shared: int) -> tuple[str, ...]:
        """Source ids whose sketches share at least *min_shared* values with *sketch*, most first.

        Of the articles that share a value only the newest ``COMMON`` are looked at: a phrase everybody
        repeats must not make an edition cost what is stored.
        """
        if not sketch:
            return ()
        room = -len(sketch) % SKETCH  # asked in few sizes, the statement is compiled once
        values = {f"value{n}": value for n, value in enumerate([*sketch, *[None] * room])}
        query = _near(len(values))
        return tuple(row.source_id for row in self._database.rows(query, {**values, "least": min_shared}))

    def prune(self, *, before: datetime) -> int:
        """Forget articles first seen before then, save evergreen ones and any an edition quotes."""
        quoted = sa.select(excerpts.c.id).where(excerpts.c.article_id == articles.c.id).exists()
        old = articles.c.first_seen_at < before, ~articles.c.evergreen, ~quoted
        some = sa.select(articles.c.id).where(*old).limit(_TOGETHER)
        pruned = 0
        with self._database.write() as connection:
            while gone := connection.scalars(some).all():
                _unmark(connection, gone)
                connection.execute(sa.delete(articles).where(articles.c.id.in_(gone)))
                pruned += len(gone)
        return pruned


@cache
def _near(values: int) -> sa.TextClause:
    """The query of ``near`` for so many values, given as ``value0`` and on; None is no value.

    As text: to put hundreds of subqueries together costs SQLAlchemy a third of a second at every start.
    """
    holders = " UNION ALL ".join(
        f"SELECT * FROM (SELECT article_id FROM sketches WHERE hash = :value{n}"  # noqa: S608 - numbers only
        f" ORDER BY article_id DESC LIMIT {COMMON}) AS anon_{n}"  # as SQLAlchemy names what a limit left
        for n in range(values)
    )
    return sa.text(
        f"SELECT source_id, count(*) AS shared FROM ({holders}) AS anon"  # noqa: S608 - the above
        " JOIN articles ON id = article_id"
        " GROUP BY source_id HAVING count(*) >= :least ORDER BY shared DESC, source_id LIMIT 100"
    )


def _of_version(version: Any = articles.c.version) -> sa.ColumnElement[bool]:
    return sa.and_(article_versions.c.article_id == articles.c.id, article_versions.c.version == version)


def _stored(version: Any = articles.c.version) -> sa.Select[Any]:
    known = article_versions.c.version, articles.c.first_seen_at, articles.c.changed_at, articles.c.released
    return sa.select(article_versions.c.document, *known).join(article_versions, _of_version(version))


_KNOWN = ("version", "first_seen_at", "changed_at", "released")


def _stored_from(row: Any) -> Stored:
    article = documents.read(Article, row.document)
    if row.released:
        article = replace(
            article,
            flags=tuple(
                replace(flag, severity=Severity.CAUTION) if flag.severity is Severity.QUARANTINE else flag
                for flag in article.flags
            ),
        )
    return Stored(article=article, **{name: getattr(row, name) for name in _KNOWN})


def save_found(
    database: Database, connection: sa.Connection, found: Iterable[Found], now: datetime
) -> tuple[Saved, ...]:
    """`Articles.save_all` inside a transaction that keeps something else, too; see `Database.alone`."""
    found, first = list(found), dict[str, Found]()
    for one in found:
        first.setdefault(one[0].source_id, one)
    fresh = _insert_new(database, connection, list(first.values()), now)
    return tuple(
        "new" if one[0].source_id in fresh and first[one[0].source_id] is one else _save(connection, one, now)
        for one in found
    )


def _save(connection: sa.Connection, found: Found, now: datetime) -> Saved:
    """What is known already, or stands twice among what was found."""
    article, sketch = found
    known = connection.execute(
        _stored().add_columns(articles.c.id).where(articles.c.source_id == article.source_id)
    ).one()
    old = documents.read(Article, known.document)
    if replace(old, dropped=()) == replace(article, dropped=()):  # what stood around it does not count
        return "unchanged"
    _unmark(connection, [known.id])
    same_text = old.text == article.text
    version = known.version if same_text else known.version + 1
    connection.execute(
        sa.update(articles)
        .where(articles.c.id == known.id)
        .values(version=version, changed_at=now, **_columns(article, released=known.released and same_text))
    )
    row = _version(known.id, version, article, sketch, now)
    if same_text:
        this = (article_versions.c.article_id == known.id) & (article_versions.c.version == version)
        connection.execute(sa.update(article_versions).where(this).values(row))
    else:
        connection.execute(sa.insert(article_versions), row)
    _mark(connection, [known.id])
    return "changed"


def _columns(article: Article, *, released: bool) -> dict[str, Any]:
    return {
        "title": documents.printable(article.title),
        "severity": article.severity.value,
        "released": released,
        "usable": released or article.severity is not Severity.QUARANTINE,
        "evergreen": article.evergreen,
    }


def _insert_new(
    database: Database, connection: sa.Connection, found: Sequence[Found], now: datetime
) -> Set[str]:
    """Keep those whose source id is not known, and return these; a few statements however many there are."""
    if not found:
        return set()
    start = {"version": 1, "first_seen_at": now, "changed_at": now}
    rows = [{"source_id": one.source_id, **start, **_columns(one, released=False)} for one, _ in found]
    insert = database.insert(articles).on_conflict_do_nothing()
    ids = dict(connection.execute(insert.returning(articles.c.source_id, articles.c.id), rows).all())
    versions = [
        _version(ids[one.source_id], 1, one, sketch, now) for one, sketch in found if one.source_id in ids
    ]
    if versions:
        connection.execute(sa.insert(article_versions), versions)
        _mark(connection, ids.values())
    return ids.keys()


def _version(
    article_id: int, version: int, article: Article, sketch: Sequence[int], saved_at: datetime
) -> dict[str, Any]:
    return {
        "article_id": article_id,
        "version": version,
        "text_hash": sha256(article.text.encode("utf-8", "surrogatepass")).hexdigest(),
        "document": documents.write(article),
        "saved_at": saved_at,
        "sketch": documents.write(sketch),
    }


def _unmark(connection: sa.Connection, article_ids: Collection[int]) -> None:
    """Take the articles' present texts out of the index."""
    place = sa.tuple_(sketches.c.hash, sketches.c.article_id)
    connection.execute(sa.delete(sketches).where(place.in_(_marks(connection, article_ids))))


def _mark(connection: sa.Connection, article_ids: Collection[int]) -> None:
    """In the index's order: neighbours share a page."""
    marks = _marks(connection, article_ids).order_by("hash")
    connection.execute(sa.insert(sketches).from_select(["hash", "article_id"], marks))


def _marks(connection: sa.Connection, article_ids: Collection[int]) -> sa.Select[Any]:
    """The articles' present sketches as rows, taken apart by the database."""
    sketch = article_versions.c.sketch
    apart = sa.func.json_each(sketch)
    if connection.dialect.name == "postgresql":
        apart = sa.func.json_array_elements_text(sa.cast(sketch, sa.JSON))
    value = apart.table_valued("value")
    return (
        sa.select(sa.cast(value.c.value, sa.BigInteger).label("hash"), articles.c.id)
        .join_from(articles, article_versions, _of_version())
        .join(value, sa.true())
        .where(articles.c.id.in_(article_ids))
        .distinct()
    )
