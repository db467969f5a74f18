"""HTTP of the queue."""

from typing import Annotated

from fastapi import APIRouter, Query

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.matching import answers
from buybuddy.domain.matching.queue import repository, service
from buybuddy.domain.matching.queue.schemas import MatchingProgress
from buybuddy.domain.matching.rules import barcode_variants
from buybuddy.domain.matching.schemas import QueueRow
from buybuddy.domain.products.lists.filters import ProductStatus
from buybuddy.infra.http import Page, PlatformDep, SessionDep, WindowQuery, page_of

router = APIRouter(tags=["matching"])


@router.get("/queue", operation_id="listMatchingQueue")
async def list_matching_queue(
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    window: WindowQuery,
    status: Annotated[ProductStatus, Query()] = "needs_matching",
    barcode: Annotated[str | None, Query(max_length=32, description="A whole barcode of the product.")] = None,
    search: Annotated[
        str | None, Query(max_length=200, description="Beginnings of words or of any barcode, as for products.")
    ] = None,
) -> Page[QueueRow]:
    """List products, those first whose candidates promise the most matches.

    Every product that needs matching is in it; of other statuses those that have undecided candidates.
    """
    barcodes = None if barcode is None else barcode_variants([barcode])
    found = await repository.list_queue(session, status, barcodes, search, window)
    return page_of(await answers.show_queue(session, found.rows, platform), found, window)


@router.get("/progress", operation_id="getMatchingProgress")
async def get_matching_progress(_: Viewer, session: SessionDep) -> MatchingProgress:
    """Say how many decisions are left, who has made how many, and how long the rest will take at their pace."""
    return MatchingProgress.of(await service.measure_progress(session))
