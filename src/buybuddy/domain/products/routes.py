"""HTTP of products."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.collaboration.locks.service import LockLost
from buybuddy.domain.collaboration.tabs import LockToken
from buybuddy.domain.products import creation, service
from buybuddy.domain.products.answers import show_product, shown_when_stale
from buybuddy.domain.products.barcodes.service import BarcodeTaken
from buybuddy.domain.products.bulk import writes as bulk_writes
from buybuddy.domain.products.images import routes as image_routes
from buybuddy.domain.products.lists import facets
from buybuddy.domain.products.lists import repository as lists
from buybuddy.domain.products.lists.filters import ProductFilters, ProductSort, ProductStatus
from buybuddy.domain.products.schemas import (
    CategoryOut,
    ProductEdit,
    ProductFacetsOut,
    ProductNew,
    ProductOut,
    ProductPageOut,
    page_document,
)
from buybuddy.errors import Conflict, InvalidInput, NotFound, PreconditionRequired, ResourceLocked
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import (
    IfMatch,
    PlatformDep,
    SessionDep,
    WindowQuery,
    edited_version,
    refusals,
)

router = APIRouter(prefix="/products", tags=["products"])

SENT_BEFORE: dict[int | str, dict[str, Any]] = {
    200: {"model": ProductOut, "description": "The same product was sent before."}
}
EDIT_REFUSALS = refusals(NotFound, Conflict, LockLost, ResourceLocked, PreconditionRequired)
SEARCH_DESCRIPTION = "Beginnings of words of brand, name or variant, or of any barcode."


async def filters_query(
    search: Annotated[str | None, Query(max_length=200, description=SEARCH_DESCRIPTION)] = None,
    status: Annotated[ProductStatus | None, Query()] = None,
    category: Annotated[str | None, Query(max_length=300, description="Empty: products without one.")] = None,
) -> ProductFilters:
    """Return the filters of a request's query."""
    return ProductFilters(search=search, status=status, category=category)


FiltersQuery = Annotated[ProductFilters, Depends(filters_query)]


@router.get("", operation_id="listProducts", response_model=ProductPageOut, responses=refusals(BadCursor))
async def list_products(
    _: Viewer,
    platform: PlatformDep,
    filters: FiltersQuery,
    window: WindowQuery,
    sort: Annotated[ProductSort, Query()] = "-created_at",
) -> Response:
    """List products. Words are found by their beginnings, Turkish letters folded, typing errors forgiven."""
    page = await lists.list_rows(platform.reader, filters, sort, window)
    return Response(page_document(page, window, platform), media_type="application/json")


@router.post(
    "",
    operation_id="createProduct",
    status_code=201,
    responses=SENT_BEFORE | refusals(InvalidInput, Conflict, BarcodeTaken),
)
async def create_product(
    body: ProductNew,
    principal: Operator,
    session: SessionDep,
    platform: PlatformDep,
    request: Request,
    response: Response,
) -> ProductOut:
    """Make a product by hand; 409 says which barcode belongs to which product already."""
    product, is_new = await creation.create_product(session, body, principal.actor)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = str(request.app.url_path_for("get_product", product_id=str(product.id)))
    return await show_product(session, product, platform, response)


@router.get("/categories", operation_id="listCategories")
async def list_categories(_: Viewer, platform: PlatformDep) -> list[CategoryOut]:
    """List the categories that products have, with how many have each."""
    counted = await facets.count_by_category(platform.reader)
    return [CategoryOut(category=category, count=count) for category, count in counted]


@router.get("/facets", operation_id="getProductFacets")
async def get_product_facets(_: Viewer, platform: PlatformDep, filters: FiltersQuery) -> ProductFacetsOut:
    """Say how many products each filter value would show, the other filters and the search applied."""
    return await service.read_facets(platform.reader, filters)


@router.get("/{product_id}", operation_id="getProduct", responses=refusals(NotFound))
async def get_product(
    product_id: uuid.UUID, _: Viewer, session: SessionDep, platform: PlatformDep, response: Response
) -> ProductOut:
    """Return one product; its ETag is its version."""
    product = await service.get_product(session, product_id)
    return await show_product(session, product, platform, response)


@router.patch(
    "/{product_id}",
    operation_id="editProduct",
    responses=refusals(NotFound, Conflict, LockLost, ResourceLocked, PreconditionRequired),
)
async def edit_product(
    product_id: uuid.UUID,
    body: ProductEdit,
    principal: Operator,
    session: SessionDep,
    platform: PlatformDep,
    response: Response,
    if_match: IfMatch = None,
    lock_token: LockToken = None,
) -> ProductOut:
    """Change fields of a product; 409, with the row as it is and who changed it, when it is not as it was read."""
    version = edited_version(body.version, if_match)
    async with shown_when_stale(session, product_id, platform):
        product = await service.edit_product(session, product_id, body, version, principal.actor, lock_token)
    return await show_product(session, product, platform, response)


@router.delete(
    "/{product_id}",
    operation_id="deleteProduct",
    status_code=204,
    responses=refusals(NotFound, Conflict, LockLost, ResourceLocked),
)
async def delete_product(
    product_id: uuid.UUID,
    principal: Operator,
    session: SessionDep,
    platform: PlatformDep,
    if_match: IfMatch = None,
    lock_token: LockToken = None,
) -> None:
    """Remove a product with its barcodes, images and stored objects; with If-Match only as it was read."""
    async with shown_when_stale(session, product_id, platform):
        await bulk_writes.remove_product(session, product_id, principal.actor, if_match, lock_token)


router.include_router(image_routes.router)
