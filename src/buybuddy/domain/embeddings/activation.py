"""Which published index serves: at most one, from one moment on, and the way back.

An index is opened before it may serve (shelf.py): one whose files are damaged never begins to.
"""

import uuid

from buybuddy.domain.embeddings import repository
from buybuddy.domain.embeddings.service import get_index, get_serving_encoder, subject_of, tell
from buybuddy.domain.embeddings.shelf import IndexShelf
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.errors import Conflict
from buybuddy.infra.db import Actor, Database, Session, record_audit


class NotReady(Conflict):
    """The index is still being built, or its building has failed."""

    code = "INDEX_NOT_READY"


class OtherEncoder(Conflict):
    """The index is of another encoder than the one that queries are made with."""

    code = "INDEX_OF_OTHER_ENCODER"


class NoWayBack(Conflict):
    """No published index serves, so there is none to go back from."""

    code = "NO_INDEX_SERVES"


def check_ready(index: EmbeddingIndex) -> None:
    """Raises: NotReady."""
    if index.status != "ready":
        reason = f": {index.error}" if index.error else "; wait for its job"
        raise NotReady(f"The index {index.name} is {index.status}{reason}")


async def open_and_activate(db: Database, shelf: IndexShelf, index_id: uuid.UUID, actor: Actor) -> None:
    """Open an index, then have it answer searches.

    Raises: NotFound, NotReady, OtherEncoder, IndexDamaged, Unavailable.
    """
    async with db.transaction() as session:
        index = await get_index(session, index_id)
        check_ready(index)
    await shelf.open(index, is_urgent=True)
    async with db.transaction() as session:
        await activate(session, index_id, actor)
    await shelf.follow_serving()


async def open_and_roll_back(db: Database, shelf: IndexShelf, actor: Actor) -> EmbeddingIndex | None:
    """Open the index that served before, then have it serve again; None when that was the living vectors.

    Raises: NoWayBack, OtherEncoder, Conflict, IndexDamaged, Unavailable.
    """
    async with db.transaction() as session:
        serving = await repository.find_serving(session)
        previous = await get_index(session, serving.previous_id) if serving and serving.previous_id else None
    if previous is not None:
        await shelf.open(previous, is_urgent=True)
    async with db.transaction() as session:
        index = await roll_back(session, actor, previous.id if previous is not None else None)
    await shelf.follow_serving()
    return index


async def activate(session: Session, index_id: uuid.UUID, actor: Actor) -> EmbeddingIndex:
    """Have an index answer searches from now on; the one before is what a rollback goes back to.

    An index has one place in the way back, the newest: activated again, it leaves the one that it had.

    Raises: NotFound, NotReady, OtherEncoder.
    """
    serving = await repository.begin_swap(session)
    index = await get_index(session, index_id)
    await session.refresh(index, with_for_update=True)
    check_ready(index)
    await _check_encoder(session, index, "activate that encoder first")
    if serving is not None and serving.id == index.id:
        return index
    await repository.take_out_of_history(session, index)
    index.previous_id = serving.id if serving is not None else None
    await _swap(session, serving, index, "index.activate", actor)
    return index


async def roll_back(session: Session, actor: Actor, expected: uuid.UUID | None = None) -> EmbeddingIndex | None:
    """Have the index before the serving one serve again, or the living vectors where none was; return it.

    Args:
        expected: the one that is meant to serve afterwards, where the caller has opened it already.
    Raises: NoWayBack, OtherEncoder, Conflict when another one has begun to serve since then.
    """
    serving = await repository.begin_swap(session)
    if serving is None:
        raise NoWayBack("No published index serves; searches are answered from the living vectors.")
    if serving.previous_id != expected:
        raise Conflict("Another index has begun to serve meanwhile; look again.")
    index = await get_index(session, serving.previous_id) if serving.previous_id is not None else None
    if index is not None:
        await _check_encoder(session, index, "activate that encoder first, or delete this index to go back further")
    await _swap(session, serving, index, "index.rollback", actor)
    return index


async def _check_encoder(session: Session, index: EmbeddingIndex, remedy: str) -> None:
    """Raises: OtherEncoder."""
    if index.encoder_id != (await get_serving_encoder(session)).id:
        raise OtherEncoder(f"The index {index.name} is of another encoder than the one that serves; {remedy}.")


async def _swap(
    session: Session, serving: EmbeddingIndex | None, index: EmbeddingIndex | None, action: str, actor: Actor
) -> None:
    await session.flush()
    await repository.serve(session, index.id if index is not None else None)
    named = index if index is not None else serving
    if named is None:
        return
    before = {"serving": serving.name if serving is not None else None}
    after = {"serving": index.name if index is not None else None}
    record_audit(session, actor, action, subject_of(named), before=dict(before), after=dict(after))
    for one in (serving, index):
        if one is not None:
            await session.refresh(one)
    tell(session, named.id, "serving")
