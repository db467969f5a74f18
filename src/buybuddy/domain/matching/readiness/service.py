"""Having every product follow when another number of real images makes one ready; otherwise a trigger sees to it."""

from buybuddy.domain.matching.readiness import repository
from buybuddy.domain.matching.tables import ReadyChange
from buybuddy.domain.products.bulk.writes import tell_products
from buybuddy.infra.db import Session

LOOKED_AT_ONCE = 2_000  # products


def note_change(session: Session, before: int, after: int) -> None:
    """Have the sweep follow a change; changes are followed one after the other, each through every product."""
    session.add(ReadyChange(ready_before=before, ready_after=after))


async def follow_changes(session: Session) -> bool:
    """Have the next products follow the oldest change; called by the worker's sweep.

    Returns: whether there is likely more to do.
    """
    change = await repository.try_locking_oldest(session)
    if change is None:
        return False
    product_ids = await repository.next_products(session, change.done_up_to, LOOKED_AT_ONCE)
    tell_products(
        session, await repository.follow(session, product_ids, change.ready_before, change.ready_after), "updated"
    )
    if len(product_ids) == LOOKED_AT_ONCE:
        change.done_up_to = product_ids[-1]
    else:
        await session.delete(change)
    return True
