"""Feeds and the entries seen of them."""

import sqlalchemy as sa
from alembic import op

from digest.store.schema import Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "feeds",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("next_at", Moment, nullable=True, comment="Null while it is not polled: paused or gone."),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feeds"),
        sa.UniqueConstraint("url", name="uq_feeds_url"),
    )
    op.create_index("ix_feeds_next_at", "feeds", ["next_at"])
    op.create_table(
        "feed_entries",
        sa.Column(
            "feed_id", sa.Text(), nullable=False, comment="No foreign key: it outlives a removed feed."
        ),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("guid", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("text_mark", sa.Text(), nullable=False),
        sa.Column("first_seen_at", Moment, nullable=False),
        sa.Column("background", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("feed_id", "id", name="pk_feed_entries"),
    )
    op.create_index("ix_feed_entries_feed_id_first_seen_at", "feed_entries", ["feed_id", "first_seen_at"])
