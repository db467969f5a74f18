"""HTTP of the barcodes of a product."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from buybuddy.domain.accounts.access import Operator
from buybuddy.domain.collaboration.locks.service import LockLost
from buybuddy.domain.collaboration.tabs import LockToken
from buybuddy.domain.products.answers import show_product, shown_when_stale
from buybuddy.domain.products.barcodes import service
from buybuddy.domain.products.barcodes.service import BarcodeTaken
from buybuddy.domain.products.schemas import ProductOut
from buybuddy.errors import Conflict, InvalidInput, NotFound, ResourceLocked
from buybuddy.infra.http import IfMatch, PlatformDep, SessionDep, refusals

router = APIRouter(prefix="/products", tags=["products"])

BarcodePath = Annotated[str, Path(min_length=1, max_length=64, examples=["4006381333931"])]


class BarcodeNew(BaseModel):
    model_config = ConfigDict(extra="forbid")

    barcode: str = Field(
        min_length=1, max_length=64, description="Digits and letters, at most 32; spaces are left out, zeros are not."
    )


@router.post(
    "/{product_id}/barcodes",
    operation_id="addBarcode",
    responses=refusals(InvalidInput, NotFound, Conflict, LockLost, ResourceLocked, BarcodeTaken),
)
async def add_barcode(
    product_id: uuid.UUID,
    body: BarcodeNew,
    principal: Operator,
    session: SessionDep,
    platform: PlatformDep,
    response: Response,
    if_match: IfMatch = None,
    lock_token: LockToken = None,
) -> ProductOut:
    """Give a product a barcode, its primary one when it is the first; 409 names the product that has it."""
    async with shown_when_stale(session, product_id, platform):
        product = await service.add_barcode(session, product_id, body.barcode, if_match, principal.actor, lock_token)
    return await show_product(session, product, platform, response)


@router.delete(
    "/{product_id}/barcodes/{barcode}",
    operation_id="removeBarcode",
    responses=refusals(InvalidInput, NotFound, Conflict, LockLost, ResourceLocked),
)
async def remove_barcode(
    product_id: uuid.UUID,
    barcode: BarcodePath,
    principal: Operator,
    session: SessionDep,
    platform: PlatformDep,
    response: Response,
    if_match: IfMatch = None,
    lock_token: LockToken = None,
) -> ProductOut:
    """Take a barcode from a product; when it was the primary one, the oldest that is left is."""
    async with shown_when_stale(session, product_id, platform):
        product = await service.remove_barcode(session, product_id, barcode, if_match, principal.actor, lock_token)
    return await show_product(session, product, platform, response)


@router.post(
    "/{product_id}/barcodes/{barcode}/primary",
    operation_id="makeBarcodePrimary",
    responses=refusals(InvalidInput, NotFound, Conflict, LockLost, ResourceLocked),
)
async def make_barcode_primary(
    product_id: uuid.UUID,
    barcode: BarcodePath,
    principal: Operator,
    session: SessionDep,
    platform: PlatformDep,
    response: Response,
    if_match: IfMatch = None,
    lock_token: LockToken = None,
) -> ProductOut:
    """Make a barcode the one that lists and exports show."""
    async with shown_when_stale(session, product_id, platform):
        product = await service.make_primary(session, product_id, barcode, if_match, principal.actor, lock_token)
    return await show_product(session, product, platform, response)
