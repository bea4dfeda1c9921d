"""Background jobs, imports and pulls."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply 0004_imports.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0004_imports.sql").read_text(encoding="utf-8")
    )
