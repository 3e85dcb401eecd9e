"""Wishes and confirmation mails that survive a crash, and counts of readers that need no counting."""

import sqlalchemy as sa
from alembic import op

from digest.store.schema import Id, Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "reader_counts",
        sa.Column("kind", sa.Text(), nullable=False, comment="state; themes or timezone of the confirmed."),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("readers", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name="pk_reader_counts"),
    )
    op.create_table(
        "wishes",
        sa.Column("id", Id, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("themes", sa.Text(), nullable=False),
        sa.Column("schedules", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_wishes"),
    )
    op.create_table(
        "askings",
        sa.Column("subscriber_id", Id, nullable=False, autoincrement=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name="fk_askings_subscriber_id"),
        sa.PrimaryKeyConstraint("subscriber_id", name="pk_askings"),
    )
    op.create_index("ix_askings_due_at", "askings", ["due_at"])
    for kind, column, which in (
        ("state", "state", ""),
        ("themes", "themes", "WHERE state = 'confirmed'"),
        ("timezone", "timezone", "WHERE state = 'confirmed'"),
    ):
        op.execute(
            f"INSERT INTO reader_counts SELECT '{kind}', {column}, count(*) FROM subscribers {which} GROUP BY {column}"  # noqa: S608, E501
        )
