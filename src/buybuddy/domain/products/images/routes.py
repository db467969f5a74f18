"""HTTP of the images of a product."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Response, UploadFile

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.collaboration.locks.service import LockLost
from buybuddy.domain.collaboration.tabs import LockToken
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.products import repository, service
from buybuddy.domain.products.answers import show_product, shown_when_stale
from buybuddy.domain.products.images import service as image_service
from buybuddy.domain.products.images.adding import AddedImages, Edit, add_images
from buybuddy.domain.products.images.dependencies import FollowImagesDep
from buybuddy.domain.products.images.receiving import ImageFile, ImageReceiver, Received
from buybuddy.domain.products.imports.service import plain_filename
from buybuddy.domain.products.schemas import (
    ImageOut,
    ImagesAdded,
    ImageType,
    ProductImagesOut,
    ProductOut,
    SentImage,
)
from buybuddy.errors import Conflict, InvalidInput, NotFound, ResourceLocked, Unavailable
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import IfMatch, Page, Platform, PlatformDep, SessionDep, WindowQuery, page_of, refusals

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


@router.post(
    "/{product_id}/images",
    operation_id="addProductImages",
    status_code=201,
    responses=refusals(InvalidInput, NotFound, Conflict, LockLost, ResourceLocked, Unavailable),
)
async def add_product_images(
    product_id: uuid.UUID,
    files: list[UploadFile],
    principal: Operator,
    platform: PlatformDep,
    follow: FollowImagesDep,
    response: Response,
    image_type: Annotated[Literal["synthetic", "real"], Form(description="A shop picture, or a photo.")] = "synthetic",
    if_match: IfMatch = None,
    lock_token: LockToken = None,
) -> ImagesAdded:
    """Add pictures (JPEG, PNG, WebP; 40 MiB each, 64 MiB together): those that cannot be read are listed, not kept."""
    sent = [ImageFile(plain_filename(file.filename or ""), file.file) for file in files]
    receiver = ImageReceiver(platform.db, platform.storage, platform.queries, product_id, image_type)
    received = await receiver.receive(sent)
    edit = Edit(principal.actor, if_match, lock_token)
    async with platform.db.transaction() as session, shown_when_stale(session, product_id, platform):
        added = await add_images(session, follow, product_id, received, image_type, edit)
        shown = await show_product(session, added.product, platform, response)
    return ImagesAdded(
        product=shown,
        files=_sent_images(received, added, platform),
        job=JobOut.from_row(added.job) if added.job else None,
    )


def _sent_images(received: Sequence[Received], added: AddedImages, platform: Platform) -> list[SentImage]:
    """Say what became of each file; of the same bytes sent twice the second are known."""
    shown: list[SentImage] = []
    told: set[uuid.UUID] = set()
    for one in received:
        image = added.images.get(one.sha256) if one.sha256 is not None and one.reason is None else None
        if image is None:
            shown.append(SentImage(filename=one.filename, outcome="refused", reason=one.reason, image=None))
            continue
        is_new = image.id in added.new and image.id not in told
        told.add(image.id)
        out = ImageOut.from_row(image, added.product.primary_image_id, platform)
        shown.append(SentImage(filename=one.filename, outcome="added" if is_new else "known", reason=None, image=out))
    return shown


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
