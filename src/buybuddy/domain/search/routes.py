"""HTTP of search."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Form, Query, UploadFile

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.embeddings.activation import NotReady, OtherEncoder
from buybuddy.domain.embeddings.dependencies import ShelfDep
from buybuddy.domain.search import service
from buybuddy.domain.search.schemas import SearchOut
from buybuddy.errors import NotFound, PayloadTooLarge, Unavailable, UnreadableMedia
from buybuddy.infra.http import PlatformDep, refusals
from buybuddy.infra.vectors import IndexDamaged

router = APIRouter(tags=["search"])

LARGEST_PHOTO_BYTES = 40 * 1024 * 1024


@router.post(
    "/search",
    operation_id="searchByPhoto",
    responses=refusals(UnreadableMedia, PayloadTooLarge, Unavailable, NotFound, NotReady, OtherEncoder, IndexDamaged),
)
async def search_by_photo(
    photo: UploadFile,
    _: Viewer,
    platform: PlatformDep,
    shelf: ShelfDep,
    k: Annotated[int, Query(ge=1, le=100)] = 10,
    index: Annotated[
        uuid.UUID | None, Form(description="A published index; else the one that serves, or the living vectors.")
    ] = None,
) -> SearchOut:
    """Find the products that a photo shows, nearest first."""
    data = await photo.read(LARGEST_PHOTO_BYTES + 1)
    if len(data) > LARGEST_PHOTO_BYTES:
        raise PayloadTooLarge(f"The photo is larger than {LARGEST_PHOTO_BYTES // 2**20} MiB.")
    if not data:
        raise UnreadableMedia("The photo is empty.")
    return await service.search_by_photo(platform, shelf, data, k, index)
