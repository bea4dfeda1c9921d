"""Webhook sources."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0001"


def upgrade() -> None:
    """Apply 0003_webhooks.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0003_webhooks.sql").read_text(encoding="utf-8")
    )
