"""E-mail and calendar."""

from pathlib import Path

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Apply 0025_mail.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0025_mail.sql").read_text(encoding="utf-8")
    )
