"""Traits: the first rules of precedence; categories of sources."""

from pathlib import Path

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Apply 0027_traits.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0027_traits.sql").read_text(encoding="utf-8")
    )
