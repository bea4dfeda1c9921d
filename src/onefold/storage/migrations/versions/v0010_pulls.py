"""Tables that are pulled by SQL."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply 0010_pulls.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0010_pulls.sql").read_text(encoding="utf-8")
    )
