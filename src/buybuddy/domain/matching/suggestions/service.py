"""Finding, in the background, what new photos may show and which photos may show a new product.

For each photo its 5 nearest products are kept, for each product the open photos that are similar to it, 200 at most;
of the products that a photo gets both ways, the best 20.
Only the serving encoder's are kept: when another one serves, everything is found anew, batch by batch.
"""

import uuid
from collections.abc import Sequence

from buybuddy.domain.jobs.batches import BatchProgress, Checkpoint
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.matching.candidates import repository as candidates_repository
from buybuddy.domain.matching.candidates.repository import PhotoFilters
from buybuddy.domain.matching.suggestions import repository
from buybuddy.domain.matching.suggestions.repository import Pair
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.domain.vectors.views import views_of_product
from buybuddy.infra.db import Session, Subject, new_id
from buybuddy.infra.storage import object_key
from buybuddy.stages.specs import SuggestMatchesSpec

PHOTO_BATCH, PRODUCT_BATCH = 40, 4
PER_PRODUCT = 200  # photos
LEAST_SIMILARITY = 0.4  # of a product's photos; what is less alike would only make the table long
FIRST = uuid.UUID(int=0)


async def suggest_for_photos(
    session: Session, board: JobBoard, encoder: Encoder, photo_ids: Sequence[uuid.UUID], parent_job_id: uuid.UUID
) -> None:
    """Create the job that finds products for photos which were just embedded."""
    if photo_ids and encoder.is_serving and await repository.has_images(session, encoder.id):
        texts = tuple(str(photo_id) for photo_id in sorted(photo_ids))
        await _create(session, board, encoder, f"{len(photo_ids)} photos", parent_job_id, photo_ids=texts)


async def suggest_for_images(
    session: Session, board: JobBoard, encoder: Encoder, image_ids: Sequence[uuid.UUID], parent_job_id: uuid.UUID
) -> None:
    """Create the job that finds photos for the products of images which were just embedded."""
    if not image_ids or not encoder.is_serving or not await repository.has_open_photos(session, encoder.id):
        return
    product_ids = await repository.products_of_images(session, image_ids)
    texts = tuple(str(product_id) for product_id in product_ids)
    await _create(session, board, encoder, f"{len(texts)} products", parent_job_id, product_ids=texts)


async def follow_serving(session: Session, board: JobBoard) -> None:
    """Have everything found anew when another encoder serves; called by the worker's sweep."""
    encoder = await vectors_repository.find_serving(session)
    if encoder is None or not await repository.try_following(session):
        return
    before = await repository.suggested_encoder(session)
    if before == encoder.id:
        return
    await repository.note_suggested_encoder(session, encoder.id)
    if before is not None:  # the first encoder's are found as its vectors come
        await _create(session, board, encoder, "every photo", None, is_everything=True)


async def _create(
    session: Session,
    board: JobBoard,
    encoder: Encoder,
    label: str,
    parent_job_id: uuid.UUID | None,
    *,
    photo_ids: tuple[str, ...] = (),
    product_ids: tuple[str, ...] = (),
    is_everything: bool = False,
) -> None:
    job_id = new_id()
    spec = SuggestMatchesSpec(
        encoder_id=str(encoder.id),
        photo_ids=photo_ids,
        product_ids=product_ids,
        is_everything=is_everything,
        output_prefix=object_key("exports", job_id) + "/",
    )
    subject = Subject("matching", None, label)
    await create_follow_up_jobs(session, board, [NewJob("matching", subject, spec, job_id, parent_job_id)])


async def do_batch(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
    """Find and write the next suggestions of a job; photos first, then products."""
    spec = SuggestMatchesSpec.model_validate(job.config)
    encoder = await vectors_repository.find_serving(session)
    if encoder is None or str(encoder.id) != spec.encoder_id:
        return BatchProgress(checkpoint.after(None, 0, ()), 1.0, "another encoder serves by now")
    kind, _, at = (checkpoint.cursor or f"photos:{FIRST}").partition(":")
    after = uuid.UUID(at)
    if kind == "photos":
        photo_ids = await _next_photos(session, spec, encoder, after)
        if not photo_ids:
            return BatchProgress(checkpoint.after(f"products:{FIRST}", 0, ()), 0.5, "products")
        pairs = await repository.near_products(session, encoder, photo_ids)
        n_written = await repository.write_pairs(session, encoder.id, pairs, photo_ids, [])
        return _progress(checkpoint, "photos", photo_ids[-1], n_written, 0.5)
    product_ids = await _next_products(session, spec, after)
    if not product_ids:
        return BatchProgress(checkpoint.after(None, 0, ()), 1.0, "done")
    pairs = [pair for one in product_ids for pair in await _near_photos(session, encoder, one)]
    n_written = await repository.write_pairs(session, encoder.id, pairs, [], product_ids)
    return _progress(checkpoint, "products", product_ids[-1], n_written, 0.5, 0.5)


def _progress(
    checkpoint: Checkpoint, kind: str, last: uuid.UUID, n_written: int, share: float, done: float = 0.0
) -> BatchProgress:
    """Ids are random, so that how far the last one lies says how much is done."""
    fraction = done + share * last.int / 2**128
    return BatchProgress(checkpoint.after(f"{kind}:{last}", n_written, ()), fraction, f"comparing {kind}")


async def _next_photos(
    session: Session, spec: SuggestMatchesSpec, encoder: Encoder, after: uuid.UUID
) -> list[uuid.UUID]:
    if spec.is_everything:
        return await repository.next_photos(session, encoder.id, after, PHOTO_BATCH)
    return _listed(spec.photo_ids, after, PHOTO_BATCH)


async def _next_products(session: Session, spec: SuggestMatchesSpec, after: uuid.UUID) -> list[uuid.UUID]:
    if spec.is_everything:
        return await repository.next_products(session, after, PRODUCT_BATCH)
    return _listed(spec.product_ids, after, PRODUCT_BATCH)


def _listed(ids: Sequence[str], after: uuid.UUID, limit: int) -> list[uuid.UUID]:
    return sorted(one for one in map(uuid.UUID, ids) if one > after)[:limit]


async def _near_photos(session: Session, encoder: Encoder, product_id: uuid.UUID) -> list[Pair]:
    """Return the open photos that are similar to a product and that nobody has decided about."""
    views = await views_of_product(session, encoder.id, product_id)
    if not len(views):
        return []
    decided = await candidates_repository.decided_photos(session, product_id, with_skipped=False)
    found = await candidates_repository.similar_photos(session, encoder, views, decided, PhotoFilters(), PER_PRODUCT)
    return [Pair(one.photo_id, product_id, one.similarity) for one in found if one.similarity >= LEAST_SIMILARITY]
