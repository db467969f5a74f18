"""Has the server gone? Told from a connection at rest without asking: that would cost a round trip each time."""

import select
from typing import Any

import psycopg


def is_dropped(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Tell whether a connection that is in no transaction has been closed by the server, or by its machine.

    Nothing is sent to a connection at rest but its end. The rare notice is taken for it, which costs a reconnect. A
    server that vanishes without a word is noticed by the next statement.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


async def refuse_dropped(connection: psycopg.AsyncConnection[Any]) -> None:
    """What a psycopg pool does before it hands a connection out. Raises: OperationalError.

    The pool makes a new connection for one that is closed only; one that merely fails this check is handed out again.
    """
    if is_dropped(connection):
        await connection.close()
        raise psycopg.OperationalError("the server has closed this connection")
