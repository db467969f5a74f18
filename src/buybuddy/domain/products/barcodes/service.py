"""A product's barcodes: one belongs to one product, and one of a product's is its primary one.

Whoever changes them locks the product's row first, so that changes of one product follow one another.
"""

import uuid
from collections.abc import Sequence

from buybuddy.domain.products import service
from buybuddy.domain.products.barcodes import repository
from buybuddy.domain.products.repository import add_barcode as insert_barcode
from buybuddy.domain.products.service import product_label
from buybuddy.domain.products.tables import Product
from buybuddy.domain.videos.service import checked_barcode
from buybuddy.errors import Conflict, InvalidInput, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, record_audit


class BarcodeTaken(Conflict):
    """A barcode belongs to another product."""

    code = "BARCODE_TAKEN"


async def add_barcode(
    session: Session,
    product_id: uuid.UUID,
    barcode: str,
    version: int | None,
    actor: Actor,
    lock_token: int | None = None,
) -> Product:
    """Give a product a barcode, its primary one when it is the first; one that it has stays as it is.

    Raises: NotFound, StaleVersion, ResourceLocked, LockLost, InvalidInput, BarcodeTaken.
    """
    code = required_barcode(barcode)
    product = await service.lock_at_version(session, product_id, version, actor, lock_token)
    if await repository.find_barcode(session, product_id, code) is not None:
        return product
    if not await insert_barcode(session, product_id, code):
        raise await taken(session, [code], product_id)
    return await _changed(session, product, "product.barcode_add", code, actor)


async def remove_barcode(
    session: Session,
    product_id: uuid.UUID,
    barcode: str,
    version: int | None,
    actor: Actor,
    lock_token: int | None = None,
) -> Product:
    """Take a barcode from a product; after the primary one its oldest is primary.

    Raises: NotFound, StaleVersion, ResourceLocked, LockLost, InvalidInput.
    """
    product = await service.lock_at_version(session, product_id, version, actor, lock_token)
    found = await repository.find_barcode(session, product_id, required_barcode(barcode))
    if found is None:
        raise NotFound(f"This product does not have the barcode {barcode}.")
    was_primary, code = found.is_primary, found.barcode
    await repository.remove_barcode(session, code)
    if was_primary and (oldest := await repository.find_oldest(session, product_id)) is not None:
        await repository.make_primary(session, product_id, oldest)
    return await _changed(session, product, "product.barcode_remove", code, actor)


async def make_primary(
    session: Session,
    product_id: uuid.UUID,
    barcode: str,
    version: int | None,
    actor: Actor,
    lock_token: int | None = None,
) -> Product:
    """Make a barcode of a product its primary one.

    Raises: NotFound, StaleVersion, ResourceLocked, LockLost, InvalidInput.
    """
    product = await service.lock_at_version(session, product_id, version, actor, lock_token)
    found = await repository.find_barcode(session, product_id, required_barcode(barcode))
    if found is None:
        raise NotFound(f"This product does not have the barcode {barcode}.")
    if found.is_primary:
        return product
    await repository.make_primary(session, product_id, found.barcode)
    return await _changed(session, product, "product.barcode_primary", found.barcode, actor)


def required_barcode(barcode: str) -> str:
    """Return a barcode as products have it. Raises: InvalidInput."""
    checked = checked_barcode(barcode)
    if checked is None:
        raise InvalidInput("A barcode is digits and letters, at least one.")
    return checked


async def taken(session: Session, barcodes: Sequence[str], wanted_by: uuid.UUID) -> BarcodeTaken:
    """Build the refusal that says which other product has which barcode; the first one's is also named by itself."""
    owners = await repository.find_owners(session, barcodes, wanted_by)
    listed = [
        {"barcode": barcode, "product_id": str(product.id), "label": product_label(product)}
        for barcode, product in sorted(owners.items(), key=lambda item: item[0])
    ]
    said = "; ".join(f"{one['barcode']} belongs to {one['label']}" for one in listed) or "A barcode was just taken"
    return BarcodeTaken(f"{said}.", barcodes=listed, **(listed[0] if listed else {}))


async def _changed(session: Session, product: Product, action: str, code: str, actor: Actor) -> Product:
    before: dict[str, object] = {"barcodes": list(product.barcodes)}
    await session.refresh(product)  # triggers carry barcodes to it and move its version
    after: dict[str, object] = {"barcode": code, "barcodes": list(product.barcodes)}
    subject = Subject("product", product.id, product_label(product))
    record_audit(session, actor, action, subject, before=before, after=after)
    emit(session, "product", {"id": str(product.id), "change": "updated"})
    return product
