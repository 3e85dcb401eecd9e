"""The queue of jobs, and a ledger whose dead rows are removed in time."""

from alembic import op

from digest.store.migrations.queue import bring

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    bring(op.get_bind())
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE deliveries SET (autovacuum_vacuum_scale_factor = 0,"
            " autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0)"
        )
