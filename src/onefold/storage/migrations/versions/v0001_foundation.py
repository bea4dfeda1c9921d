"""The foundation."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply 0001_foundation.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0001_foundation.sql").read_text(encoding="utf-8")
    )
