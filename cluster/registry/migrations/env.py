"""Alembic's entry: `cluster.registry.database.upgrade_schema` gives it connection and transaction."""

from alembic import context

from cluster.registry.models import Base

connection = context.config.attributes["connection"]
# batch: SQLite cannot alter a table, Alembic copies it instead
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
context.run_migrations()
