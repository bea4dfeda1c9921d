"""What webhooks open in the help desk."""

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply 0017_support.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0017_support.sql").read_text(encoding="utf-8")
    )
