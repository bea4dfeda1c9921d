"""The audit log."""

from pathlib import Path

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Apply 0030_audit.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0030_audit.sql").read_text(encoding="utf-8")
    )
