"""Connectors: work in the background, limits."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply 0011_connector_runs.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0011_connector_runs.sql").read_text(encoding="utf-8")
    )
