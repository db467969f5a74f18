"""Measuring matching: a truth is taken in, its vectors are gathered in batches, and a stage ranks them.

The gathering needs the database, so the worker does it; the ranking is arithmetic on up to some gigabytes, so it is a
stage, which sees nothing but the parts in storage. They are two jobs of one evaluation.
"""

import asyncio
import datetime as dt
import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.batches import BatchProgress, BatchStep, Checkpoint
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs, create_jobs, find_earlier
from buybuddy.domain.jobs.idempotency import request_key
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.matching.decisions import repository as decisions_repository
from buybuddy.domain.matching.evaluations import repository
from buybuddy.domain.matching.evaluations.files import TruthRow
from buybuddy.domain.matching.evaluations.repository import Vectors
from buybuddy.domain.matching.evaluations.tables import MatchEvaluation
from buybuddy.domain.matching.rules import barcode_variants
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.errors import Conflict, InvalidInput, NotFound, PayloadTooLarge
from buybuddy.infra.db import Actor, Session, Subject, new_id, record_audit, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.stages.specs import EvaluateMatchingResult, EvaluateMatchingSpec, GatherVectorsSpec

MOST_BYTES = 50_000_000
CHUNK_ROWS = 2_000
PHOTOS_OF_PART, PRODUCTS_OF_PART = 4_000, 200  # 22 MB; 65 MB where each product has 60 pictures of 1,352 dims
KEPT_FOR_DAYS = 30
PARTS_KEPT_S = 7 * 86_400.0  # should nobody ever rank them
NO_PRODUCT = "No product has this barcode."


@dataclass(frozen=True)
class Wish:
    """What is to be measured.

    Args:
        category: restricts products and photos to it.
        encoder: by its name; without one, the one that serves.
    """

    category: str | None = None
    encoder: str | None = None


async def begin(
    session: Session, board: JobBoard, truth: Sequence[TruthRow], wish: Wish, actor: Actor, idempotency_key: str | None
) -> MatchEvaluation:
    """Take a truth in and have it measured.

    Raises: InvalidInput when none of its rows can take part or there is no such encoder, Conflict while there is none
        at all, QueueFull, KeyReused.
    """
    key = request_key(idempotency_key, actor, "matching.evaluate", [wish.category, wish.encoder, list(truth)])
    if earlier := await find_earlier(session, key):
        return await get_evaluation(session, earlier[0].subject_id)
    encoder = await _get_encoder(session, wish.encoder)
    evaluation = MatchEvaluation(
        id=new_id(),
        encoder_id=encoder.id,
        category=wish.category,
        n_rows=len(truth),
        n_outside=0,
        created_by=actor.id,
        created_by_name=actor.name,
    )
    session.add(evaluation)
    await session.flush()
    for start in range(0, len(truth), CHUNK_ROWS):
        await _add_rows(session, evaluation, truth[start : start + CHUNK_ROWS])
    await repository.judge_rows(session, evaluation)
    await _check_some_take_part(session, evaluation)
    label = f"{evaluation.n_rows} photos" + (f" of {wish.category}" if wish.category else "")
    subject, job_id = Subject("evaluation", evaluation.id, label), new_id()
    spec = GatherVectorsSpec(evaluation_id=str(evaluation.id), output_prefix=object_key("embeddings", job_id) + "/")
    new_job = NewJob("matching", subject, spec, job_id)
    # The slots are locked only now, when all rows are there: others' jobs wait for them.
    [job] = await create_jobs(session, board, [new_job], actor, key=key)
    if job.id != job_id:  # the same request was sent twice at once
        await session.delete(evaluation)
        return await get_evaluation(session, job.subject_id)
    throw_away(session, _parts_prefix(evaluation.id), after_s=PARTS_KEPT_S)
    what: dict[str, object] = {"category": wish.category, "encoder": encoder.name}
    record_audit(session, actor, "matching.evaluate", subject, after=what)
    return evaluation


def check_size(size_bytes: int | None) -> None:
    """Raises: PayloadTooLarge when a truth is larger than any that is taken."""
    if size_bytes is not None and size_bytes > MOST_BYTES:
        raise PayloadTooLarge(f"The file has {size_bytes / 1e6:.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB are taken.")


async def get_evaluation(session: Session, evaluation_id: uuid.UUID | None) -> MatchEvaluation:
    """Raises: NotFound."""
    found = await repository.find_evaluation(session, evaluation_id) if evaluation_id else None
    if found is None:
        raise NotFound(f"There is no such evaluation, or no longer: they are kept for {KEPT_FOR_DAYS} days.")
    return found


async def get_job(session: Session, evaluation: MatchEvaluation) -> Job | None:
    """Return the newest job of an evaluation: the gathering, then the ranking."""
    return (await jobs_repository.latest_by_subject(session, [evaluation.id])).get(evaluation.id)


def build_gathering(
    storage: ObjectStorage, *, photos_of_part: int = PHOTOS_OF_PART, products_of_part: int = PRODUCTS_OF_PART
) -> BatchStep:
    """Build the step that writes the next part: first photos by their rows, then products by their ids.

    A part is named after the place that it begins at, so that a batch which is done again writes the same object.
    """

    async def gather(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
        evaluation = await get_evaluation(session, job.subject_id)
        cursor: str | None = checkpoint.cursor or "photos:0"
        kind, _, place = str(cursor).partition(":")
        if kind == "photos":
            part = await repository.next_photos(session, evaluation, int(place), photos_of_part)
            is_last = len(part.vectors) < photos_of_part
            cursor = f"products:{uuid.UUID(int=0)}" if is_last else f"photos:{part.last}"
            place = f"{int(place):012d}"
        else:
            ids = await repository.next_products(session, evaluation, uuid.UUID(place), products_of_part)
            part = await repository.pictures_of(session, evaluation, ids)
            cursor = f"products:{ids[-1]}" if len(ids) == products_of_part else None
        if len(part.vectors):
            key = f"{_parts_prefix(evaluation.id)}{kind}/{place}.npz"
            await asyncio.to_thread(storage.put, key, _encode(part))
        after = checkpoint.after(cursor, len(part.vectors), [])
        return BatchProgress(after, 0.0 if kind == "photos" else 0.5, f"gathering {kind}: {after.n_done} vectors")

    return gather


async def rank(session: Session, board: JobBoard, storage: ObjectStorage, gathering: Job) -> None:
    """Have what was gathered ranked."""
    evaluation = await get_evaluation(session, gathering.subject_id)
    keys = sorted(await asyncio.to_thread(storage.list_keys, _parts_prefix(evaluation.id)))
    job_id = new_id()
    spec = EvaluateMatchingSpec(
        photo_keys=tuple(key for key in keys if "/photos/" in key),
        product_keys=tuple(key for key in keys if "/products/" in key),
        output_prefix=object_key("embeddings", job_id) + "/",
    )
    subject = Subject("evaluation", evaluation.id, gathering.subject_label)
    await create_follow_up_jobs(session, board, [NewJob("matching", subject, spec, job_id, gathering.id)])


async def keep_result(session: Session, job: Job, result: EvaluateMatchingResult) -> None:
    """Keep the figures; the parts that they were counted from go."""
    evaluation = await get_evaluation(session, job.subject_id)
    evaluation.result = result.model_dump(mode="json")
    throw_away(session, _parts_prefix(evaluation.id))


async def forget_old_evaluations(session: Session) -> None:
    """Forget one evaluation that nobody needs any more; called again and again by the worker."""
    await repository.forget_one(session, dt.timedelta(days=KEPT_FOR_DAYS))


async def _get_encoder(session: Session, name: str | None) -> Encoder:
    encoder = await repository.find_encoder(session, name)
    if encoder is None and name is None:
        raise Conflict("There are no vectors yet: import photos and pictures of products first.")
    if encoder is None:
        raise InvalidInput(f"No encoder is called {name}.")
    return encoder


async def _add_rows(session: Session, evaluation: MatchEvaluation, truth: Sequence[TruthRow]) -> None:
    variants = {row.barcode: barcode_variants([row.barcode]) for row in truth if row.reason is None}
    owner_of = await decisions_repository.products_by_barcode(
        session, {one for several in variants.values() for one in several}
    )
    categories = await repository.categories_of(session, set(owner_of.values()))
    rows: list[dict[str, object]] = []
    for row in truth:
        owner = next((owner_of[one] for one in variants.get(row.barcode, ()) if one in owner_of), None)
        if owner is not None and evaluation.category not in (None, categories.get(owner)):
            evaluation.n_outside += 1
            continue
        reason = row.reason or (NO_PRODUCT if owner is None else None)
        rows.append({**row._asdict(), "product_id": str(owner) if owner else None, "reason": reason})
    await repository.add_rows(session, evaluation.id, rows)


async def _check_some_take_part(session: Session, evaluation: MatchEvaluation) -> None:
    if evaluation.n_outside == evaluation.n_rows:
        raise InvalidInput(f"No row is of a product in the category {evaluation.category}.")
    if evaluation.n_left_out < evaluation.n_rows - evaluation.n_outside:
        return
    first = await repository.first_left_out(session, evaluation.id)
    raise InvalidInput(f"None of {evaluation.n_left_out} rows can take part. Row {first.row_no}: {first.reason}")


def _parts_prefix(evaluation_id: uuid.UUID) -> str:
    return object_key("embeddings", "evaluations", evaluation_id) + "/"


def _encode(part: Vectors) -> bytes:
    buffer = io.BytesIO()
    groups = {} if part.groups is None else {"groups": part.groups}
    np.savez(buffer, allow_pickle=False, vectors=part.vectors, products=part.products, **groups)
    return buffer.getvalue()
