"""Roles, teams, sessions, audit."""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Apply 0024_rights.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0024_rights.sql").read_text(encoding="utf-8")
    )
