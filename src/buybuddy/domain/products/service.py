"""The catalogue's use cases: take in what a video showed, edit, remove."""

import uuid
from dataclasses import dataclass

from buybuddy.domain.activity import repository as activity_repository
from buybuddy.domain.collaboration.locks.service import check_lock
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products import repository
from buybuddy.domain.products.bulk.rules import TEXT_FIELDS, text_or_none
from buybuddy.domain.products.lists.facets import count_facets
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.domain.products.schemas import FacetOut, ProductEdit, ProductFacetsOut
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.domain.videos import repository as videos_repository
from buybuddy.domain.videos.tables import Video
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, new_id, record_audit, throw_away
from buybuddy.infra.db.reader import Reader
from buybuddy.stages.specs import ProductMetadata, SegmentVideoResult


class StaleVersion(Conflict):
    """An edit of a row that is no longer as it was read; nothing was written."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A product after its video was taken in, with the images that are new."""

    product: Product
    new_images: list[ProductImage]


async def apply_segmentation(session: Session, job: Job, result: SegmentVideoResult) -> CatalogueEntry:
    """Put what a video showed into the catalogue: its product, its metadata, its frames in place of older ones.

    Raises: NotFound when the video is gone.
    """
    video = await videos_repository.lock_video(session, job.subject_id) if job.subject_id else None
    if video is None:
        raise NotFound("The video was removed while it was processed.")
    product, is_new, issues = await _product_of(session, video, result.metadata)
    _write_metadata(product, result.metadata, issues)
    images = await _replace_frames(session, product, video, job, result)
    await _choose_primary(session, product, images[result.primary_frame_index])
    if product.status in ("pending", "processing"):
        product.status = "needs_matching"
    poster = images[result.primary_frame_index].thumbnail_key
    video.product_id, video.status, video.error, video.poster_key = product.id, "completed", None, poster
    video.duration_s = result.video.duration_s
    video.width_px, video.height_px = result.video.width_px, result.video.height_px
    video.completed_at = job.completed_at
    emit(session, "video", {"id": str(video.id), "change": "updated"})
    emit(session, "product", {"id": str(product.id), "change": "created" if is_new else "updated"})
    subject = Subject("product", product.id, product_label(product))
    record_audit(session, Actor.platform(), "product.create" if is_new else "product.reprocess", subject)
    return CatalogueEntry(product, images)


async def _product_of(session: Session, video: Video, metadata: ProductMetadata) -> tuple[Product, bool, list[str]]:
    """Find the product that a video shows: the video's own, else the one with its barcode, else a new one."""
    barcode = video.barcode or metadata.specifications.identifiers.barcode
    product_id = video.product_id or (await repository.find_by_barcode(session, barcode) if barcode else None)
    product = await repository.lock_product(session, product_id) if product_id else None
    is_new = product is None
    if product is None:
        product = Product(id=new_id(), video_id=video.id, status="processing", frame_count=0, edited_fields=[])
        session.add(product)
        await session.flush()
    issues = []
    if barcode and not await repository.add_barcode(session, product.id, barcode):
        issues.append(f"The barcode {barcode} belongs to another product.")
    return product, is_new, issues


def _write_metadata(product: Product, metadata: ProductMetadata, issues: list[str]) -> None:
    """Write what was read; a field that a person has edited stays theirs."""
    read = {
        "brand_name": metadata.brand_info.brand_name,
        "sub_brand": metadata.brand_info.sub_brand,
        "manufacturer_country": metadata.brand_info.manufacturer_country,
        "product_name": metadata.product_identity.product_name,
        "variant_flavor": metadata.product_identity.variant_flavor,
        "category": metadata.product_identity.product_category,
        "container_type": metadata.product_identity.container_type,
        "net_quantity": metadata.specifications.net_quantity_text,
        "marketing_description": metadata.marketing_and_claims.marketing_description,
        "claims": list(metadata.marketing_and_claims.claims_list),
        "nutrition_facts": metadata.nutrition_facts.model_dump(),
        "grounding_prompt": metadata.visual_grounding.grounding_prompt,
    }
    for name, value in read.items():
        if name not in product.edited_fields:
            setattr(product, name, _fitting(name, value) if isinstance(value, str) else value)
    product.visibility_score = metadata.extraction_metadata.visibility_score
    product.issues_detected = [*metadata.extraction_metadata.issues_detected, *issues]
    product.barcodes_seen = list(metadata.barcodes_seen)
    product.metadata_reader = metadata.reader


def _fitting(name: str, text: str) -> str | None:
    """Return a text that was read as a person could have entered it; the index of words takes none of 2,047 bytes."""
    return text_or_none(text[: TEXT_FIELDS[name]])


async def _replace_frames(
    session: Session, product: Product, video: Video, job: Job, result: SegmentVideoResult
) -> list[ProductImage]:
    for key in await repository.remove_video_frames(session, video.id):
        throw_away(session, key)
    images = [
        ProductImage(
            id=new_id(),
            product_id=product.id,
            video_id=video.id,
            job_id=job.id,
            image_type="synthetic",
            source="video_frame",
            storage_key=frame.key,
            matte_key=frame.matte_key,
            thumbnail_key=frame.thumbnail_key,
            frame_index=frame.frame_index,
            video_time_s=frame.video_time_s,
            width_px=frame.width_px,
            height_px=frame.height_px,
            size_bytes=frame.size_bytes,
            sha256=frame.sha256,
            quality=frame.quality.model_dump(),
            producer=result.segmenter,
        )
        for frame in result.frames
    ]
    session.add_all(images)
    await session.flush()
    return images


async def _choose_primary(session: Session, product: Product, candidate: ProductImage) -> None:
    """Keep the primary image while it exists; a new one is needed when it was among the replaced frames."""
    if product.primary_image_id is not None:
        known = await repository.images_by_id(session, [product.primary_image_id])
        if known:
            return
    product.primary_image_id = candidate.id


async def get_product(session: Session, product_id: uuid.UUID) -> Product:
    """Raises: NotFound."""
    product = await repository.find_product(session, product_id)
    if product is None:
        raise NotFound("There is no such product.")
    return product


async def read_facets(reader: Reader, filters: ProductFilters) -> ProductFacetsOut:
    """Count products by status and by category; each count leaves its own filter out, so that it can be changed."""
    facets = await count_facets(reader, filters)
    return ProductFacetsOut(
        statuses=[FacetOut(value=value, count=n) for value, n in facets.statuses],
        categories=[FacetOut(value=value or None, count=n) for value, n in facets.categories],
        is_exact=facets.is_exact,
    )


async def lock_at_version(
    session: Session, product_id: uuid.UUID, version: int | None, actor: Actor, lock_token: int | None = None
) -> Product:
    """Lock the row of a product that is still at a version, or at any with None, and that nobody else is editing.

    Raises: NotFound, StaleVersion, ResourceLocked, LockLost.
    """
    await check_lock(session, "product", product_id, actor, lock_token)
    product = await repository.lock_product(session, product_id)
    if product is None:
        raise NotFound("There is no such product.")
    if version is not None and product.version != version:
        changed_by = await activity_repository.find_last_change(session, "product", product.id)
        raise StaleVersion(
            "Somebody else has changed this product since you opened it.",
            current_version=product.version,
            changed_by=changed_by.actor_name if changed_by else None,
            changed_at=product.updated_at.isoformat(),
        )
    return product


async def edit_product(
    session: Session,
    product_id: uuid.UUID,
    edit: ProductEdit,
    version: int,
    actor: Actor,
    lock_token: int | None = None,
) -> Product:
    """Change a product that is still at the version that was read.

    Raises: NotFound, StaleVersion when it is not, ResourceLocked, LockLost.
    """
    product = await lock_at_version(session, product_id, version, actor, lock_token)
    changes = edit.model_dump(exclude_unset=True, exclude={"version"})
    changes = {name: value for name, value in changes.items() if value is not None or name not in ("status", "claims")}
    if not changes:
        return product
    before = {name: getattr(product, name) for name in changes}
    for name, value in changes.items():
        setattr(product, name, value if value is not None or name != "nutrition_facts" else {})
    product.edited_fields = sorted({*product.edited_fields, *changes} - {"status"})
    await session.flush()
    await session.refresh(product)
    record_audit(
        session,
        actor,
        "product.edit",
        Subject("product", product.id, product_label(product)),
        before=before,
        after=changes,
    )
    emit(session, "product", {"id": str(product.id), "change": "updated"})
    return product


def product_label(product: Product) -> str:
    """Return what a person would call the product."""
    parts = [part for part in (product.brand_name, product.product_name, product.variant_flavor) if part]
    return " ".join(parts) or "unnamed product"
