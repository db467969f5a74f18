"""HTTP of downloads and exports of products: streamed, from one snapshot, whatever their size."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from buybuddy.domain.accounts.access import Principal, Viewer
from buybuddy.domain.products.exports import service as exports
from buybuddy.domain.products.exports.schemas import DownloadRequest, ExportRequest
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.domain.products.routes import FiltersQuery
from buybuddy.errors import NotFound
from buybuddy.infra.http import Platform, PlatformDep, refusals
from buybuddy.infra.http.streaming import StreamedFile, TooManyStreams, stream_file

router = APIRouter(prefix="/products", tags=["products"])

ZIP_TYPE, CSV_TYPE, JSON_TYPE, LINES_TYPE = "application/zip", "text/csv", "application/json", "application/x-ndjson"


def _answers(*media_types: str) -> dict[int | str, dict[str, Any]]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": "The file, streamed.", "content": dict.fromkeys(media_types, binary)}}


JSON_ANSWERS = _answers(JSON_TYPE, LINES_TYPE)
JSON_ANSWERS[200]["content"][JSON_TYPE] = {"schema": {"type": "array", "items": {"type": "object"}}}


@router.get(
    "/download/all",
    operation_id="downloadProducts",
    response_class=StreamingResponse,
    responses=_answers(ZIP_TYPE) | refusals(exports.ArchiveTooLarge, TooManyStreams),
)
async def download_products(principal: Viewer, platform: PlatformDep, filters: FiltersQuery) -> StreamedFile:
    """Download a ZIP with a folder for every product that fits the filters: its images, mattes and metadata.json."""
    return await _archive(platform, principal, filters)


@router.post(
    "/download",
    operation_id="downloadChosenProducts",
    response_class=StreamingResponse,
    responses=_answers(ZIP_TYPE) | refusals(NotFound, exports.ArchiveTooLarge, TooManyStreams),
)
async def download_chosen_products(principal: Viewer, platform: PlatformDep, body: DownloadRequest) -> StreamedFile:
    """Download a ZIP with a folder for each of these products; 404 names those that do not exist."""
    return await _archive(platform, principal, body.product_ids)


@router.get(
    "/{product_id}/download",
    operation_id="downloadProduct",
    response_class=StreamingResponse,
    responses=_answers(ZIP_TYPE) | refusals(NotFound, exports.ArchiveTooLarge, TooManyStreams),
)
async def download_product(product_id: uuid.UUID, principal: Viewer, platform: PlatformDep) -> StreamedFile:
    """Download a product as a ZIP: synthetic/, real/, augmented/, mattes/ and metadata.json.

    What storage does not have is left out and listed in MISSING.txt.
    """
    await exports.begin_export(platform.db, [product_id], "zip", principal.actor)
    chunks = exports.stream_archive(platform.db, platform.storage, [product_id], has_folders=False)
    return await stream_file(chunks, filename=f"product-{product_id}.zip", media_type=ZIP_TYPE)


@router.post(
    "/export/csv",
    operation_id="exportProductsCsv",
    response_class=StreamingResponse,
    responses=_answers(CSV_TYPE) | refusals(NotFound, TooManyStreams),
)
async def export_products_csv(principal: Viewer, platform: PlatformDep, body: ExportRequest) -> StreamedFile:
    """Export products as CSV: UTF-8 with a byte order mark; cells that spreadsheets take for formulas are defused."""
    chosen = _chosen(body)
    await exports.begin_export(platform.db, chosen, "csv", principal.actor)
    return await stream_file(exports.stream_csv(platform.db, chosen), filename=_dated("csv"), media_type=CSV_TYPE)


@router.post(
    "/export/json",
    operation_id="exportProductsJson",
    response_class=StreamingResponse,
    responses=JSON_ANSWERS | refusals(NotFound, TooManyStreams),
)
async def export_products_json(
    principal: Viewer,
    platform: PlatformDep,
    body: ExportRequest,
    form: Annotated[
        Literal["json", "ndjson"], Query(alias="format", description="ndjson: one object a line.")
    ] = "json",
    accept: Annotated[str, Header(max_length=500, include_in_schema=False)] = "",
) -> StreamedFile:
    """Export products as a JSON array, or one object a line (`format=ndjson`, or Accept: application/x-ndjson)."""
    chosen, is_lines = _chosen(body), form == "ndjson" or LINES_TYPE in accept
    await exports.begin_export(platform.db, chosen, "ndjson" if is_lines else "json", principal.actor)
    chunks = exports.stream_json(platform.db, chosen, is_lines=is_lines)
    suffix, media_type = ("ndjson", LINES_TYPE) if is_lines else ("json", JSON_TYPE)
    return await stream_file(chunks, filename=_dated(suffix), media_type=media_type)


async def _archive(
    platform: Platform, principal: Principal, chosen: Sequence[uuid.UUID] | ProductFilters
) -> StreamedFile:
    await exports.begin_export(platform.db, chosen, "zip", principal.actor)
    chunks = exports.stream_archive(platform.db, platform.storage, chosen)
    return await stream_file(chunks, filename=_dated("zip"), media_type=ZIP_TYPE)


def _chosen(body: ExportRequest) -> Sequence[uuid.UUID] | ProductFilters:
    return body.product_ids if body.product_ids is not None else body.filters or ProductFilters()


def _dated(suffix: str) -> str:
    return f"products-{dt.datetime.now(dt.UTC):%Y-%m-%d}.{suffix}"
