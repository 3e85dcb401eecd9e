"""The first tables."""

import sqlalchemy as sa
from alembic import op

from digest.store.schema import Id, Moment

revision = "0001"
down_revision = None


def partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, postgresql_where=condition, sqlite_where=condition)


def upgrade() -> None:
    op.create_table(
        "articles",
        sa.Column("id", Id, nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("usable", sa.Boolean(), nullable=False),
        sa.Column("evergreen", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", Moment, nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
        sa.Column("quoted_at", Moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_articles"),
        sa.UniqueConstraint("source_id", name="uq_articles_source_id"),
    )
    op.create_index("ix_articles_fresh", "articles", ["usable", "evergreen", "first_seen_at", "id"])
    op.create_index("ix_articles_quoted", "articles", ["usable", "evergreen", "quoted_at", "id"])
    op.create_table(
        "editions",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("slot", Moment, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("corrects", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("made_at", Moment, nullable=False),
        sa.Column("frozen_at", Moment, nullable=False),
        sa.Column("themes", sa.Text(), nullable=False),
        sa.Column(
            "first_delivery",
            sa.BigInteger(),
            nullable=True,
            comment="No delivery of this edition has a smaller id.",
        ),
        sa.Column(
            "planned_to",
            sa.BigInteger(),
            nullable=True,
            comment="Readers up to this id are planned; null: not for readers.",
        ),
        sa.Column("planned_at", Moment, nullable=True, comment="When the last reader was planned."),
        sa.Column(
            "tally", sa.Text(), nullable=True, comment="Deliveries by state, once their rows are pruned."
        ),
        sa.Column("document", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('ready', 'review', 'stopped')", name=op.f("ck_editions_status")),
        sa.ForeignKeyConstraint(["corrects"], ["editions.number"], name="fk_editions_corrects"),
        sa.PrimaryKeyConstraint("number", name="pk_editions"),
        sa.UniqueConstraint("schedule", "slot", "revision", name="uq_editions_schedule_slot_revision"),
    )
    op.create_index("ix_editions_frozen", "editions", ["frozen_at"])
    partial("ix_editions_unplanned", "editions", ["number"], "planned_to IS NOT NULL AND planned_at IS NULL")
    op.create_table(
        "state",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_state"),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", Id, nullable=False),
        sa.Column("address", sa.Text(), nullable=True, comment="Canonical; null once erased."),
        sa.Column(
            "address_key", sa.Text(), nullable=True, comment="The address casefolded: one reader, one row."
        ),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("send_hour", sa.Integer(), nullable=True),
        sa.Column("themes", sa.Text(), server_default="", nullable=False),
        sa.Column("schedules", sa.Text(), server_default="", nullable=False),
        sa.Column("paused_until", Moment, nullable=True),
        sa.Column("token_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscribers"),
        sa.UniqueConstraint("address_key", name="uq_subscribers_address_key"),
    )
    op.create_index("ix_subscribers_state", "subscribers", ["state", "id"])
    op.create_table(
        "suppressions",
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name="pk_suppressions"),
    )
    op.create_table(
        "article_versions",
        sa.Column("article_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text_hash", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("saved_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name="fk_article_versions_article_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("article_id", "version", name="pk_article_versions"),
    )
    op.create_table(
        "consent_events",
        sa.Column("id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name="fk_consent_events_subscriber_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_consent_events"),
    )
    op.create_index("ix_consent_events_subscriber_id", "consent_events", ["subscriber_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", Id, nullable=True),
        sa.Column("address", sa.Text(), nullable=True, comment="Only of recipients who are no subscribers."),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("crashes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("resends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", Moment, nullable=True),
        sa.Column("next_at", Moment, nullable=False),
        sa.Column("first_at", Moment, nullable=True),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state = 'queued' OR state = 'leased' OR state = 'wire' OR state = 'sent'"
            " OR state = 'failed' OR state = 'unknown' OR state = 'held' OR state = 'suppressed'",
            name=op.f("ck_deliveries_state"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("edition", "subscriber_id", name="uq_deliveries_edition_subscriber_id"),
    )
    partial(
        "ix_deliveries_ended",
        "deliveries",
        ["edition", "state", "id"],
        "state = 'failed' OR state = 'held' OR state = 'suppressed'",
    )
    partial("ix_deliveries_moving", "deliveries", ["edition", "state", "id"], "owner IS NOT NULL")
    partial("ix_deliveries_queue", "deliveries", ["edition", "next_at", "id"], "state = 'queued'")
    partial("uq_deliveries_address", "deliveries", ["edition", "address"], "address IS NOT NULL", unique=True)
    op.create_table(
        "edition_themes",
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("theme", sa.Text(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["edition"], ["editions.number"], name="fk_edition_themes_edition"),
        sa.PrimaryKeyConstraint("edition", "theme", name="pk_edition_themes"),
    )
    op.create_table(
        "sketches",
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("article_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name="fk_sketches_article_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", "article_id", name="pk_sketches"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sketches_article_id", "sketches", ["article_id"])
    op.create_table(
        "slots",
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("slot", Moment, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.CheckConstraint("state IN ('due', 'made', 'dropped', 'folded')", name=op.f("ck_slots_state")),
        sa.ForeignKeyConstraint(["edition"], ["editions.number"], name="fk_slots_edition"),
        sa.PrimaryKeyConstraint("schedule", "slot", name="pk_slots"),
    )
    partial("ix_slots_due", "slots", ["slot"], "state = 'due'")
    op.create_table(
        "excerpts",
        sa.Column("id", Id, nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("article_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("sent_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id", "version"],
            ["article_versions.article_id", "article_versions.version"],
            name="fk_excerpts_article_id",
        ),
        sa.ForeignKeyConstraint(["edition"], ["editions.number"], name="fk_excerpts_edition"),
        sa.PrimaryKeyConstraint("id", name="pk_excerpts"),
    )
    op.create_index("ix_excerpts_article", "excerpts", ["article_id", "schedule"])
    op.create_index("ix_excerpts_edition", "excerpts", ["edition"])
