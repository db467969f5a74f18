"""Approve, reject, skip, undo: under the matching lock, each whole or not at all, and a photo has one product at most.

Locks are taken in one order by everybody: the gate of the matching lock, the product, the photos by their ids. Of two
people who approve one photo at the same moment the second finds it assigned, and is shown who did it.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from buybuddy.domain.collaboration.locks.service import check_lock
from buybuddy.domain.matching.candidates import repository as candidates
from buybuddy.domain.matching.decisions import repository
from buybuddy.domain.matching.rules import DEFAULT_THRESHOLD, Decision, Tier, barcode_variants
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.products.service import product_label
from buybuddy.domain.products.tables import Product
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors.views import views_of_product
from buybuddy.errors import Conflict, NotFound, PreconditionRequired
from buybuddy.infra.db import Actor, Session, Subject, emit, record_audit


class PhotoTaken(Conflict):
    """A photo was assigned to another product, or discarded, meanwhile; nothing was written."""

    code = "PHOTO_TAKEN"


class AlreadyApproved(Conflict):
    """A photo that is a real image of the product cannot be rejected or skipped; undo the approval first."""

    code = "ALREADY_APPROVED"


@dataclass(frozen=True)
class Decided:
    """What a request has changed; photos that already were as it asks are not among them."""

    photo_ids: list[uuid.UUID] = field(default_factory=list)
    real_count: int = 0
    status: str = ""


async def approve(
    session: Session,
    product_id: uuid.UUID,
    photo_ids: Collection[uuid.UUID],
    actor: Actor,
    lock_token: int | None,
    threshold: float,
) -> Decided:
    """Make photos, and the open ones of their groups, real images of a product.

    Raises: NotFound, PhotoTaken with whose they are, PreconditionRequired without a token, ResourceLocked, LockLost.
    """
    product = await _lock_product(session, product_id, actor, lock_token)
    photos = await repository.lock_with_groups(session, photo_ids)
    _refuse_missing(photos, photo_ids)
    await _refuse_taken(session, product_id, [photos[photo_id] for photo_id in photo_ids])
    refused = await repository.decisions_of_product(session, product_id, photos.keys() - set(photo_ids))
    wanted = [photo for photo in photos.values() if photo.status == "unassigned" and photo.id not in refused]
    return await approve_locked(session, product, wanted, actor, "person", threshold)


async def approve_locked(
    session: Session, product: Product, wanted: Sequence[Photo], actor: Actor, origin: str, threshold: float
) -> Decided:
    """Approve locked open photos for a locked product, whoever or whatever decided so."""
    if not wanted:
        return Decided([], product.real_count, product.status)
    await _write(session, product, wanted, "approved", actor, origin, threshold)
    await repository.assign(session, product.id, wanted)
    return await _tell(session, product, [photo.id for photo in wanted], "match.approve", actor)


async def decide_against(
    session: Session,
    product_id: uuid.UUID,
    photo_ids: Collection[uuid.UUID],
    decision: Decision,
    actor: Actor,
    lock_token: int | None,
    threshold: float,
) -> Decided:
    """Reject or skip photos, and the open ones of their groups, for a product; a rejected pair never comes back.

    Raises: NotFound, AlreadyApproved, PreconditionRequired without a token, ResourceLocked, LockLost.
    """
    product = await _lock_product(session, product_id, actor, lock_token)
    photos = await repository.lock_with_groups(session, photo_ids)
    _refuse_missing(photos, photo_ids)
    if own := [photo for photo in photos.values() if photo.product_id == product_id]:
        raise AlreadyApproved(
            f"{own[0].name} is a real image of this product; undo its approval first.",
            photo_ids=[str(photo.id) for photo in own],
        )
    known = await repository.decisions_of_product(session, product_id, photos)
    wanted = [
        photo
        for photo in photos.values()
        if photo.id not in known or (photo.id in set(photo_ids) and known[photo.id].decision != decision)
    ]
    if not wanted:
        return Decided([], product.real_count, product.status)
    await _write(session, product, wanted, decision, actor, "person", threshold)
    action = "match.reject" if decision == "rejected" else "match.skip"
    return await _tell(session, product, [photo.id for photo in wanted], action, actor)


async def undo(
    session: Session, product_id: uuid.UUID, photo_ids: Collection[uuid.UUID], actor: Actor, lock_token: int | None
) -> Decided:
    """Take decisions back, whoever made them: approved photos are open again, others come up again.

    Raises: NotFound, PreconditionRequired without a token, ResourceLocked, LockLost.
    """
    product = await _lock_product(session, product_id, actor, lock_token)
    photos = await repository.lock_photos(session, photo_ids)
    _refuse_missing(photos, photo_ids)
    known = await repository.decisions_of_product(session, product_id, photo_ids)
    taken_back = await repository.take_back(session, product_id, photo_ids)
    await repository.remove_decisions(session, product_id, photo_ids)
    undone = sorted(taken_back | known.keys())
    if not undone:
        return Decided([], product.real_count, product.status)
    await session.refresh(product)
    if product.primary_image_id is None:
        product.primary_image_id = await products_repository.find_best_image(session, product_id)
    return await _tell(session, product, undone, "match.undo", actor)


async def reverse_approvals(
    session: Session, product: Product, photo_ids: Collection[uuid.UUID], actor: Actor
) -> Decided:
    """Take approvals of a locked product back, and record the pairs as rejected by who found them wrong."""
    photos = await repository.lock_photos(session, photo_ids)
    await repository.take_back(session, product.id, photo_ids)
    await session.refresh(product)
    if product.primary_image_id is None:
        product.primary_image_id = await products_repository.find_best_image(session, product.id)
    await _write(session, product, list(photos.values()), "rejected", actor, "person", DEFAULT_THRESHOLD)
    return await _tell(session, product, list(photos), "match.reject", actor)


async def _lock_product(session: Session, product_id: uuid.UUID, actor: Actor, lock_token: int | None) -> Product:
    if lock_token is None:
        raise PreconditionRequired("Take the matching lock of this product first, and send its token as Lock-Token.")
    await check_lock(session, "matching", product_id, actor, lock_token)
    product = await products_repository.lock_product(session, product_id)
    if product is None:
        raise NotFound("There is no such product.")
    return product


def _refuse_missing(photos: dict[uuid.UUID, Photo], photo_ids: Collection[uuid.UUID]) -> None:
    if missing := [str(photo_id) for photo_id in photo_ids if photo_id not in photos]:
        raise NotFound("There is no such photo, or no longer.", photo_ids=missing)


async def _refuse_taken(session: Session, product_id: uuid.UUID, wanted: Sequence[Photo]) -> None:
    """Raises: PhotoTaken, with who decided what about each photo that is no longer to be had."""
    taken = [photo for photo in wanted if photo.status == "discarded" or photo.product_id not in (None, product_id)]
    if not taken:
        return
    approvals = await repository.approvals_of(session, [photo.id for photo in taken])
    products = await products_repository.products_by_id(
        session, [photo.product_id for photo in taken if photo.product_id is not None]
    )
    conflicts = []
    for photo in taken:
        approval, owner = approvals.get(photo.id), products.get(photo.product_id) if photo.product_id else None
        conflicts.append(
            {
                "photo_id": str(photo.id),
                "status": photo.status,
                "product_id": str(photo.product_id) if photo.product_id else None,
                "product": product_label(owner) if owner is not None else None,
                "decided_by": approval.user_name if approval is not None else None,
                "decided_at": approval.decided_at.isoformat() if approval is not None else None,
            }
        )
    first = conflicts[0]
    what = "was discarded" if first["product"] is None else f"was approved for {first['product']}"
    by = f" by {first['decided_by']}" if first["decided_by"] else ""
    more = f", and {len(conflicts) - 1} more are taken" if len(conflicts) > 1 else ""
    raise PhotoTaken(f"{taken[0].name} {what}{by} meanwhile{more}; nothing was written.", conflicts=conflicts)


async def _write(
    session: Session,
    product: Product,
    photos: Sequence[Photo],
    decision: Decision,
    actor: Actor,
    origin: str,
    threshold: float,
) -> None:
    """Write decisions with what spoke for each pair at this moment."""
    encoder = await vectors_repository.find_serving(session)
    similarities: dict[uuid.UUID, float] = {}
    if encoder is not None:
        views = await views_of_product(session, encoder.id, product.id)
        vectors = await candidates.photo_vectors(session, encoder.id, [photo.id for photo in photos])
        if len(views):
            similarities = {photo_id: float(np.max(views.vectors @ vector)) for photo_id, vector in vectors.items()}
    suggested = await repository.suggested_similarities(session, encoder, [photo.id for photo in photos])
    barcodes = set(barcode_variants(product.barcodes))
    rows: list[dict[str, object]] = []
    for photo in photos:
        similarity = similarities.get(photo.id)
        others = [value for other, value in suggested.get(photo.id, []) if other != product.id]
        rows.append(
            {
                "product_id": product.id,
                "photo_id": photo.id,
                "decision": decision,
                "similarity": similarity,
                "margin": similarity - max(others) if similarity is not None and others else None,
                "tier": _tier(photo, barcodes, similarity, threshold),
                "origin": origin,
                "encoder_id": encoder.id if similarity is not None and encoder is not None else None,
                "user_id": actor.id,
                "user_name": actor.name,
            }
        )
    await repository.write_decisions(session, rows)


def _tier(photo: Photo, barcodes: set[str], similarity: float | None, threshold: float) -> Tier:
    if photo.barcode in barcodes or not barcodes.isdisjoint(photo.barcodes_seen):
        return "both" if similarity is not None and similarity >= threshold else "barcode"
    return "similarity"


async def _tell(session: Session, product: Product, photo_ids: list[uuid.UUID], action: str, actor: Actor) -> Decided:
    """Tell everybody what was decided; the product's status has followed its real images by a trigger."""
    await session.flush()
    await session.refresh(product)
    subject = Subject("product", product.id, product_label(product))
    record_audit(session, actor, action, subject, after={"photo_ids": [str(photo_id) for photo_id in photo_ids]})
    change = {"product_id": str(product.id), "action": action, "n": len(photo_ids), "by": actor.name}
    emit(session, "matching", {"id": str(product.id), "change": "updated", **change})
    emit(session, "product", {"id": str(product.id), "change": "updated"})
    return Decided(photo_ids, product.real_count, product.status)
