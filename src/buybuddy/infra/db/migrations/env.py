"""Alembic's entry: runs on the connection that `migrate.py` opened."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=context.config.attributes.get("metadata"),
    compare_type=True,
    # The queue's tables are its own; each encoder's graphs are made with its row (migration 0012).
    include_name=lambda name, *_: not str(name).startswith(("procrastinate_", "photo_graph_", "image_graph_")),
)
with context.begin_transaction():
    context.run_migrations()
