"""Keeping the queue counted: what has changed first, then what was counted by an older curve."""

import structlog

from buybuddy.domain.matching.confidence import repository as confidence_repository
from buybuddy.domain.matching.confidence.rules import Curve
from buybuddy.domain.matching.queue import repository
from buybuddy.domain.matching.rules import DEFAULT_THRESHOLD
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.errors import Unavailable
from buybuddy.infra.db import Database, Session

COUNTED_AT_ONCE = 1_000  # changes
PATIENCE_S = 20.0  # the sweep has other things to do

log = structlog.get_logger(__name__)


class QueueCounter:
    """Counts a batch at a time, a smaller one after it took the database too long; each worker has one.

    Args:
        patience_s: how long a batch may take.
    """

    def __init__(self, db: Database, *, patience_s: float = PATIENCE_S) -> None:
        self._db, self._patience_s = db, patience_s
        self.n_at_once = COUNTED_AT_ONCE

    async def count(self) -> bool:
        """Count the next batch.

        Returns: whether there may be more to count.
        Raises: Unavailable; the next batch is half as large then, and one product alone is counted after all others.
        """
        try:
            async with self._db.transaction() as session:
                await repository.limit_patience(session, self._patience_s)
                has_counted = await count_batch(session, self.n_at_once)
        except Unavailable:
            if self.n_at_once == 1:
                await self._pass_over()
            self.n_at_once = max(1, self.n_at_once // 2)
            raise
        self.n_at_once = min(COUNTED_AT_ONCE, self.n_at_once * 2)
        return has_counted

    async def _pass_over(self) -> None:
        async with self._db.transaction() as session:
            product_id = await repository.postpone_first(session)
        log.warning("matching.count_postponed", product_id=str(product_id))


async def count_batch(session: Session, at_most: int) -> bool:
    """Count products anew whose suggestions, decisions or status have changed, else some that a new curve sees anew.

    Returns: whether any were counted; none are while another process counts.
    """
    if not await confidence_repository.try_keeping_still(session):
        return False
    changed = set(await repository.take_changes(session, at_most))
    encoder = await vectors_repository.find_serving(session)
    if not changed and encoder is not None:
        changed = set(await repository.outdated_products(session, encoder.id, at_most))
    if not changed:
        return False
    curve = await confidence_repository.find_curve(session, encoder.id) if encoder is not None else Curve()
    encoder_id = encoder.id if encoder is not None else None
    await repository.count_anew(session, sorted(changed), encoder_id, curve, DEFAULT_THRESHOLD)
    return True
