"""The first form of a release. Databases begin with the newest, made from the schema (``create``)."""

revision = "0005"
down_revision = None


def upgrade() -> None:
    """Nothing leads here from an older one."""
