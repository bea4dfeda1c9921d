"""Probabilistic matching."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply 0008_matching.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0008_matching.sql").read_text(encoding="utf-8")
    )
