"""The help desk: queues, SLA, macros."""

from pathlib import Path

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Apply 0023_desk.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0023_desk.sql").read_text(encoding="utf-8")
    )
