"""What Alembic runs: always on the connection it is given, inside its transaction."""

from alembic import context

from digest.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
