"""The ledger in full, and replay."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply 0006_ledger.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0006_ledger.sql").read_text(encoding="utf-8")
    )
