"""Alembic's entry: runs the migrations on the connection that `migrate.upgrade` hands over."""

from alembic import context

from services.core.storage.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,  # an index that is built beside the traffic can't be part of a larger one
)
with context.begin_transaction():
    context.run_migrations()
