"""CRM objects: leads, deals, products, activities, custom fields."""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Apply 0022_objects.sql."""
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0022_objects.sql").read_text(encoding="utf-8")
    )
