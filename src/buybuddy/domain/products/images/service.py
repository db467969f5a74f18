"""A product's images: choosing the primary one, removing one."""

import uuid

from buybuddy.domain.collaboration.locks.service import check_lock
from buybuddy.domain.products import repository, service
from buybuddy.domain.products.service import product_label
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.domain.videos import repository as videos_repository
from buybuddy.errors import NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, record_audit, throw_away


async def remove_image(
    session: Session,
    product_id: uuid.UUID,
    image_id: uuid.UUID,
    version: int | None,
    actor: Actor,
    lock_token: int | None = None,
) -> Product:
    """Remove an image and its objects; after the primary one the best that is left is primary.

    A video that showed it shows another of its frames.

    Raises: NotFound, StaleVersion, ResourceLocked, LockLost.
    """
    await check_lock(session, "product", product_id, actor, lock_token)
    videos = await videos_repository.lock_by_product(session, product_id)  # first: as when a video is taken in
    product, image = await _lock(session, product_id, image_id, version, actor, lock_token)
    if image.photo_id is None:  # a photo goes back into the pool, with its objects
        for key in (image.storage_key, image.matte_key, image.thumbnail_key):
            if key is not None:
                throw_away(session, key)
    await session.delete(image)
    await session.flush()
    if product.primary_image_id == image_id:
        product.primary_image_id = await repository.find_best_image(session, product_id)
    for video in videos:
        if video.poster_key is not None and video.poster_key == image.thumbnail_key:
            left = await repository.list_images(session, product_id, video.id, 1)
            video.poster_key = left[0].thumbnail_key if left else None
            emit(session, "video", {"id": str(video.id), "change": "updated"})
    return await _changed(session, product, "product.image_delete", image, actor)


async def make_primary(
    session: Session,
    product_id: uuid.UUID,
    image_id: uuid.UUID,
    version: int | None,
    actor: Actor,
    lock_token: int | None = None,
) -> Product:
    """Make an image of a product the one that lists show.

    Raises: NotFound, StaleVersion, ResourceLocked, LockLost.
    """
    product, image = await _lock(session, product_id, image_id, version, actor, lock_token)
    if product.primary_image_id == image_id:
        return product
    product.primary_image_id = image_id
    return await _changed(session, product, "product.image_primary", image, actor)


async def _lock(
    session: Session,
    product_id: uuid.UUID,
    image_id: uuid.UUID,
    version: int | None,
    actor: Actor,
    lock_token: int | None,
) -> tuple[Product, ProductImage]:
    product = await service.lock_at_version(session, product_id, version, actor, lock_token)
    image = (await repository.images_by_id(session, [image_id])).get(image_id)
    if image is None or image.product_id != product_id:
        raise NotFound("This product has no such image.")
    return product, image


async def _changed(session: Session, product: Product, action: str, image: ProductImage, actor: Actor) -> Product:
    await session.flush()
    await session.refresh(product)
    after: dict[str, object] = {"image_id": str(image.id), "image_type": image.image_type}
    record_audit(session, actor, action, Subject("product", product.id, product_label(product)), after=after)
    emit(session, "product", {"id": str(product.id), "change": "updated"})
    return product
