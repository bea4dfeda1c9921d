"""Nothing: databases are stamped with this number."""

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0017"


def upgrade() -> None:
    """Apply 0019_objects.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0019_objects.sql").read_text(encoding="utf-8")
    )
