"""The lake's catalogue and marks."""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0014"


def upgrade() -> None:
    """Apply 0016_lake.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0016_lake.sql").read_text(encoding="utf-8")
    )
