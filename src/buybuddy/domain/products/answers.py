"""Building the answer that shows one product, for every route that ends with it."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Response

from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.products import repository, service
from buybuddy.domain.products.schemas import ProductOut
from buybuddy.domain.products.tables import Product
from buybuddy.domain.videos import repository as videos_repository
from buybuddy.domain.videos.schemas import VideoOut
from buybuddy.infra.db import Session
from buybuddy.infra.http import Platform, set_etag


async def show_product(session: Session, product: Product, platform: Platform, response: Response) -> ProductOut:
    """Return a product as the API shows it, and give the answer its ETag."""
    set_etag(response, product.version)
    return await product_out(session, product, platform)


async def product_out(session: Session, product: Product, platform: Platform) -> ProductOut:
    """Return a product as the API shows it."""
    images = await repository.images_by_id(session, [product.primary_image_id] if product.primary_image_id else [])
    video = await videos_repository.find_video(session, product.video_id) if product.video_id else None
    job = (await jobs_repository.latest_by_subject(session, [video.id])).get(video.id) if video else None
    primary = images.get(product.primary_image_id) if product.primary_image_id else None
    return ProductOut.from_parts(product, primary, VideoOut.from_row(video, job, platform) if video else None, platform)


@asynccontextmanager
async def shown_when_stale(session: Session, product_id: uuid.UUID, platform: Platform) -> AsyncIterator[None]:
    """Add the product as it is to the refusal of an edit that was made from an older version."""
    try:
        yield
    except service.StaleVersion as stale:
        current = await product_out(session, await service.get_product(session, product_id), platform)
        stale.fields["current"] = current.model_dump(mode="json")
        raise
