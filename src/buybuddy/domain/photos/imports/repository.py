"""Every query about imports of photos."""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, and_, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.jobs.rules import ACTIVE
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.photos.tables import Photo, PhotoImport, PhotoImportPart, PhotoImportProblem
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

NEWEST_FIRST = Order("-created_at", (PhotoImport.created_at, PhotoImport.id), is_descending=True)
AS_FOUND = Order("id", (PhotoImportProblem.id,))

_GIVEN = """
    jsonb_to_recordset(CAST(:facts AS jsonb)) AS k (photo_id uuid, barcode text, captured_at timestamptz,
        external_id text)
"""
# Only what is missing, and no external id that another photo of the source has, or is given at the same moment.
_FILL_IN = text(f"""
    WITH given AS (SELECT k.* FROM {_GIVEN}),
    free AS (
        SELECT g.photo_id, g.external_id,
            row_number() OVER (PARTITION BY r.source, g.external_id ORDER BY r.id) AS place
        FROM given g JOIN real_images r ON r.id = g.photo_id
        WHERE r.external_id IS NULL AND NOT EXISTS (
            SELECT FROM real_images o WHERE o.source = r.source AND o.external_id = g.external_id)
    )
    UPDATE real_images r SET barcode = coalesce(r.barcode, g.barcode),
        captured_at = coalesce(r.captured_at, g.captured_at), external_id = coalesce(r.external_id, f.external_id)
    FROM given g LEFT JOIN free f ON f.photo_id = g.photo_id AND f.place = 1
    WHERE r.id = g.photo_id AND (r.barcode IS NULL AND g.barcode IS NOT NULL
        OR r.captured_at IS NULL AND g.captured_at IS NOT NULL
        OR r.external_id IS NULL AND f.external_id IS NOT NULL)
    RETURNING r.id
""")
_WITHOUT_ID = text(f"""
    SELECT r.id FROM {_GIVEN} JOIN real_images r ON r.id = k.photo_id
    WHERE k.external_id IS NOT NULL AND r.external_id IS NULL
""")
_BEING_READ = text("""
    SELECT CAST(photo->>'photo_id' AS uuid) FROM jobs j CROSS JOIN jsonb_array_elements(j.config->'photos') photo
    WHERE j.subject_id = ANY(:imports) AND j.status = ANY(:active) AND j.config->>'stage' = 'read_photos'
        AND photo->>'photo_id' = ANY(:photos)
""")


class KnownPhoto(NamedTuple):
    """A photo of the pool, and the import that brought it."""

    id: uuid.UUID
    import_id: uuid.UUID | None
    import_label: str | None
    key: str
    is_unread: bool


class FilledIn(NamedTuple):
    """Which photos got something that they did not have, and which not their external id: another one has it."""

    changed: list[uuid.UUID]
    without_id: set[uuid.UUID]


class ImportState(NamedTuple):
    """How far the photos of an import are read."""

    n_unread: int
    is_being_read: bool


async def add_import(session: Session, **values: object) -> PhotoImport | None:
    """Insert an import; None when there is one with this id."""
    statement = insert(PhotoImport).values(**values).on_conflict_do_nothing(index_elements=["id"])
    return (await session.scalars(statement.returning(PhotoImport))).one_or_none()


async def find_import(session: Session, import_id: uuid.UUID) -> PhotoImport | None:
    return await session.get(PhotoImport, import_id, populate_existing=True)


async def list_imports(session: Session, window: Window) -> Slice[PhotoImport]:
    """Return one page, newest first."""
    return await read_page(session, select(PhotoImport), NEWEST_FIRST, window)


async def list_problems(session: Session, import_id: uuid.UUID, window: Window) -> Slice[PhotoImportProblem]:
    """Return one page of the files of an import that are no photos, in the order in which that was found."""
    statement = select(PhotoImportProblem).where(PhotoImportProblem.import_id == import_id)
    return await read_page(session, statement, AS_FOUND, window)


async def states_of(session: Session, import_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, ImportState]:
    """Return how far the photos of imports are read."""
    unread = select(func.count()).where(
        Photo.import_id == PhotoImport.id, Photo.read_at.is_(None), Photo.problem.is_(None)
    )
    is_active = exists().where(Job.subject_id == PhotoImport.id, Job.status.in_(ACTIVE))
    statement = select(PhotoImport.id, unread.scalar_subquery(), is_active).where(PhotoImport.id.in_(import_ids))
    return {row[0]: ImportState(row[1], row[2]) for row in await session.execute(statement)}


async def note_part(session: Session, import_id: uuid.UUID, sha256: str) -> bool:
    """Note files of a request, and return whether they were not noted before."""
    statement = insert(PhotoImportPart).values(import_id=import_id, sha256=sha256).on_conflict_do_nothing()
    return (await session.execute(statement.returning(PhotoImportPart.sha256))).first() is not None


async def count_in(session: Session, import_id: uuid.UUID, *, n_new: int, n_known: int, n_refused: int) -> None:
    """Add to what became of the files of an import."""
    await session.execute(
        update(PhotoImport)
        .where(PhotoImport.id == import_id)
        .values(
            n_new=PhotoImport.n_new + n_new,
            n_known=PhotoImport.n_known + n_known,
            n_refused=PhotoImport.n_refused + n_refused,
        )
        .execution_options(synchronize_session=False)
    )


async def add_problems(session: Session, import_id: uuid.UUID, problems: Sequence[tuple[str, str]]) -> None:
    """Note what is wrong with files: the name and the reason of each."""
    rows = [{"import_id": import_id, "name": name, "reason": reason} for name, reason in problems]
    await session.execute(insert(PhotoImportProblem), rows)


async def known_by_sha256(session: Session, hashes: Collection[str]) -> dict[str, KnownPhoto]:
    """Return the photos that have these bytes."""
    is_unread = and_(Photo.read_at.is_(None), Photo.problem.is_(None))
    statement = (
        select(Photo.sha256, Photo.id, Photo.import_id, PhotoImport.label, Photo.storage_key, is_unread)
        .outerjoin(PhotoImport, PhotoImport.id == Photo.import_id)
        .where(Photo.sha256.in_(hashes))
    )
    return {row[0]: KnownPhoto(*row[1:]) for row in await session.execute(statement)}


async def being_read(session: Session, photos: Collection[KnownPhoto]) -> set[uuid.UUID]:
    """Return which of the photos a job of their import is still going to read."""
    values = {
        "imports": list({photo.import_id for photo in photos}),
        "active": list(ACTIVE),
        "photos": [str(photo.id) for photo in photos],
    }
    return set(await session.scalars(_BEING_READ, values)) if photos else set()


async def add_photos(session: Session, rows: Sequence[dict[str, Any]]) -> Sequence[Row[uuid.UUID, str]]:
    """Insert photos; those whose bytes, or whose source's id, are there already are left out.

    Returns: id and sha256 of each that is new.
    """
    statement = insert(Photo).values(sorted(rows, key=lambda row: str(row["sha256"]))).on_conflict_do_nothing()
    return (await session.execute(statement.returning(Photo.id, Photo.sha256))).all()


async def fill_in(session: Session, facts: Mapping[uuid.UUID, dict[str, Any]]) -> FilledIn:
    """Give photos what an import knows of them and they do not have yet."""
    names = ("barcode", "captured_at", "external_id")
    rows = [
        {"photo_id": str(photo_id), **{name: known[name] for name in names}}
        for photo_id, known in sorted(facts.items())
        if any(known[name] is not None for name in names)
    ]
    if not rows:
        return FilledIn([], set())
    values = {"facts": json.dumps(rows, default=str)}
    changed = list(await session.scalars(_FILL_IN, values))
    return FilledIn(changed, set(await session.scalars(_WITHOUT_ID, values)))
