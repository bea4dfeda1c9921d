"""Traits: precedence, history, catalogue."""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Apply 0018_profiles.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0018_profiles.sql").read_text(encoding="utf-8")
    )
