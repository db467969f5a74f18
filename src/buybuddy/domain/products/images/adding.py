"""Making received pictures images of a product, and having them made searchable."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.rules import ACTIVE
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products import repository, service
from buybuddy.domain.products.images.receiving import Received, StoredImage
from buybuddy.domain.products.service import product_label
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.errors import Conflict, Unavailable
from buybuddy.infra.db import Actor, Session, Subject, emit, keep, record_audit, throw_away

# What follows when a product got images: a later step has them embedded (flow.py).
FollowImages = Callable[[Session, Sequence[ProductImage], Subject], Awaitable[Job | None]]


@dataclass(frozen=True)
class Edit:
    """Who changes a product, from which version, under which lock."""

    actor: Actor
    version: int | None = None
    lock_token: int | None = None


@dataclass(frozen=True)
class AddedImages:
    """A product with what was sent for it.

    Args:
        images: by SHA-256, those that were known before among them.
        new: ids of those that were not.
        job: embeds them; None when there is nothing to be embedded.
    """

    product: Product
    images: Mapping[str, ProductImage]
    new: frozenset[uuid.UUID]
    job: Job | None


async def add_images(
    session: Session,
    follow: FollowImages,
    product_id: uuid.UUID,
    received: Sequence[Received],
    image_type: str,
    edit: Edit,
) -> AddedImages:
    """Add what was stored to a product; the same bytes are one image of it, whoever sends them.

    A product without a primary image gets one, and a pending one that has a synthetic image can be matched.
    Raises: NotFound, StaleVersion, ResourceLocked, LockLost, Unavailable when storing took too long, Conflict when one
        that was known has just been removed.
    """
    await jobs_repository.lock_slots(session, "embedding_extraction")  # before the product's row: see jobs/service.py
    product = await service.lock_at_version(session, product_id, edit.version, edit.actor, edit.lock_token)
    hashes = [one.sha256 for one in received if one.sha256 is not None and one.reason is None]
    images = await repository.images_by_sha256(session, product_id, hashes)
    new: dict[str, ProductImage] = {}
    for one in received:
        if one.sha256 is None or one.reason is not None:
            continue
        if one.stored is None:
            if one.sha256 not in images:
                raise Conflict(f"{one.filename} was an image of this product until just now; send it again.")
        elif one.sha256 in images:  # somebody sent the same at the same moment, and was first
            throw_away(session, one.stored.prefix)
        elif await keep(session, one.stored.prefix):
            images[one.sha256] = new[one.sha256] = _row(product_id, one.stored, one.sha256, image_type)
        else:
            raise Unavailable("Storing the pictures took too long; send them again.")
    label = Subject("product", product.id, product_label(product))
    if new:
        session.add_all(new.values())
        await _follow_in_product(session, product, list(new.values()), image_type, edit.actor)
        job = await follow(session, list(new.values()), label)
    else:
        job = await _job_of_known(session, follow, list(images.values()), label)
    return AddedImages(product, images, frozenset(image.id for image in new.values()), job)


def _row(product_id: uuid.UUID, stored: StoredImage, sha256: str, image_type: str) -> ProductImage:
    return ProductImage(
        id=stored.id,
        product_id=product_id,
        image_type=image_type,
        source="upload",
        storage_key=stored.key,
        matte_key=stored.facts.matte_key,
        thumbnail_key=stored.facts.thumbnail_key,
        width_px=stored.facts.width_px,
        height_px=stored.facts.height_px,
        size_bytes=stored.size_bytes,
        sha256=sha256,
    )


async def _follow_in_product(
    session: Session, product: Product, images: Sequence[ProductImage], image_type: str, actor: Actor
) -> None:
    if product.primary_image_id is None:
        product.primary_image_id = images[0].id
    if image_type == "synthetic" and product.status == "pending":
        product.status = "needs_matching"
    await session.flush()
    await session.refresh(product)  # triggers count its images and move its version
    after: dict[str, object] = {"image_ids": [str(image.id) for image in images], "image_type": image_type}
    record_audit(
        session, actor, "product.image_add", Subject("product", product.id, product_label(product)), after=after
    )
    emit(session, "product", {"id": str(product.id), "change": "updated"})


async def _job_of_known(
    session: Session, follow: FollowImages, images: Sequence[ProductImage], subject: Subject
) -> Job | None:
    """Return the job that still embeds images of the product; when the last one failed, they are embedded anew."""
    if not images or subject.id is None:
        return None
    latest = await jobs_repository.latest_by_subject(session, [subject.id], "embedding_extraction")
    job = latest.get(subject.id)
    if job is None or job.status == "completed":
        return None
    return job if job.status in ACTIVE else await follow(session, images, subject)
