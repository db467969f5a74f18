"""Approvals that an import brings: photos with the barcode of what they show."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from buybuddy.domain.collaboration.locks.service import check_lock
from buybuddy.domain.matching.decisions import repository
from buybuddy.domain.matching.decisions.service import approve_locked
from buybuddy.domain.matching.rules import DEFAULT_THRESHOLD, barcode_variants
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.products.tables import Product
from buybuddy.errors import ResourceLocked
from buybuddy.infra.db import Actor, Session


@dataclass(frozen=True)
class Outcome:
    photo_id: uuid.UUID
    status: Literal["assigned", "unchanged", "refused"]
    reason: str | None = None


async def assign_by_barcode(session: Session, pairs: Sequence[tuple[uuid.UUID, str]], actor: Actor) -> list[Outcome]:
    """Approve each photo for the product with its barcode; what cannot be is answered with its reason.

    A list does not overrule who has rejected a pair. Products whose matching somebody else has locked are left alone.
    """
    owners = await _find_owners(session, [barcode for _, barcode in pairs])
    outcomes: dict[uuid.UUID, Outcome] = {}
    wanted: dict[uuid.UUID, list[uuid.UUID]] = {}
    for photo_id, barcode in pairs:
        owner = owners.get(barcode)
        if owner is None:
            outcomes[photo_id] = Outcome(photo_id, "refused", f"No product has the barcode {barcode}.")
        else:
            wanted.setdefault(owner, []).append(photo_id)
    # Every lock in the order of service.py: the gates, the products, the photos.
    locked = {product_id: await _lock_product(session, product_id, actor) for product_id in sorted(wanted)}
    photos = await repository.lock_photos(session, [photo_id for photo_id, _ in pairs])
    for product_id, product in locked.items():
        if isinstance(product, Product):
            outcomes |= await _assign(session, product, wanted[product_id], photos, actor)
        else:
            outcomes |= {photo_id: Outcome(photo_id, "refused", product) for photo_id in wanted[product_id]}
    return [outcomes[photo_id] for photo_id, _ in pairs]


async def _lock_product(session: Session, product_id: uuid.UUID, actor: Actor) -> Product | str:
    """Lock a product's row, or return why its photos cannot be decided about."""
    try:
        await check_lock(session, "matching", product_id, actor, None)
    except ResourceLocked as locked:
        return locked.detail
    return await products_repository.lock_product(session, product_id) or "The product was removed."


async def _find_owners(session: Session, barcodes: Sequence[str]) -> dict[str, uuid.UUID]:
    """Return whose each barcode is, however many leading zeros it was written with."""
    variants = {barcode: barcode_variants([barcode]) for barcode in barcodes}
    known = await repository.products_by_barcode(session, {one for several in variants.values() for one in several})
    found = {barcode: [known[one] for one in several if one in known] for barcode, several in variants.items()}
    return {barcode: owners[0] for barcode, owners in found.items() if owners}


async def _assign(
    session: Session, product: Product, photo_ids: Sequence[uuid.UUID], photos: dict[uuid.UUID, Photo], actor: Actor
) -> dict[uuid.UUID, Outcome]:
    outcomes, free = {}, []
    known = await repository.decisions_of_product(session, product.id, photo_ids)
    for photo_id in dict.fromkeys(photo_ids):
        photo, decided = photos.get(photo_id), known.get(photo_id)
        if photo is None:
            outcomes[photo_id] = Outcome(photo_id, "refused", "There is no such photo.")
        elif photo.product_id == product.id:
            outcomes[photo_id] = Outcome(photo_id, "unchanged")
        elif photo.status != "unassigned":
            what = "discarded" if photo.status == "discarded" else "assigned to another product"
            outcomes[photo_id] = Outcome(photo_id, "refused", f"The photo is {what} already.")
        elif decided is not None and decided.decision == "rejected":
            by = decided.user_name
            outcomes[photo_id] = Outcome(photo_id, "refused", f"{by} has said that it does not show this product.")
        else:
            free.append(photo)
            outcomes[photo_id] = Outcome(photo_id, "assigned")
    if free:
        await approve_locked(session, product, free, actor, "import", DEFAULT_THRESHOLD)
    return outcomes
