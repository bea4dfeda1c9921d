"""Connectors."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply 0005_connectors.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0005_connectors.sql").read_text(encoding="utf-8")
    )
