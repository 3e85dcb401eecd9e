"""Feeds, what is remembered of them between polls, and which of their entries were seen."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.errors import StoreError
from digest.model import Feed, FeedConfig, SeenEntry

from . import documents
from .articles import Found, save_found
from .database import Noun
from .schema import feed_entries, feeds


class Feeds(Noun):
    def add(self, config: FeedConfig, *, origin: str, now: datetime) -> Feed:
        """A new feed, due at once; StoreError when its id or address is taken."""
        feed = Feed(**_written(config), fetch_url=config.url, origin=origin, added_at=now, next_at=now)
        with self._database.write() as connection:
            taken = (feeds.c.id == feed.id) | (feeds.c.url == feed.url)
            if found := connection.scalar(sa.select(feeds.c.id).where(taken)):
                raise StoreError(f"the feed {found} has this name or address already")
            connection.execute(sa.insert(feeds).values(_row(feed)))
        return feed

    def sync(self, configs: Iterable[FeedConfig], *, now: datetime) -> None:
        """Make the feeds of origin ``config`` those of the file; what was learnt of each stays.

        A feed that left the file is no longer polled; what was seen of it stays known, so that
        bringing it back brings no old news. One that was added by command before now belongs to the file.
        """
        with self._database.write() as connection:
            known = _read(connection.execute(sa.select(feeds)))
            by_id, by_url = {feed.id: feed for feed in known}, {feed.url: feed for feed in known}
            new = {c.id: _adopted(by_id.get(c.id) or by_url.get(c.url), c, now) for c in configs}
            urls = {feed.url for feed in new.values()}
            for feed in known:  # all that changes goes first: names and addresses may have been swapped
                if new.get(feed.id) != feed and (
                    feed.origin == "config" or feed.id in new or feed.url in urls
                ):
                    connection.execute(sa.delete(feeds).where(feeds.c.id == feed.id))
            for feed in new.values():
                if by_id.get(feed.id) != feed:
                    connection.execute(sa.insert(feeds).values(_row(feed)))

    def list(self) -> tuple[Feed, ...]:
        """All, by id."""
        return _read(self._database.rows(sa.select(feeds).order_by(feeds.c.id)))

    def due(self, now: datetime) -> tuple[Feed, ...]:
        """Those whose time has come, the longest due first."""
        query = sa.select(feeds).where(feeds.c.next_at <= now).order_by(feeds.c.next_at, feeds.c.id)
        return _read(self._database.rows(query))

    def find(self, name: str) -> Feed | None:
        """By id, or by the address it was added with."""
        query = sa.select(feeds).where((feeds.c.id == name) | (feeds.c.url == name))
        return next(iter(_read(self._database.rows(query))), None)

    def remove(self, feed_id: str) -> bool:
        """Its articles, and what was seen of it, stay."""
        return self._database.change(sa.delete(feeds).where(feeds.c.id == feed_id)) > 0

    def save(
        self,
        changed: Iterable[Feed],
        seen: Mapping[str, Iterable[SeenEntry]] | None = None,
        *,
        found: Iterable[Found] = (),
        now: datetime | None = None,
    ) -> None:
        """Keep the state of feeds, entries by feed id, and articles, in one transaction.

        Args:
            now: When the articles were found.
        """
        updates = [{f"new_{key}": value for key, value in _row(feed).items()} for feed in changed]
        with self._database.write() as connection:
            if now:
                self._database.alone(connection, "articles")
                save_found(self._database, connection, found, now)
            self._remember(connection, seen or {})
            if updates:
                connection.execute(_UPDATE, updates)

    def unmet(self) -> Set[str]:
        """Ids of the feeds of which no entry was ever seen."""
        met = sa.select(feed_entries.c.id).where(feed_entries.c.feed_id == feeds.c.id).exists()
        return set(self._database.column(sa.select(feeds.c.id).where(~met)))

    def seen(self, feed_id: str) -> tuple[SeenEntry, ...]:
        """The entries seen of a feed, the latest 5000, newest first."""
        return tuple(SeenEntry(**row._mapping) for row in self._database.rows(_SEEN_OF, {"feed": feed_id}))

    def _remember(self, connection: sa.Connection, seen: Mapping[str, Iterable[SeenEntry]]) -> None:
        rows = [
            {"feed_id": key, **{name: getattr(one, name) for name in _SEEN}}
            for key, entries in seen.items()
            for one in entries
        ]
        if rows:
            insert = self._database.insert(feed_entries)
            fresh = {key: insert.excluded[key] for key in ("guid", "link", "mark", "text_mark")}
            change = insert.on_conflict_do_update(index_elements=["feed_id", "id"], set_=fresh)
            connection.execute(change, rows)


_SEEN = tuple(field.name for field in fields(SeenEntry))
_SEEN_OF = (
    sa.select(*(feed_entries.c[name] for name in _SEEN))
    .where(feed_entries.c.feed_id == sa.bindparam("feed"))
    .order_by(feed_entries.c.first_seen_at.desc(), feed_entries.c.id)
    .limit(5000)
)
# An update, not an upsert: a feed removed during its poll must not come back.
_UPDATE = (
    sa.update(feeds)
    .where(feeds.c.id == sa.bindparam("new_id"))
    .values({key: sa.bindparam(f"new_{key}") for key in ("url", "next_at", "document")})
)


def _written(config: FeedConfig) -> dict[str, Any]:
    """What a person says of a feed, as fields of `Feed`."""
    return {**asdict(config), "title": config.title or ""}


def _adopted(old: Feed | None, config: FeedConfig, now: datetime) -> Feed:
    """The file's feed with what was learnt of it, which a new address makes worthless."""
    written = _written(config)
    if old is None or old.url != config.url:
        return Feed(**written, fetch_url=config.url, origin="config", added_at=now, next_at=now)
    return replace(old, **{**written, "title": config.title or old.title}, origin="config")


def _row(feed: Feed) -> dict[str, Any]:
    next_at = None if feed.paused or feed.gone_at else feed.next_at
    return {"id": feed.id, "url": feed.url, "next_at": next_at, "document": documents.write(feed)}


def _read(rows: Iterable[sa.Row[Any]]) -> tuple[Feed, ...]:
    return tuple(documents.read(Feed, row.document) for row in rows)
