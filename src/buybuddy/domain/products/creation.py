"""Products that a person makes by hand."""

from typing import Any

from buybuddy.domain.products import repository
from buybuddy.domain.products.barcodes import repository as barcode_repository
from buybuddy.domain.products.barcodes import service as barcode_service
from buybuddy.domain.products.schemas import ProductNew
from buybuddy.domain.products.service import product_label
from buybuddy.domain.products.tables import Product
from buybuddy.errors import Conflict, Unavailable
from buybuddy.infra.db import Actor, Session, Subject, emit, new_id, record_audit


async def create_product(session: Session, wanted: ProductNew, actor: Actor) -> tuple[Product, bool]:
    """Make a product; with an id that the client chose, the same one sent again is the one that is there.

    Returns: the product, and whether it is new.
    Raises: InvalidInput, BarcodeTaken, Conflict when the id is another product's.
    """
    barcodes = list(dict.fromkeys(barcode_service.required_barcode(barcode) for barcode in wanted.barcodes))
    product_id = wanted.id or new_id()
    given = wanted.model_dump(exclude={"id", "barcodes"}, exclude_none=True)
    edited = sorted(given.keys() & wanted.model_fields_set - {"status"})  # a video read later leaves them alone
    is_new = await repository.insert_product(session, id=product_id, edited_fields=edited, frame_count=0, **given)
    if is_new and barcodes and not await barcode_repository.add_barcodes(session, product_id, barcodes):
        raise await barcode_service.taken(session, barcodes, product_id)
    product = await repository.lock_product(session, product_id)
    if product is None:
        raise Unavailable("A product of this id was just removed; try again.")
    if not is_new:
        if _is_other(product, given, barcodes):
            raise Conflict("Another product has this id.", product_id=str(product_id), label=product_label(product))
        return product, False
    subject = Subject("product", product.id, product_label(product))
    record_audit(session, actor, "product.create", subject, after={**given, "barcodes": barcodes})
    emit(session, "product", {"id": str(product.id), "change": "created"})
    return product, True


def _is_other(product: Product, given: dict[str, Any], barcodes: list[str]) -> bool:
    return (
        product.barcodes[:1] != barcodes[:1]
        or set(product.barcodes) != set(barcodes)
        or any(getattr(product, name) != value for name, value in given.items())
    )
