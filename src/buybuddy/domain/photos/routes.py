"""HTTP of the pool of photos."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.photos import service
from buybuddy.domain.photos.filters import PhotoFilters
from buybuddy.domain.photos.rules import LONGEST_SOURCE, PhotoStatus
from buybuddy.domain.photos.schemas import PhotoFacetsOut, PhotoOut, PhotosChangedOut, PhotosIn
from buybuddy.errors import NotFound
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, PlatformDep, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/real-images", tags=["real-images"])


@router.get("", operation_id="listPhotos", responses=refusals(BadCursor))
async def list_photos(
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    window: WindowQuery,
    status: Annotated[PhotoStatus | None, Query()] = None,
    source: Annotated[str | None, Query(max_length=LONGEST_SOURCE)] = None,
    barcode: Annotated[str | None, Query(max_length=32, description="Whole: of the import, or read.")] = None,
    import_id: Annotated[uuid.UUID | None, Query(description="Photos that this import brought.")] = None,
    group: Annotated[uuid.UUID | None, Query(description="Near-duplicates: a photo's `group_id`.")] = None,
    search: Annotated[str | None, Query(max_length=100, description="How the name begins.")] = None,
) -> Page[PhotoOut]:
    """List photos, newest first."""
    filters = PhotoFilters(
        status=status, source=source, barcode=barcode, import_id=import_id, group_id=group, search=search
    )
    found = await service.list_photos(session, filters, window)
    return page_of([PhotoOut.from_row(photo, platform) for photo in found.rows], found, window)


@router.get("/facets", operation_id="getPhotoFacets")
async def get_photo_facets(
    _: Viewer,
    session: SessionDep,
    status: Annotated[PhotoStatus | None, Query()] = None,
    source: Annotated[str | None, Query(max_length=LONGEST_SOURCE)] = None,
) -> PhotoFacetsOut:
    """Count photos by status and by source; each count leaves its own filter out."""
    return await service.count_facets(session, status, source)


@router.post("/discard", operation_id="discardPhotos", responses=refusals(NotFound, service.PhotoAssigned))
async def discard_photos(body: PhotosIn, principal: Operator, session: SessionDep) -> PhotosChangedOut:
    """Take photos out of the pool, all or none; 409 names the product of one that is assigned."""
    return PhotosChangedOut(photo_ids=await service.discard(session, body.photo_ids, principal.actor))


@router.post(
    "/restore",
    operation_id="restorePhotos",
    responses=refusals(NotFound, service.PhotoAssigned, service.PhotoUnreadable),
)
async def restore_photos(body: PhotosIn, principal: Operator, session: SessionDep) -> PhotosChangedOut:
    """Take discarded photos back into the pool, all or none."""
    return PhotosChangedOut(photo_ids=await service.restore(session, body.photo_ids, principal.actor))


@router.get("/{photo_id}", operation_id="getPhoto", responses=refusals(NotFound))
async def get_photo(photo_id: uuid.UUID, _: Viewer, session: SessionDep, platform: PlatformDep) -> PhotoOut:
    """Return one photo."""
    return PhotoOut.from_row(await service.get_photo(session, photo_id), platform)
