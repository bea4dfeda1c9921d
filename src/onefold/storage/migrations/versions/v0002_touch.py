"""First and last touch, and what the collector adds."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply 0002_touch.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0002_touch.sql").read_text(encoding="utf-8")
    )
