"""What is claimed and was not on the wire yet is told by a column that no index has."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    comment = "Number of the lease under which it was not on the wire yet."
    op.add_column("deliveries", sa.Column("unbegun", sa.Integer(), comment=comment))
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE deliveries SET (fillfactor = 55)")
