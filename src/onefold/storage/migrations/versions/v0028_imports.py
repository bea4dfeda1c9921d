"""Imports of every CRM object."""

from pathlib import Path

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Apply 0028_imports.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0028_imports.sql").read_text(encoding="utf-8")
    )
