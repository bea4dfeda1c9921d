"""Tracking plans and transformations."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply 0007_rules.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0007_rules.sql").read_text(encoding="utf-8")
    )
