"""Definitions: kinds, traits, history."""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply 0015_definitions.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0015_definitions.sql").read_text(encoding="utf-8")
    )
