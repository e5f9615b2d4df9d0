"""What Alembic runs: the steps in `versions/`, over the connection `migrate` hands in."""

from __future__ import annotations

from alembic import context

from web.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
