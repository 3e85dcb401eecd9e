"""An index of sketches that is one table and nothing else; a version of a text knows its own sketch."""

import sqlalchemy as sa
from alembic import op

from digest.store.schema import Id

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    comment = "JSON; what to take out of the index with it."
    op.add_column("article_versions", sa.Column("sketch", sa.Text(), comment=comment))
    gathered = "json_group_array(hash)" if op.get_bind().dialect.name == "sqlite" else "json_agg(hash)::text"
    op.execute(
        f"UPDATE article_versions SET sketch = (SELECT {gathered} FROM sketches"  # noqa: S608 - one of the above
        " WHERE sketches.article_id = article_versions.article_id) WHERE version ="
        " (SELECT version FROM articles WHERE id = article_versions.article_id)"
    )
    op.execute("CREATE TABLE old_sketches AS SELECT hash, article_id FROM sketches ORDER BY hash, article_id")
    op.drop_table("sketches")
    op.create_table(
        "sketches",
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("article_id", Id, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("hash", "article_id", name="pk_sketches"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO sketches SELECT hash, article_id FROM old_sketches")
    op.drop_table("old_sketches")
