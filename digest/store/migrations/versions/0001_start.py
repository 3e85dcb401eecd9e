"""The first form. Databases begin with the newest, made from the schema (``create``): nothing leads here."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """No database is older."""
