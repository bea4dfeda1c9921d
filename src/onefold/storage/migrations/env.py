"""Alembic's entry: runs the migrations on the URL that `storage.migrate` hands over."""

from alembic import context
from sqlalchemy import create_engine, pool

url = context.config.attributes["url"]
url = "postgresql+psycopg://" + url.split("://", 1)[1]
engine = create_engine(url, poolclass=pool.NullPool)
with engine.begin() as connection:
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
