"""HTTP of backgrounds."""

import uuid

from fastapi import APIRouter, UploadFile

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.augmentation.backgrounds import repository, service
from buybuddy.domain.augmentation.backgrounds.schemas import BackgroundOut, BackgroundsAdded, SentBackground
from buybuddy.domain.products.images.receiving import ImageFile
from buybuddy.domain.products.imports.service import plain_filename
from buybuddy.errors import InvalidInput, NotFound, Unavailable
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, PlatformDep, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/augmentation/backgrounds", tags=["augmentation"])


@router.get("", operation_id="listBackgrounds", responses=refusals(BadCursor))
async def list_backgrounds(
    _: Viewer, session: SessionDep, platform: PlatformDep, window: WindowQuery
) -> Page[BackgroundOut]:
    """List the pictures that products are laid on, newest first; a run takes the newest 200."""
    found = await repository.list_backgrounds(session, window)
    return page_of([BackgroundOut.from_row(row, platform) for row in found.rows], found, window)


@router.post("", operation_id="addBackgrounds", status_code=201, responses=refusals(InvalidInput, Unavailable))
async def add_backgrounds(files: list[UploadFile], principal: Operator, platform: PlatformDep) -> BackgroundsAdded:
    """Add pictures (JPEG, PNG, WebP); those that cannot be read or are too small are listed, not kept."""
    sent = [ImageFile(plain_filename(file.filename or ""), file.file) for file in files]
    added = await service.add_backgrounds(platform.db, platform.storage, platform.queries, sent, principal.actor)
    return BackgroundsAdded(files=[SentBackground.of(one, platform) for one in added])


@router.delete("/{background_id}", operation_id="deleteBackground", status_code=204, responses=refusals(NotFound))
async def delete_background(background_id: uuid.UUID, principal: Operator, session: SessionDep) -> None:
    """Remove a background; pictures that were made with it stay."""
    await service.remove_background(session, background_id, principal.actor)
