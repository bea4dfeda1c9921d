"""The account ladder: domains, roles, parents."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply 0013_accounts.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0013_accounts.sql").read_text(encoding="utf-8")
    )
