"""Having photos read, and keeping what was seen: facts, and which of them show one scene.

Whoever writes a reading holds the groups' lock first and then the photos', in the order of their ids, those included
that only change their group: so no merge is lost, and nobody waits in a circle with whoever decides about photos.
"""

import asyncio
import io
import itertools
import uuid
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.photos.readings import repository
from buybuddy.domain.photos.rules import MOST_A_JOB, MOST_HASH_BITS, count_differing_bits, is_same_scene, merge_groups
from buybuddy.domain.photos.service import tell
from buybuddy.domain.photos.tables import Photo
from buybuddy.errors import StageFailed
from buybuddy.infra.db import Session, Subject, new_id, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.stages.specs import EncoderName, PhotoFacts, PhotoInput, ReadPhotosResult, ReadPhotosSpec

UInt8Array = npt.NDArray[np.uint8]

SCENE_SHAPE = (16, 16, 3)


async def have_read(
    session: Session,
    board: JobBoard,
    photos: Sequence[tuple[uuid.UUID, str]],
    subject: Subject,
    encoder: EncoderName = "auto",
) -> list[Job]:
    """Create the jobs that read photos, each given by its id and key, and embed them with an encoder."""
    new_jobs = []
    for start in range(0, len(photos), MOST_A_JOB):
        job_id = new_id()
        spec = ReadPhotosSpec(
            photos=tuple(
                PhotoInput(photo_id=str(photo_id), key=key) for photo_id, key in photos[start : start + MOST_A_JOB]
            ),
            output_prefix=object_key("real-images", "readings", job_id) + "/",
            encoder=encoder,
        )
        new_jobs.append(NewJob("embedding_extraction", subject, spec, job_id))
    return await create_follow_up_jobs(session, board, new_jobs)


async def apply_reading(session: Session, storage: ObjectStorage, result: ReadPhotosResult) -> list[uuid.UUID]:
    """Keep what a completed job has seen; photos that are gone by now are left out.

    Returns: the ids of the Result's photos in its order, those that are gone included.
    Raises: StageFailed when the scenes do not fit their list.
    """
    facts = {uuid.UUID(one.photo_id): one for one in result.photos}
    scenes = await _read_scenes(storage, result)
    ids = [*facts, *(uuid.UUID(failure.image_id) for failure in result.failures)]
    groups = await repository.groups_of(session, ids)
    merged = await _find_merges(session, {one: facts[one] for one in facts if one in groups}, scenes, groups)
    photos = await repository.lock_to_write(session, ids, merged)
    read = [photo_id for photo_id in facts if photo_id in photos]
    _throw_away_thumbnails(session, facts, photos)
    if merged:
        await repository.rename_groups(session, merged)
    if read:
        await repository.write_facts(session, [facts[photo_id].model_dump(mode="json") for photo_id in read])
        await repository.keep_scenes(session, {photo_id: scenes[photo_id].tobytes() for photo_id in read})
    if assigned := [photo_id for photo_id in read if photos[photo_id].status == "assigned"]:
        await repository.write_real_images(session, assigned)
    failed = await repository.note_failures(session, [failure.model_dump() for failure in result.failures])
    for key in (result.vectors_key, result.scenes_key):  # the database has both once this is committed
        throw_away(session, key)
    if read or failed:
        tell(session, [*read, *failed], "updated")
    return list(facts)


async def _read_scenes(storage: ObjectStorage, result: ReadPhotosResult) -> dict[uuid.UUID, UInt8Array]:
    scenes = np.load(io.BytesIO(await asyncio.to_thread(storage.get, result.scenes_key)), allow_pickle=False)
    if scenes.shape != (len(result.photos), *SCENE_SHAPE) or scenes.dtype != np.uint8:
        raise StageFailed(f"The stage left {scenes.shape} scenes for {len(result.photos)} photos.")
    return {uuid.UUID(one.photo_id): scene for one, scene in zip(result.photos, scenes, strict=True)}


async def _find_merges(
    session: Session,
    facts: Mapping[uuid.UUID, PhotoFacts],
    scenes: Mapping[uuid.UUID, UInt8Array],
    groups: Mapping[uuid.UUID, uuid.UUID],
) -> dict[uuid.UUID, uuid.UUID]:
    """Return which groups are merged into which: those of photos that show one scene."""
    hashes = {photo_id: one.phash for photo_id, one in facts.items()}
    links = [
        (groups[first], groups[second])
        for first, second in itertools.combinations(facts, 2)
        if count_differing_bits(hashes[first], hashes[second]) <= MOST_HASH_BITS
        and is_same_scene(scenes[first], scenes[second])
    ]
    for found in await repository.find_look_alikes(session, hashes, MOST_HASH_BITS):
        scene = np.frombuffer(found.other_scene, dtype=np.uint8).reshape(SCENE_SHAPE)
        if found.other_id not in facts and is_same_scene(scenes[found.photo_id], scene):
            links.append((groups[found.photo_id], found.other_group))
    if not links:
        return {}
    return merge_groups(links, await repository.begun_at(session, {group for link in links for group in link}))


def _throw_away_thumbnails(
    session: Session, facts: Mapping[uuid.UUID, PhotoFacts], photos: Mapping[uuid.UUID, Photo]
) -> None:
    """Have thumbnails removed that nothing points at: of photos that are gone, and of an earlier reading."""
    for photo_id, one in facts.items():
        if photo_id not in photos:
            throw_away(session, one.thumbnail_key)
        elif (earlier := photos[photo_id].thumbnail_key) not in (None, one.thumbnail_key):
            throw_away(session, str(earlier))
