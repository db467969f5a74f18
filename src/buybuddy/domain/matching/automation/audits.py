"""People look at a sample of what was approved without them."""

import uuid

from buybuddy.domain.collaboration.locks.service import check_lock
from buybuddy.domain.matching.automation import repository
from buybuddy.domain.matching.automation.repository import SurePair
from buybuddy.domain.matching.automation.rules import Quality
from buybuddy.domain.matching.automation.watching import watch
from buybuddy.domain.matching.decisions import repository as decisions_repository
from buybuddy.domain.matching.decisions import service as decisions
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.products.service import product_label
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, record_audit


async def answer(
    session: Session, product_id: uuid.UUID, photo_id: uuid.UUID, actor: Actor, *, is_right: bool
) -> Quality:
    """Note what a person says of an automatic approval; a wrong one is taken back, and rejected by that person.

    So are the near-duplicates that were approved with it: one photo of a card is asked about for all of them.

    Raises: NotFound, Conflict when it was answered or taken back meanwhile, ResourceLocked.
    """
    await check_lock(session, "matching", product_id, actor, None)
    product = await products_repository.lock_product(session, product_id)
    if product is None:
        raise NotFound("There is no such product.")
    pair = SurePair(product_id, photo_id)
    audit = await repository.lock_audit(session, pair)
    if audit is None:
        raise NotFound("Nobody is asked about this photo and product.")
    if audit.is_right is not None:
        raise Conflict("Somebody has answered this meanwhile.", is_right=audit.is_right)
    known = (await decisions_repository.decisions_of_product(session, product_id, [photo_id])).get(photo_id)
    if known is None or known.decision != "approved":
        raise Conflict("The approval was taken back meanwhile; there is nothing left to ask.")
    audit.is_right, audit.user_id = is_right, actor.id
    audit.answered_at = await decisions_repository.read_clock(session)
    await session.flush()
    subject = Subject("product", product_id, product_label(product))
    record_audit(
        session, actor, "match.audit", subject, after={"photo_id": str(photo_id), "is_right": is_right}
    )  # fmt: skip
    if not is_right:
        await decisions.reverse_approvals(session, product, await repository.approved_with(session, pair), actor)
    emit(session, "matching", {"id": str(product_id), "change": "audited", "by": actor.name})
    return await watch(session)
