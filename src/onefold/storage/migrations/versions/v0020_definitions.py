"""Definitions: kinds, sizes and what they were."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Apply 0020_definitions.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0020_definitions.sql").read_text(encoding="utf-8")
    )
