"""Traits: precedence, history, the catalogue."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Apply 0021_profiles.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0021_profiles.sql").read_text(encoding="utf-8")
    )
