"""The queue of jobs."""

from alembic import op

from digest.store.migrations.queue import bring

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    bring(op.get_bind())
