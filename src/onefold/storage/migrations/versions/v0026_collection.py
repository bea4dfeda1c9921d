"""Collection: fragments by person, suppressions."""

from pathlib import Path

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Apply 0026_collection.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0026_collection.sql").read_text(encoding="utf-8")
    )
