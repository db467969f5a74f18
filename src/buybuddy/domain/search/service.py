"""Search by photo: embed it in a process of its own, rank products by their nearest image."""

import asyncio
import time

import structlog

from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.search.schemas import SearchEncoder, SearchOut, SearchResult
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors import service as vectors_service
from buybuddy.errors import StageFailed, Unavailable
from buybuddy.infra.db import Session, new_id, throw_away
from buybuddy.infra.http import Platform
from buybuddy.infra.storage import object_key
from buybuddy.stages.specs import EmbedQueryResult, EmbedQuerySpec, EncoderName

QUERY_DEADLINE_S = 60.0

log = structlog.get_logger(__name__)


class QueryListener:
    """A query is over before its progress would be of use; its log lines go to our log."""

    def on_progress(self, fraction: float, step: str) -> None: ...

    def on_log(self, level: str, event: str, fields: dict[str, object]) -> None:
        log.info("query.log", stage_event=event, **fields)


async def search_by_photo(platform: Platform, photo: bytes, k: int) -> SearchOut:
    """Find the products that a photo shows, nearest first. Raises: UnreadableMedia, Unavailable."""
    started_s = time.monotonic()
    async with platform.db.transaction() as session:
        serving = await vectors_service.serving_name(session)
    query = await _embed(platform, photo, serving)
    async with platform.db.transaction() as session:
        encoder = await vectors_repository.find_encoder(session, query.encoder)
        matches = await vectors_repository.rank_products(session, encoder.id, query.vectors, k) if encoder else []
        n_vectors = await vectors_repository.count_embeddings(session, encoder.id) if encoder else 0
        results = await _describe(session, matches, platform)
    return SearchOut(
        results=results,
        encoder=SearchEncoder(**query.encoder.model_dump(exclude={"weights_sha256"})),
        product_box_xyxy=query.product_box_xyxy,
        barcodes_seen=list(query.barcodes_seen),
        n_vectors=n_vectors,
        seconds=round(time.monotonic() - started_s, 3),
    )


async def _embed(platform: Platform, photo: bytes, encoder: EncoderName) -> EmbedQueryResult:
    """Run the query stage on a copy of the photo that is removed again whatever happens."""
    query_id = new_id()
    prefix = object_key("real-images", "queries", query_id) + "/"
    photo_key = f"{prefix}photo"
    async with platform.db.transaction() as session:
        throw_away(session, prefix, after_s=2 * QUERY_DEADLINE_S)  # should this process die meanwhile
    await asyncio.to_thread(platform.storage.put, photo_key, photo)
    try:
        async with asyncio.timeout(QUERY_DEADLINE_S):
            result = await platform.queries.run(
                EmbedQuerySpec(photo_key=photo_key, output_prefix=prefix, encoder=encoder),
                attempt_id=f"query/{query_id}",
                listener=QueryListener(),
                cancel=asyncio.Event(),
            )
    except TimeoutError as error:
        raise Unavailable("The search took too long; try again.") from error
    finally:
        await asyncio.to_thread(platform.storage.delete_prefix, prefix)
    if not isinstance(result, EmbedQueryResult):
        raise StageFailed("The query stage answered with something else.")
    return result


async def _describe(
    session: Session, matches: list[vectors_repository.ProductMatch], platform: Platform
) -> list[SearchResult]:
    product_ids = [match.product_id for match in matches]
    products = await products_repository.products_by_id(session, product_ids)
    barcodes = await products_repository.barcodes_of(session, product_ids)
    images = await products_repository.images_by_id(session, [match.image_id for match in matches])
    results = []
    for match in matches:
        product, image = products[match.product_id], images[match.image_id]
        results.append(
            SearchResult(
                product_id=product.id,
                barcode=next((row.barcode for row in barcodes[product.id] if row.is_primary), None),
                product_name=product.product_name,
                brand_name=product.brand_name,
                variant_flavor=product.variant_flavor,
                similarity=round(match.similarity, 4),
                image_id=image.id,
                image_url=platform.links.sign(image.storage_key),
                thumbnail_url=platform.link(image.thumbnail_key),
            )
        )
    return results
