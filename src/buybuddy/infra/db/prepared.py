"""Statements that are built once and asked often: SQLAlchemy composes them, the Reader sends their text."""

from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql.selectable import SelectBase

_DIALECT = psycopg.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]


def sql_of(statement: SelectBase) -> str:
    """Return a statement's text with `%(name)s` for each `bindparam("name")`; it may hold no other parameter.

    Raises: ValueError when it does: a value baked into a statement that is remembered would be a mistake.
    """
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    baked = [name for name, value in compiled.params.items() if value is not None]
    if baked:
        raise ValueError(f"a statement that is asked again and again has values of its own: {baked}")
    return str(compiled)
