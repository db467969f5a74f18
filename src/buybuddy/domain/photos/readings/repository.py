"""Every query that writes what was seen in photos, and the search for near-duplicates."""

import datetime as dt
import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.photos.tables import Photo, PhotoScene
from buybuddy.infra.db import Session

MOST_LOOK_ALIKES = 50  # of a photo, that are compared by their scenes; plain pictures have thousands

ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('photo groups', 0))")
# Hashes that differ in three bits at most share one of four bands of 16 bits: a look into four indexes.
_LOOK_ALIKES = text("""
    SELECT n.id AS photo_id, near.id AS other_id, near.group_id AS other_group, s.scene AS other_scene
    FROM jsonb_to_recordset(CAST(:hashed AS jsonb)) AS n (id uuid, phash bigint)
    CROSS JOIN LATERAL (
        SELECT r.id, r.group_id FROM real_images r
        WHERE (((r.phash >> 0) & 65535) = ((n.phash >> 0) & 65535)
            OR ((r.phash >> 16) & 65535) = ((n.phash >> 16) & 65535)
            OR ((r.phash >> 32) & 65535) = ((n.phash >> 32) & 65535)
            OR ((r.phash >> 48) & 65535) = ((n.phash >> 48) & 65535))
          AND r.id <> n.id AND bit_count((r.phash # n.phash)::bit(64)) <= :most_bits
        ORDER BY bit_count((r.phash # n.phash)::bit(64)), r.id LIMIT :at_most
    ) near
    JOIN photo_scenes s ON s.photo_id = near.id
""")
_WRITE_FACTS = text("""
    UPDATE real_images r SET width_px = f.width_px, height_px = f.height_px, thumbnail_key = f.thumbnail_key,
        phash = f.phash, barcodes_seen = ARRAY(SELECT jsonb_array_elements_text(f.barcodes_seen)),
        read_at = clock_timestamp(), problem = NULL,
        status = CASE WHEN r.status = 'discarded' AND r.problem IS NOT NULL THEN 'unassigned' ELSE r.status END
    FROM jsonb_to_recordset(CAST(:facts AS jsonb)) AS f (photo_id uuid, width_px int, height_px int,
        thumbnail_key text, phash bigint, barcodes_seen jsonb)
    WHERE r.id = f.photo_id
""")
# An approved photo has lent its facts to the real image of its product. One that is just being removed is left alone:
# waiting for whoever removes it, and who waits for the photo, would be waiting in a circle.
_WRITE_REAL_IMAGES = text("""
    UPDATE product_images i SET width_px = r.width_px, height_px = r.height_px, thumbnail_key = r.thumbnail_key
    FROM real_images r
    WHERE r.id = i.photo_id AND i.id IN (
        SELECT id FROM product_images WHERE photo_id = ANY(:photo_ids) FOR NO KEY UPDATE SKIP LOCKED)
""")
_NOTE_FAILURES = text("""
    WITH failed AS (
        UPDATE real_images r SET problem = f.reason,
            status = CASE WHEN r.status = 'unassigned' THEN 'discarded' ELSE r.status END
        FROM jsonb_to_recordset(CAST(:failures AS jsonb)) AS f (image_id uuid, reason text)
        WHERE r.id = f.image_id AND r.read_at IS NULL AND r.problem IS DISTINCT FROM f.reason
        RETURNING r.id, r.import_id, r.name, r.problem),
    noted AS (
        INSERT INTO photo_import_problems (import_id, name, reason)
        SELECT import_id, name, problem FROM failed WHERE import_id IS NOT NULL)
    SELECT id FROM failed
""")
_RENAME_GROUPS = text("""
    UPDATE real_images r SET group_id = m.new FROM jsonb_to_recordset(CAST(:merged AS jsonb)) AS m (old uuid, new uuid)
    WHERE r.group_id = m.old
""")


class LookAlike(NamedTuple):
    """A photo, and one with a similar hash that was read before."""

    photo_id: uuid.UUID
    other_id: uuid.UUID
    other_group: uuid.UUID
    other_scene: bytes


async def groups_of(session: Session, photo_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Return the group of each photo that is still there; none changes its group before the commit."""
    await session.execute(ONE_AT_A_TIME)
    rows = await session.execute(select(Photo.id, Photo.group_id).where(Photo.id.in_(photo_ids)))
    return {row.id: row.group_id for row in rows}


async def find_look_alikes(session: Session, hashes: Mapping[uuid.UUID, int], most_bits: int) -> Sequence[LookAlike]:
    """Return for each photo, by its hash, those read before whose hash differs in few bits, the most similar first."""
    hashed = [{"id": str(photo_id), "phash": phash} for photo_id, phash in hashes.items()]
    values = {"hashed": json.dumps(hashed), "most_bits": most_bits, "at_most": MOST_LOOK_ALIKES}
    rows = await session.execute(_LOOK_ALIKES, values)
    return [LookAlike(row.photo_id, row.other_id, row.other_group, row.other_scene) for row in rows]


async def begun_at(session: Session, groups: Collection[uuid.UUID]) -> dict[uuid.UUID, dt.datetime]:
    """Return when the oldest photo of each group came."""
    statement = select(Photo.group_id, func.min(Photo.created_at)).where(Photo.group_id.in_(groups))
    rows = await session.execute(statement.group_by(Photo.group_id))
    return {row[0]: row[1] for row in rows}


async def lock_to_write(
    session: Session, photo_ids: Collection[uuid.UUID], groups: Collection[uuid.UUID]
) -> dict[uuid.UUID, Photo]:
    """Lock photos and all members of groups, in the order of their ids, and return them."""
    wanted = Photo.id.in_(photo_ids) | Photo.group_id.in_(groups)
    statement = select(Photo).where(wanted).order_by(Photo.id).with_for_update()
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {photo.id: photo for photo in rows}


async def rename_groups(session: Session, merged: Mapping[uuid.UUID, uuid.UUID]) -> None:
    """Give the members of groups, all of them locked, the groups that those are merged into."""
    pairs = [{"old": str(old), "new": str(new)} for old, new in merged.items()]
    await session.execute(_RENAME_GROUPS, {"merged": json.dumps(pairs)})


async def write_facts(session: Session, facts: Sequence[Mapping[str, object]]) -> None:
    """Write what was seen in locked photos."""
    await session.execute(_WRITE_FACTS, {"facts": json.dumps(facts)})


async def write_real_images(session: Session, photo_ids: Sequence[uuid.UUID]) -> None:
    """Give the real images that photos have become what was seen in them."""
    await session.execute(_WRITE_REAL_IMAGES, {"photo_ids": list(photo_ids)})


async def keep_scenes(session: Session, scenes: Mapping[uuid.UUID, bytes]) -> None:
    statement = insert(PhotoScene)
    latest = statement.on_conflict_do_update(index_elements=["photo_id"], set_={"scene": statement.excluded.scene})
    await session.execute(latest, [{"photo_id": photo_id, "scene": scene} for photo_id, scene in scenes.items()])


async def note_failures(session: Session, failures: Sequence[Mapping[str, object]]) -> list[uuid.UUID]:
    """Discard locked photos that cannot be read, unless somebody assigned them, and list them once with their import.

    Returns: the photos of which this was not known.
    """
    return list(await session.scalars(_NOTE_FAILURES, {"failures": json.dumps(failures)}))
