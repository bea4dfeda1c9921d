"""Identity: rules, decisions, review."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Apply 0009_identity.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0009_identity.sql").read_text(encoding="utf-8")
    )
