"""HTTP of the images of a product."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.collaboration.locks.service import LockLost
from buybuddy.domain.collaboration.tabs import LockToken
from buybuddy.domain.products import repository, service
from buybuddy.domain.products.answers import show_product, shown_when_stale
from buybuddy.domain.products.images import service as image_service
from buybuddy.domain.products.schemas import ImageOut, ImageType, ProductImagesOut, ProductOut
from buybuddy.errors import Conflict, NotFound, ResourceLocked
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import IfMatch, Page, PlatformDep, SessionDep, WindowQuery, page_of, refusals

router = APIRouter()  # products/routes.py takes it in

IMAGES_SHOWN = 1000


@router.get("/{product_id}/frames", operation_id="listProductImages", responses=refusals(NotFound))
async def list_product_images(
    product_id: uuid.UUID,
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    video_id: Annotated[uuid.UUID | None, Query(description="Only frames of this video.")] = None,
) -> ProductImagesOut:
    """List a product's images, the first 1,000 of each type, and how many there are; /images pages through all."""
    product = await service.get_product(session, product_id)
    totals = await repository.count_images(session, product_id, video_id)
    rows = await repository.list_images(session, product_id, video_id, IMAGES_SHOWN)
    shown = [ImageOut.from_row(row, product.primary_image_id, platform) for row in rows]
    return ProductImagesOut.from_images(shown, totals)


@router.get("/{product_id}/images", operation_id="pageProductImages", responses=refusals(NotFound, BadCursor))
async def page_product_images(
    product_id: uuid.UUID,
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    window: WindowQuery,
    image_type: Annotated[ImageType | None, Query(alias="type")] = None,
) -> Page[ImageOut]:
    """List a product's images in pages, oldest first."""
    product = await service.get_product(session, product_id)
    found = await repository.page_images(session, product_id, image_type, window)
    images = [ImageOut.from_row(row, product.primary_image_id, platform) for row in found.rows]
    return page_of(images, found, window)


@router.delete(
    "/{product_id}/images/{image_id}",
    operation_id="deleteProductImage",
    responses=refusals(NotFound, Conflict, LockLost, ResourceLocked),
)
async def delete_product_image(
    product_id: uuid.UUID,
    image_id: uuid.UUID,
    principal: Operator,
    session: SessionDep,
    platform: PlatformDep,
    response: Response,
    if_match: IfMatch = None,
    lock_token: LockToken = None,
) -> ProductOut:
    """Remove an image and its files; when it was the primary one, the best that is left is."""
    async with shown_when_stale(session, product_id, platform):
        product = await image_service.remove_image(session, product_id, image_id, if_match, principal.actor, lock_token)
    return await show_product(session, product, platform, response)


@router.post(
    "/{product_id}/images/{image_id}/primary",
    operation_id="makeImagePrimary",
    responses=refusals(NotFound, Conflict, LockLost, ResourceLocked),
)
async def make_image_primary(
    product_id: uuid.UUID,
    image_id: uuid.UUID,
    principal: Operator,
    session: SessionDep,
    platform: PlatformDep,
    response: Response,
    if_match: IfMatch = None,
    lock_token: LockToken = None,
) -> ProductOut:
    """Make an image the one that lists show."""
    async with shown_when_stale(session, product_id, platform):
        product = await image_service.make_primary(session, product_id, image_id, if_match, principal.actor, lock_token)
    return await show_product(session, product, platform, response)
