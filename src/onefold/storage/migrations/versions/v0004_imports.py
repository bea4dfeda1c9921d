"""Background jobs and imports."""

from pathlib import Path

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply the job queue's own schema, then 0004_imports.sql.

    The queue's schema is that of the procrastinate we pin. A newer one comes with a migration of
    ours that runs the files its `sql/migrations` has gained, where they have not run yet.
    """
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    op.get_bind().exec_driver_sql(
        (Path(__file__).parents[1] / "0004_imports.sql").read_text(encoding="utf-8")
    )
