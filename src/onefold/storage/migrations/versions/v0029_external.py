"""Tickets and tasks by their ids elsewhere."""

from pathlib import Path

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Apply 0029_external.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0029_external.sql").read_text(encoding="utf-8")
    )
