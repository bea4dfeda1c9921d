"""Match candidates and their review."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply 0014_review.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0014_review.sql").read_text(encoding="utf-8")
    )
