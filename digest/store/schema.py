"""The tables. Migrations bring a database here; a test proves that they do.

Conventions: times are :class:`Moment`; lists of ids are words between bars (``|llm|cost|``, empty for none)
because planning reads every subscriber once anyway and a claim then needs no second query; documents are
JSON text written by ``documents``.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from digest.errors import StoreError
from digest.model import DeliveryState

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware time, UTC: ``timestamptz`` on PostgreSQL, microseconds since 1970 on SQLite.

    A naive time is refused: it would be read as another moment elsewhere.
    """

    impl = sa.TIMESTAMP(timezone=True).with_variant(sa.BigInteger(), "sqlite")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise StoreError(f"a time without a zone cannot be stored: {value!r}")
        return (value - EPOCH) // MICROSECOND if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return EPOCH + timedelta(microseconds=value)
        return value.astimezone(UTC)  # type: ignore[no-any-return]


def any_of(column: str, *values: str) -> str:
    """``column IN (values)``, as equalities: SQLite builds a table for an IN each time it checks one.

    Three of those, in the indexes and the check of a row, doubled the cost of every update.
    """
    return " OR ".join(f"{column} = '{value}'" for value in values)


def partial(name: str, where: str, *columns: sa.Column[Any], unique: bool = False) -> None:
    """An index of those rows alone of which *where* is true."""
    condition = sa.text(where)
    sa.Index(name, *columns, unique=unique, postgresql_where=condition, sqlite_where=condition)


Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite counts rows by itself only in a column of type INTEGER."""


def filled(kind: Any, *names: str, start: str | None = None) -> list[sa.Column[Any]]:
    """Columns that never lack a value, which is *start* at first."""
    return [sa.Column(name, kind, nullable=False, server_default=start) for name in names]


articles = sa.Table(
    "articles",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("source_id", sa.Text, nullable=False, unique=True),
    *filled(sa.Integer, "version"),
    *filled(sa.Text, "title", "severity"),
    *filled(sa.Boolean, "released", "usable", "evergreen"),
    *filled(Moment, "first_seen_at", "changed_at"),
    sa.Column("quoted_at", Moment),
)
sa.Index(
    "ix_articles_fresh", articles.c.usable, articles.c.evergreen, articles.c.first_seen_at, articles.c.id
)
sa.Index("ix_articles_quoted", articles.c.usable, articles.c.evergreen, articles.c.quoted_at, articles.c.id)

article_versions = sa.Table(
    "article_versions",
    metadata,
    sa.Column("article_id", Id, sa.ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    *filled(sa.Text, "text_hash", "document"),
    *filled(Moment, "saved_at"),
    sa.Column("sketch", sa.Text, comment="JSON; what to take out of the index with it."),
)

# No foreign key and no index by article: they cost twice what the table itself does.
sketches = sa.Table(
    "sketches",
    metadata,
    sa.Column("hash", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("article_id", Id, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

editions = sa.Table(
    "editions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    *filled(sa.Text, "schedule"),
    *filled(Moment, "slot"),
    *filled(sa.Integer, "revision"),
    sa.Column("corrects", sa.Integer, sa.ForeignKey("editions.number")),
    *filled(sa.Text, "status", "subject"),
    *filled(Moment, "made_at", "frozen_at"),
    *filled(sa.Text, "themes"),
    sa.Column("first_delivery", sa.BigInteger, comment="No delivery of this edition has a smaller id."),
    sa.Column(
        "planned_to", sa.BigInteger, comment="Readers up to this id are planned; null: not for readers."
    ),
    sa.Column("planned_at", Moment, comment="When the last reader was planned."),
    sa.Column("tally", sa.Text, comment="Deliveries by state, once their rows are pruned."),
    *filled(sa.Text, "document"),
    sa.UniqueConstraint("schedule", "slot", "revision"),
    sa.CheckConstraint("status IN ('ready', 'review', 'stopped')", name="status"),
)
UNPLANNED = sa.text("planned_to IS NOT NULL AND planned_at IS NULL")
partial("ix_editions_unplanned", UNPLANNED.text, editions.c.number)
sa.Index("ix_editions_frozen", editions.c.frozen_at)

edition_themes = sa.Table(
    "edition_themes",
    metadata,
    sa.Column("edition", sa.Integer, sa.ForeignKey("editions.number"), primary_key=True),
    sa.Column("theme", sa.Text, primary_key=True),
    *filled(sa.Integer, "items"),
)

excerpts = sa.Table(
    "excerpts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("edition", sa.Integer, sa.ForeignKey("editions.number"), nullable=False, index=True),
    *filled(sa.Text, "schedule"),
    *filled(Id, "article_id"),
    *filled(sa.Integer, "version", "start", "end"),
    *filled(Moment, "sent_at"),
    sa.ForeignKeyConstraint(
        ["article_id", "version"], ["article_versions.article_id", "article_versions.version"]
    ),
)
sa.Index("ix_excerpts_article", excerpts.c.article_id, excerpts.c.schedule)

slots = sa.Table(
    "slots",
    metadata,
    sa.Column("schedule", sa.Text, primary_key=True),
    sa.Column("slot", Moment, primary_key=True),
    *filled(sa.Text, "state"),
    sa.Column("edition", sa.Integer, sa.ForeignKey("editions.number")),
    *filled(sa.Text, "reason", start=""),
    *filled(Moment, "updated_at"),
    sa.CheckConstraint("state IN ('due', 'made', 'dropped', 'folded')", name="state"),
)
partial("ix_slots_due", "state = 'due'", slots.c.slot)

subscribers = sa.Table(
    "subscribers",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("address", sa.Text, comment="Canonical; null once erased."),
    sa.Column("address_key", sa.Text, unique=True, comment="The address casefolded: one reader, one row."),
    *filled(sa.Text, "name", start=""),
    *filled(sa.Text, "state", "language", "timezone"),
    sa.Column("send_hour", sa.Integer),
    *filled(sa.Text, "themes", "schedules", start=""),
    sa.Column("paused_until", Moment),
    *filled(sa.Integer, "token_version", start="1"),
    *filled(Moment, "created_at", "updated_at"),
)
sa.Index("ix_subscribers_state", subscribers.c.state, subscribers.c.id)

consent_events = sa.Table(
    "consent_events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("subscriber_id", Id, sa.ForeignKey("subscribers.id"), nullable=False, index=True),
    *filled(Moment, "at"),
    *filled(sa.Text, "actor"),
    sa.Column("from_state", sa.Text),
    *filled(sa.Text, "to_state", "reason"),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("address_hash", sa.Text, primary_key=True),
    *filled(sa.Text, "reason"),
    *filled(Moment, "since"),
)

reader_counts = sa.Table(
    "reader_counts",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True, comment="state; themes or timezone of the confirmed."),
    sa.Column("name", sa.Text, primary_key=True),
    *filled(sa.BigInteger, "readers"),
)

wishes = sa.Table(
    "wishes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    *filled(sa.Text, "address", "language", "timezone", "themes", "schedules"),
)

askings = sa.Table(
    "askings",
    metadata,
    sa.Column("subscriber_id", Id, sa.ForeignKey("subscribers.id"), primary_key=True, autoincrement=False),
    sa.Column("due_at", Moment, nullable=False, index=True),
    *filled(sa.Integer, "tries", start="0"),
)

OFTEN_VACUUMED = {
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 20_000,
    "autovacuum_vacuum_cost_delay": 0,
}
"""Each mail leaves three dead rows that claims step over; PostgreSQL's own rule would wait for a fifth
of the table, which is a million of five."""

ROOM = 55
"""Per cent of a page that rows may fill. The rest is for what a claim and a mark make of them: a mark then
needs no entry in any index, and the table ends smaller than full pages would."""

# No foreign keys: planning inserts what it has just selected, and PostgreSQL takes three times as long to
# check a million rows one by one as to plan them.
deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", Id, primary_key=True),
    *filled(sa.Integer, "edition"),
    sa.Column("subscriber_id", Id),
    sa.Column("address", sa.Text, comment="Only of recipients who are no subscribers."),
    *filled(sa.Text, "state"),
    *filled(sa.Integer, "attempts", "crashes", "resends", "lease", start="0"),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", Moment),
    *filled(Moment, "next_at"),
    sa.Column("first_at", Moment),
    *filled(Moment, "updated_at"),
    sa.Column("code", sa.Integer),
    sa.Column("text", sa.Text),
    sa.Column("unbegun", sa.Integer, comment="Number of the lease under which it was not on the wire yet."),
    sa.UniqueConstraint("edition", "subscriber_id"),
    sa.CheckConstraint(any_of("state", *DeliveryState), name="state"),
    postgresql_with={"fillfactor": ROOM, **OFTEN_VACUUMED},
)
row = deliveries.c
partial("ix_deliveries_queue", any_of("state", "queued"), row.edition, row.next_at, row.id)
partial("ix_deliveries_moving", "owner IS NOT NULL", row.edition, row.state, row.id)
partial(
    "ix_deliveries_ended", any_of("state", "failed", "held", "suppressed"), row.edition, row.state, row.id
)
partial("uq_deliveries_address", "address IS NOT NULL", row.edition, row.address, unique=True)

state = sa.Table(
    "state",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    *filled(sa.Text, "value"),
)

feeds = sa.Table(
    "feeds",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False, unique=True),
    sa.Column("next_at", Moment, index=True, comment="Null while it is not polled: paused or gone."),
    *filled(sa.Text, "document"),
)

feed_entries = sa.Table(
    "feed_entries",
    metadata,
    sa.Column("feed_id", sa.Text, primary_key=True, comment="No foreign key: it outlives a removed feed."),
    sa.Column("id", sa.Text, primary_key=True),
    *filled(sa.Text, "guid", "link", "mark", "text_mark"),
    *filled(Moment, "first_seen_at"),
    *filled(sa.Boolean, "background"),
)
sa.Index(None, feed_entries.c.feed_id, feed_entries.c.first_seen_at)
