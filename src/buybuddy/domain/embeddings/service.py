"""Building published indexes: the vectors of a frozen version are gathered, and a stage makes the index.

The gathering needs the database, so the worker does it in batches (gathering.py); the building is arithmetic on
gigabytes, so it is a stage. They are two jobs of one index.
"""

import asyncio
import uuid
from dataclasses import dataclass
from typing import Literal

from buybuddy.domain.embeddings import repository
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.batches import Checkpoint
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs, create_jobs, find_earlier
from buybuddy.domain.jobs.idempotency import request_key
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.errors import Conflict, InvalidInput, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, keep, new_id, record_audit, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.stages.specs import BatchResult, BuildIndexResult, BuildIndexSpec, EncoderIdentity, GatherIndexSpec

JOB_TYPE: Literal["embedding_extraction"] = "embedding_extraction"
SUBJECT_KIND = "index"
PARTS_KEPT_S = 7 * 86_400.0  # for a retry, should the building fail
Kind = Literal["auto", "exact", "ivf", "hnsw"]


class NameTaken(Conflict):
    """Another index has this name; `index_id` says which."""

    code = "NAME_TAKEN"


class NotFrozen(Conflict):
    """The dataset has no frozen version that an index could be of."""

    code = "NOT_FROZEN"


class IndexInUse(Conflict):
    """The index serves, or is being built."""

    code = "INDEX_IN_USE"


@dataclass(frozen=True)
class Wish:
    """What is to be built: of one frozen version, or of a dataset's newest."""

    name: str
    dataset_id: uuid.UUID | None = None
    dataset_version_id: uuid.UUID | None = None
    kind: Kind = "auto"


async def begin(
    session: Session, board: JobBoard, wish: Wish, actor: Actor, idempotency_key: str | None
) -> EmbeddingIndex:
    """Have an index built of what the serving encoder has made of a frozen version's images.

    Raises: InvalidInput, NotFound, NotFrozen, NameTaken, Conflict while there is no vector at all, QueueFull,
        KeyReused.
    """
    asked = [wish.name, str(wish.dataset_id), str(wish.dataset_version_id), wish.kind]
    key = request_key(idempotency_key, actor, "index.build", asked)
    await jobs_repository.lock_slots(session, JOB_TYPE)  # before any row: see jobs/service.py
    if earlier := await find_earlier(session, key):
        return await get_index(session, earlier[0].subject_id)
    frozen = await _get_version(session, wish)
    encoder = await get_serving_encoder(session)
    label = f"{frozen.dataset_name}, version {frozen.version.number}"
    index = await repository.add_index(
        session,
        {
            "id": new_id(),
            "name": wish.name,
            "encoder_id": encoder.id,
            "dataset_version_id": frozen.version.id,
            "dataset_label": label,
            "kind": wish.kind,
            "status": "building",
            "dim": encoder.dim,
            "created_by": actor.id,
            "created_by_name": actor.name,
        },
    )
    if index is None:
        taken = await repository.find_by_name(session, wish.name)
        raise NameTaken("There is an index of this name already.", index_id=str(taken) if taken else None)
    job_id = new_id()
    spec = GatherIndexSpec(index_id=str(index.id), output_prefix=object_key("embeddings", job_id) + "/")
    throw_away(session, parts_prefix(index.id), after_s=PARTS_KEPT_S)
    what: dict[str, object] = {"of": label, "encoder": encoder.name, "kind": wish.kind}
    record_audit(session, actor, "index.build", subject_of(index), after=what)
    tell(session, index.id, "created")
    await create_jobs(session, board, [NewJob(JOB_TYPE, subject_of(index), spec, job_id)], actor, key=key)
    return index


async def build(session: Session, board: JobBoard, storage: ObjectStorage, gathering: Job) -> None:
    """Have an index built of what was gathered. Raises: NotFound, Conflict when it is built already."""
    index = await _lock_unbuilt(session, gathering.subject_id)
    gathered = BatchResult.model_validate(gathering.result)
    index.n_left_out = gathered.n_failed
    index.left_out = [{"image_id": failure.item, "reason": failure.reason} for failure in gathered.failures]
    encoder = await repository.get_encoder(session, index)
    keys = await asyncio.to_thread(storage.list_keys, parts_prefix(index.id))
    job_id = new_id()
    spec = BuildIndexSpec(
        part_keys=tuple(sorted(keys)),
        n_vectors=gathered.n_done,
        kind=_kind(index),
        encoder=identity_of(encoder),
        dataset_version_id=str(index.dataset_version_id),
        output_prefix=object_key("embeddings", job_id) + "/",
    )
    await create_follow_up_jobs(session, board, [NewJob(JOB_TYPE, subject_of(index), spec, job_id, gathering.id)])


async def keep_result(session: Session, job: Job, result: BuildIndexResult) -> None:
    """Keep what was built; the parts that it was built of go.

    What was built of an index that was deleted meanwhile, or that another job has built before, goes as well.
    """
    index = await repository.lock_index(session, job.subject_id) if job.subject_id else None
    if index is None or index.status == "ready":
        throw_away(session, result.index_prefix)
        return
    facts = result.facts
    index.status, index.error, index.kind = "ready", None, facts.kind
    index.vector_count, index.product_count, index.dim = facts.n_vectors, facts.n_products, facts.dim
    index.recall_at_10, index.recall_at_50 = facts.recall_at_10, facts.recall_at_50
    index.size_bytes, index.facts = facts.size_bytes, facts.model_dump(mode="json")
    index.storage_prefix = result.index_prefix
    throw_away(session, parts_prefix(index.id))
    tell(session, index.id, "updated")


async def follow_job(session: Session, job: Job) -> None:
    """Keep an index's status in step with the newest of its jobs; what a completed one has built is kept elsewhere."""
    if job.subject_id is None or job.status == "completed":
        return
    index = await repository.lock_index(session, job.subject_id)
    if index is None or index.status == "ready":
        return
    before = (index.status, index.error)
    if job.status in ("failed", "cancelled"):
        index.status, index.error = "failed", job.error_message or f"Its job was {job.status}."
    else:
        index.status, index.error = "building", None
    if (index.status, index.error) != before:
        tell(session, index.id, "updated")


async def prepare_retry(session: Session, job: Job) -> dict[str, object] | None:
    """Let a failed or cancelled job of an index be done again, and keep what was gathered for that long once more.

    Returns: the checkpoint to go on from. None, to begin anew, when the parts that were written are gone, and when
        nothing was found for them: vectors may have been made since.
    Raises: NotFound, Conflict when the index is built already, or was to be of parts that are gone.
    """
    index = await _lock_unbuilt(session, job.subject_id)
    has_parts = await keep(session, parts_prefix(index.id))
    throw_away(session, parts_prefix(index.id), after_s=PARTS_KEPT_S)
    if not has_parts and job.config["stage"] == "build_index":
        raise Conflict(f"The vectors gathered for the index {index.name} are gone; delete it and build it anew.")
    has_found = Checkpoint.model_validate(job.checkpoint or {}).n_done > 0
    return job.checkpoint if has_parts and has_found else None


def check_unbuilt(index: EmbeddingIndex) -> None:
    """Raises: Conflict; an index that is built never changes: it may serve, and processes have it open."""
    if index.status == "ready":
        raise Conflict(f"The index {index.name} is built already, and stays as it is; build another one.")


async def get_index(session: Session, index_id: uuid.UUID | None) -> EmbeddingIndex:
    """Raises: NotFound."""
    index = await repository.find_index(session, index_id) if index_id else None
    if index is None:
        raise NotFound("There is no such index.")
    return index


async def remove_index(session: Session, index_id: uuid.UUID, actor: Actor) -> None:
    """Remove an index and its files; those who search in it at this moment finish. Raises: NotFound, IndexInUse."""
    await repository.begin_swap(session)
    index = await repository.lock_index(session, index_id)
    if index is None:
        raise NotFound("There is no such index.")
    if index.is_serving:
        raise IndexInUse("This index serves searches; have another one serve, or roll back, before you delete it.")
    if await jobs_repository.has_unfinished(session, JOB_TYPE, index.id):
        raise IndexInUse("This index is being built; cancel its job before you delete it.")
    if index.storage_prefix is not None:
        throw_away(session, index.storage_prefix)
    throw_away(session, parts_prefix(index.id))
    record_audit(session, actor, "index.delete", subject_of(index), before={"of": index.dataset_label})
    tell(session, index.id, "deleted")
    await repository.take_out_of_history(session, index)
    await repository.remove_index(session, index.id)


async def get_serving_encoder(session: Session) -> Encoder:
    """Raises: Conflict while there is none."""
    encoder = await vectors_repository.find_serving(session)
    if encoder is None:
        raise Conflict("There are no vectors yet: add pictures of products first.")
    return encoder


def identity_of(encoder: Encoder) -> EncoderIdentity:
    return EncoderIdentity(
        name=encoder.name,
        weights_sha256=encoder.weights_sha256,
        preprocessing=encoder.preprocessing,
        dim=encoder.dim,
    )


def subject_of(index: EmbeddingIndex) -> Subject:
    return Subject(SUBJECT_KIND, index.id, index.name)


def tell(session: Session, index_id: uuid.UUID, change: str) -> None:
    """Tell open pages, and whoever keeps indexes open, of a change."""
    emit(session, "index", {"id": str(index_id), "change": change})


def parts_prefix(index_id: uuid.UUID) -> str:
    return object_key("embeddings", "indexes", index_id) + "/"


async def _get_version(session: Session, wish: Wish) -> repository.FrozenVersion:
    if (wish.dataset_id is None) == (wish.dataset_version_id is None):
        raise InvalidInput("Name a dataset or one of its versions, not both.")
    frozen = await repository.find_version(session, wish.dataset_id, wish.dataset_version_id)
    if frozen is not None:
        return frozen
    if wish.dataset_id is not None and await repository.has_dataset(session, wish.dataset_id):
        raise NotFrozen("This dataset has no frozen version; freeze it first.")
    raise NotFound("There is no such dataset, or no such version.")


async def _lock_unbuilt(session: Session, index_id: uuid.UUID | None) -> EmbeddingIndex:
    """Raises: NotFound, Conflict."""
    index = await repository.lock_index(session, index_id) if index_id else None
    if index is None:
        raise NotFound("There is no such index.")
    check_unbuilt(index)
    return index


def _kind(index: EmbeddingIndex) -> Kind:
    return index.kind  # type: ignore[return-value]  # the table's check constraint allows these only
