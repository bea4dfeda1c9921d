"""Identifier rules as data."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply 0012_namespaces.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0012_namespaces.sql").read_text(encoding="utf-8")
    )
