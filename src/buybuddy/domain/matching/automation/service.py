"""Automatic approval: off until an admin switches it on, and off again by itself when people find it worse than asked.

A suggestion is approved when it is its photo's first, nobody has decided about it, and pairs that scored at least as
much were right more often than the target: with 95 % confidence, by decisions of people, of which there must be
`fewest_decisions`. Products that somebody has locked are left alone.
"""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from buybuddy.domain.collaboration.locks.service import check_lock
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.batches import BatchProgress, Checkpoint
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.matching.automation import repository
from buybuddy.domain.matching.automation.repository import SurePair
from buybuddy.domain.matching.automation.rules import must_stop
from buybuddy.domain.matching.automation.watching import AUTOMATION
from buybuddy.domain.matching.confidence import repository as confidence_repository
from buybuddy.domain.matching.confidence.rules import Curve, Cutoff, fewest_decisions, find_cutoff
from buybuddy.domain.matching.decisions import repository as decisions_repository
from buybuddy.domain.matching.decisions import service as decisions
from buybuddy.domain.matching.readiness.service import note_change
from buybuddy.domain.matching.rules import DEFAULT_THRESHOLD
from buybuddy.domain.matching.tables import MatchingSettings
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.products.tables import Product
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.errors import ResourceLocked
from buybuddy.infra.db import Actor, Session, Subject, emit, new_id, record_audit
from buybuddy.infra.storage import object_key
from buybuddy.stages.specs import ApproveMatchesSpec, ItemFailure

PRODUCT_BATCH = 40
PREVIEWED = 2_000  # products
FIRST = uuid.UUID(int=0)


@dataclass(frozen=True)
class Basis:
    """What approvals are decided by: the serving encoder, its curve, and from which score on; None without enough."""

    encoder_id: uuid.UUID | None
    curve: Curve
    cutoff: Cutoff | None


@dataclass(frozen=True)
class Preview:
    """What would be approved now, of the products that promise most."""

    basis: Basis
    n_needed: int
    n_pairs: int
    n_products: int
    n_looked_at: int
    is_whole: bool


async def read_basis(session: Session, target: float) -> Basis:
    """Return what approvals are decided by, for a precision target."""
    encoder = await vectors_repository.find_serving(session)
    if encoder is None:
        return Basis(None, Curve(), None)
    curve = await confidence_repository.find_curve(session, encoder.id)
    return Basis(encoder.id, curve, find_cutoff(curve.steps, target))


async def preview(session: Session, target: float | None) -> Preview:
    """Say what would be approved, without doing it."""
    target = target if target is not None else (await decisions_repository.read_settings(session)).precision_target
    basis = await read_basis(session, target)
    product_ids = await repository.promising_products(session, PREVIEWED)
    pairs: list[SurePair] = []
    if basis.encoder_id is not None and basis.cutoff is not None:
        pairs = await repository.sure_pairs(
            session, product_ids, basis.encoder_id, basis.curve, basis.cutoff.score
        )  # fmt: skip
    return Preview(
        basis=basis,
        n_needed=fewest_decisions(target),
        n_pairs=len(pairs),
        n_products=len({pair.product_id for pair in pairs}),
        n_looked_at=len(product_ids),
        is_whole=len(product_ids) < PREVIEWED,
    )


async def edit_settings(
    session: Session, board: JobBoard, changes: Mapping[str, object], actor: Actor
) -> MatchingSettings:
    """Change settings of matching; switched on, or with another target, automatic approval begins within seconds.

    Products follow another `ready_after` within seconds too, a million of them within a minute.
    """
    settings = await repository.lock_settings(session)
    before = {name: getattr(settings, name) for name in changes}
    was_automatic, old_target, old_ready = settings.is_automatic, settings.precision_target, settings.ready_after
    for name, value in changes.items():
        setattr(settings, name, value)
    if settings.is_automatic and not was_automatic:
        settings.automatic_since = await decisions_repository.read_clock(session)
    await session.flush()
    if before != dict(changes):
        subject = Subject("matching_settings", None, "settings of matching")
        record_audit(session, actor, "matching_settings.edit", subject, before=before, after=dict(changes))
        emit(session, "matching", {"id": str(AUTOMATION.id), "change": "settings", "by": actor.name})
    if settings.ready_after != old_ready:
        note_change(session, old_ready, settings.ready_after)
    if (was_automatic, old_target) != (settings.is_automatic, settings.precision_target):
        await wish(session)
        await begin(session, board)
    return settings


async def wish(session: Session) -> None:
    """Note that there may be something to approve: new suggestions, another curve, other settings."""
    if (await decisions_repository.read_settings(session)).is_automatic:
        await repository.note_wish(session)


async def begin(session: Session, board: JobBoard) -> None:
    """Create the job that approves what is sure enough, where that was wished for and none is at it.

    Called by the sweep. Not before the queue was counted: the job looks at products that have candidates. A wish that
    comes while a job is at work is kept for the next one, and one that nothing is sure enough for is dropped: another
    curve is another wish.
    """
    settings = await decisions_repository.read_settings(session)
    if not settings.is_automatic or await jobs_repository.has_unfinished(session, "matching", AUTOMATION.id):
        return
    if not await repository.take_wishes(session):
        return
    if (await read_basis(session, settings.precision_target)).cutoff is None:
        return
    job_id = new_id()
    spec = ApproveMatchesSpec(output_prefix=object_key("exports", job_id) + "/")
    await create_follow_up_jobs(session, board, [NewJob("matching", AUTOMATION, spec, job_id)])


async def do_batch(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
    """Approve what is sure enough of the next products."""
    settings = await decisions_repository.read_settings(session)
    if not settings.is_automatic:
        return BatchProgress(checkpoint.after(None, 0, ()), 1.0, "it was switched off")
    if must_stop(await repository.measure_quality(session), settings.precision_target):
        return BatchProgress(checkpoint.after(None, 0, ()), 1.0, "people find it worse than was asked")
    basis = await read_basis(session, settings.precision_target)
    if basis.encoder_id is None or basis.cutoff is None:
        return BatchProgress(checkpoint.after(None, 0, ()), 1.0, "nothing is sure enough yet")
    after = uuid.UUID(checkpoint.cursor) if checkpoint.cursor else FIRST
    product_ids = await repository.next_products(session, after, PRODUCT_BATCH)
    pairs = await repository.sure_pairs(session, product_ids, basis.encoder_id, basis.curve, basis.cutoff.score)
    n_done, failures = await _approve(session, basis, pairs, settings.audit_share)
    cursor = str(product_ids[-1]) if len(product_ids) == PRODUCT_BATCH else None
    fraction = product_ids[-1].int / 2**128 if cursor else 1.0
    return BatchProgress(checkpoint.after(cursor, n_done, failures), fraction, "approving")


async def _approve(
    session: Session, basis: Basis, pairs: Sequence[SurePair], audit_share: float
) -> tuple[int, list[ItemFailure]]:
    """Approve pairs under every lock that people take, in their order, and look again once they are held."""
    platform = Actor.platform()
    locked: dict[uuid.UUID, Product] = {}
    failures: list[ItemFailure] = []
    for product_id in sorted({pair.product_id for pair in pairs}):
        try:
            await check_lock(session, "matching", product_id, platform, None)
        except ResourceLocked as error:
            failures.append(ItemFailure(item=str(product_id), label="", reason=error.detail))
            continue
        product = await products_repository.lock_product(session, product_id)
        if product is not None and product.status in repository.STATUSES:
            locked[product_id] = product
    photos = await decisions_repository.lock_photos(
        session, [pair.photo_id for pair in pairs if pair.product_id in locked]
    )
    if not photos or basis.encoder_id is None or basis.cutoff is None:
        return 0, failures
    least = basis.cutoff.score
    still = await repository.sure_pairs(session, sorted(locked), basis.encoder_id, basis.curve, least)
    held = [pair for pair in still if pair.photo_id in photos]
    for product_id, product in locked.items():
        wanted = [photos[pair.photo_id] for pair in held if pair.product_id == product_id]
        await decisions.approve_locked(session, product, wanted, platform, "automatic", DEFAULT_THRESHOLD)
    await repository.draw_audits(session, _draw(held, photos, audit_share))
    return len(held), failures


def _draw(approved: Sequence[SurePair], photos: Mapping[uuid.UUID, Photo], audit_share: float) -> list[SurePair]:
    """Choose cards by chance, one photo of each: to ask about every near-duplicate would be to ask the same again."""
    cards = {(pair.product_id, photos[pair.photo_id].group_id): pair for pair in approved}
    return [pair for pair in cards.values() if random.random() < audit_share]
