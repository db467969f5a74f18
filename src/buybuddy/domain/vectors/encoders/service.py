"""Filling in another encoder's vectors while the first serves, then letting it serve from one moment to the next.

A fill is a few chains of jobs, each over its part of the ids: when the vectors of one job are kept, the next one is
made for the pictures that follow and have none. So a million pictures are never a million rows of work, and after a
crash or a restart each chain goes on where it was.
"""

import itertools
import uuid
from dataclasses import dataclass

from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors.encoders import repository
from buybuddy.domain.vectors.encoders.repository import Missing
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, new_id, record_audit
from buybuddy.infra.storage import object_key
from buybuddy.stages.specs import EmbedImagesSpec, EncoderName, FillPart, ImageInput

FILLED_SHARE = 0.99  # of what the serving encoder has
N_CHAINS = 3
PER_JOB = 128  # pictures
LOOKED_AT = 20_000  # pictures, for those of one job
LAST_ID = 2**128 - 1


class NotFilled(Conflict):
    """An encoder that lacks many vectors of what the serving one has would make pictures vanish from answers."""

    code = "NOT_FILLED"


@dataclass(frozen=True)
class EncoderState:
    """An encoder with how many vectors it has made, and how many fewer than the serving one."""

    encoder: Encoder
    n_images: int
    n_photos: int
    images_missing: int
    photos_missing: int

    @property
    def filled_share(self) -> float:
        """Return the part of the serving encoder's vectors that this one has."""
        n_missing = self.images_missing + self.photos_missing
        n_wanted = self.n_images + self.n_photos + n_missing
        return 1.0 if n_wanted == 0 else 1.0 - n_missing / n_wanted


async def list_states(session: Session) -> list[EncoderState]:
    """Return every encoder, the serving one first."""
    counts = await repository.count_vectors(session)
    encoders = await repository.list_encoders(session)
    serving = next((encoder for encoder in encoders if encoder.is_serving), None)
    n_images, n_photos = counts.get(serving.id, (0, 0)) if serving is not None else (0, 0)
    states = []
    for encoder in encoders:
        own_images, own_photos = counts.get(encoder.id, (0, 0))
        missing = max(0, n_images - own_images), max(0, n_photos - own_photos)
        states.append(EncoderState(encoder, own_images, own_photos, *missing))
    return states


async def activate(
    session: Session, board: JobBoard, encoder_id: uuid.UUID, actor: Actor, *, is_forced: bool
) -> EncoderState:
    """Have an encoder serve; what it still lacks is filled in from then on. Raises: NotFound, NotFilled."""
    encoder = await repository.lock_encoder(session, encoder_id)
    if encoder is None:
        raise NotFound("There is no such encoder; it appears once it has made a vector.")
    state = next(one for one in await list_states(session) if one.encoder.id == encoder_id)
    if state.filled_share < FILLED_SHARE and not is_forced:
        n_missing = state.images_missing + state.photos_missing
        raise NotFilled(
            f"{encoder.name} lacks {n_missing} vectors that the serving encoder has; fill them in first, or force it.",
            filled_share=round(state.filled_share, 4),
        )
    if not encoder.is_serving:
        before = await vectors_repository.find_serving(session)
        await repository.serve(session, encoder_id)
        await session.refresh(encoder)
        subject = Subject("encoder", encoder_id, encoder.name)
        before_it: dict[str, object] = {"serving": before.name if before is not None else None}
        record_audit(session, actor, "encoder.activate", subject, before=before_it, after={"serving": encoder.name})
        emit(session, "matching", {"id": str(encoder_id), "change": "encoder", "by": actor.name})
    known = encoder_name(encoder)
    if known != "auto" and not await repository.is_being_filled(session, fill_subject(known).id or encoder_id):
        await _begin_chains(session, board, known)
    return next(one for one in await list_states(session) if one.encoder.id == encoder_id)


async def fill(session: Session, board: JobBoard, name: EncoderName, actor: Actor) -> list[Job]:
    """Begin to embed whatever an encoder has no vector of. Raises: Conflict while it is being filled already."""
    await session.execute(vectors_repository.ONE_ENCODER_AT_A_TIME)
    subject = fill_subject(name)
    if subject.id is not None and await repository.is_being_filled(session, subject.id):
        raise Conflict(f"The vectors of {name} are being filled in already.")
    record_audit(session, actor, "encoder.fill", subject)
    return await _begin_chains(session, board, name)


async def _begin_chains(session: Session, board: JobBoard, name: EncoderName) -> list[Job]:
    """Create the first job of each chain: without a picture, so that this costs nothing, whatever there is to do."""
    ends = [LAST_ID * number // N_CHAINS for number in range(N_CHAINS + 1)]
    parts = [
        FillPart(kind="images", begin=str(uuid.UUID(int=start)), after=str(uuid.UUID(int=start)),
                 until=str(uuid.UUID(int=end)))
        for start, end in itertools.pairwise(ends)
    ]  # fmt: skip
    new_jobs = [_new_job(name, part, Missing([], None), None) for part in parts]
    return await create_follow_up_jobs(session, board, new_jobs)


async def go_on(session: Session, board: JobBoard, job: Job, encoder: Encoder) -> None:
    """Create the next job of a chain, after the vectors of this one were kept."""
    spec = EmbedImagesSpec.model_validate(job.config)
    part = spec.fill
    if part is None or spec.encoder == "auto":
        return
    look = repository.next_images if part.kind == "images" else repository.next_photos
    found = await look(session, encoder.id, uuid.UUID(part.after), uuid.UUID(part.until), LOOKED_AT, PER_JOB)
    if found.looked_up_to is not None:
        following = part.model_copy(update={"after": str(found.looked_up_to)})
    elif part.kind == "images":
        following = part.model_copy(update={"kind": "photos", "after": part.begin})
    else:
        return
    await create_follow_up_jobs(session, board, [_new_job(spec.encoder, following, found, job.id)])


def _new_job(name: EncoderName, part: FillPart, found: Missing, parent_job_id: uuid.UUID | None) -> NewJob:
    job_id = new_id()
    spec = EmbedImagesSpec(
        images=tuple(
            ImageInput(image_id=str(picture.id), key=picture.key, matte_key=picture.matte_key)
            for picture in found.pictures
        ),
        output_prefix=object_key("embeddings", job_id) + "/",
        encoder=name,
        fill=part,
    )
    return NewJob("embedding_extraction", fill_subject(name), spec, job_id, parent_job_id)


def fill_subject(name: str) -> Subject:
    """Return what jobs say that they work on: one id for each name, known before the encoder has a row."""
    return Subject("encoder", uuid.uuid5(uuid.NAMESPACE_OID, f"encoder {name}"), f"vectors of {name}")


def encoder_name(encoder: Encoder | None) -> EncoderName:
    """Return the name by which a Spec asks for an encoder; `auto` for one that this version does not know."""
    if encoder is not None and encoder.name == "efficientnet-lite0":
        return "efficientnet-lite0"
    if encoder is not None and encoder.name == "efficientnet-lite0-whole":
        return "efficientnet-lite0-whole"
    return "auto"
