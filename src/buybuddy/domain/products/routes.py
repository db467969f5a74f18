"""HTTP of products."""

import uuid
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.products import repository, service
from buybuddy.domain.products.schemas import (
    CategoryOut,
    ImageOut,
    ProductEdit,
    ProductImagesOut,
    ProductOut,
    ProductRow,
    ProductSort,
    ProductStatus,
)
from buybuddy.domain.products.tables import Product
from buybuddy.domain.videos import repository as videos_repository
from buybuddy.domain.videos.schemas import VideoOut
from buybuddy.infra.db import Session
from buybuddy.infra.http import LimitQuery, Page, PageQuery, Platform, PlatformDep, SessionDep, page_of

router = APIRouter(prefix="/products", tags=["products"])

IMAGES_SHOWN = 5000


@router.get("", operation_id="listProducts")
async def list_products(
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    search: Annotated[str | None, Query(max_length=200)] = None,
    status: Annotated[ProductStatus | None, Query()] = None,
    category: Annotated[str | None, Query(max_length=300)] = None,
    sort: Annotated[ProductSort, Query()] = "-created_at",
    page: PageQuery = 1,
    limit: LimitQuery = 50,
) -> Page[ProductRow]:
    """List products; `search` is the beginning of any barcode or a part of the name or brand."""
    products, total = await repository.list_products(
        session, search=search, status=status, category=category, sort=sort, page=page, limit=limit
    )
    rows = [ProductRow.model_validate(values) for values in await _row_values(session, products, platform)]
    return page_of(rows, total=total, page=page, limit=limit)


@router.get("/categories", operation_id="listCategories")
async def list_categories(_: Viewer, session: SessionDep) -> list[CategoryOut]:
    """List the categories that products have, with how many have each."""
    rows = await repository.list_categories(session)
    return [CategoryOut(category=category, count=count) for category, count in rows if category]


@router.get("/{product_id}", operation_id="getProduct")
async def get_product(product_id: uuid.UUID, _: Viewer, session: SessionDep, platform: PlatformDep) -> ProductOut:
    """Return one product."""
    return await _product_out(session, await service.get_product(session, product_id), platform)


@router.get("/{product_id}/frames", operation_id="listProductImages")
async def list_product_images(
    product_id: uuid.UUID,
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    video_id: Annotated[uuid.UUID | None, Query(description="Only frames of this video.")] = None,
) -> ProductImagesOut:
    """List a product's images by type."""
    product = await service.get_product(session, product_id)
    by_type: dict[str, list[ImageOut]] = {"synthetic": [], "real": [], "augmented": []}
    for image in await repository.list_images(session, product_id, video_id, IMAGES_SHOWN):
        by_type[image.image_type].append(ImageOut.from_row(image, product.primary_image_id, platform))
    return ProductImagesOut(**by_type)


@router.patch("/{product_id}", operation_id="editProduct")
async def edit_product(
    product_id: uuid.UUID, body: ProductEdit, principal: Operator, session: SessionDep, platform: PlatformDep
) -> ProductOut:
    """Change fields of a product; 409 when somebody else has changed it since it was read."""
    try:
        product = await service.edit_product(session, product_id, body, principal.actor)
    except service.StaleVersion as stale:
        current = await _product_out(session, await service.get_product(session, product_id), platform)
        stale.fields["current"] = current.model_dump(mode="json")
        raise
    return await _product_out(session, product, platform)


@router.delete("/{product_id}", operation_id="deleteProduct", status_code=204)
async def delete_product(product_id: uuid.UUID, principal: Operator, session: SessionDep) -> None:
    """Remove a product with its barcodes, images and stored objects."""
    await service.remove_product(session, product_id, principal.actor)


async def _row_values(session: Session, products: Sequence[Product], platform: Platform) -> list[dict[str, object]]:
    barcodes = await repository.barcodes_of(session, [product.id for product in products])
    images = await repository.images_by_id(session, [p.primary_image_id for p in products if p.primary_image_id])
    return [
        ProductRow.values_from(
            product,
            barcodes[product.id],
            images.get(product.primary_image_id) if product.primary_image_id else None,
            platform,
        )
        for product in products
    ]


async def _product_out(session: Session, product: Product, platform: Platform) -> ProductOut:
    values = (await _row_values(session, [product], platform))[0]
    video = await videos_repository.find_video(session, product.video_id) if product.video_id else None
    job = (await jobs_repository.latest_by_subject(session, [video.id])).get(video.id) if video else None
    own = [name for name in ProductOut.model_fields if name not in ProductRow.model_fields and name != "video"]
    return ProductOut.model_validate(
        {
            **values,
            **{name: getattr(product, name) for name in own},
            "video": VideoOut.from_row(video, job, platform) if video else None,
        }
    )
