"""Search by photo: embed it in a process of its own, rank products by their nearest image."""

import asyncio
import time
import uuid

import structlog

from buybuddy.domain.embeddings import repository as embeddings_repository
from buybuddy.domain.embeddings import searching
from buybuddy.domain.embeddings.activation import OtherEncoder, check_ready
from buybuddy.domain.embeddings.service import get_index
from buybuddy.domain.embeddings.shelf import IndexShelf, Shelved
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.search.schemas import SearchEncoder, SearchIndex, SearchOut, SearchResult
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors import service as vectors_service
from buybuddy.domain.vectors.encoders.service import encoder_name
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


async def search_by_photo(
    platform: Platform, shelf: IndexShelf, photo: bytes, k: int, index_id: uuid.UUID | None = None
) -> SearchOut:
    """Find the products that a photo shows, nearest first.

    Args:
        index_id: a published index to look into; else the one that serves does, when it is of the query's encoder, and
            otherwise the living vectors.
    Raises: UnreadableMedia, Unavailable, and for a chosen index NotFound, NotReady, OtherEncoder, IndexDamaged.
    """
    started_s = time.monotonic()
    chosen, wanted = await _choose(platform, shelf, index_id)
    query = await _embed(platform, photo, wanted)
    shelved = chosen or shelf.serving
    if shelved is not None and not shelved.is_of(query.encoder):
        if chosen is not None:
            raise OtherEncoder("No query can be made with this index's encoder here; choose another index.")
        shelved = None
    if shelved is not None:
        matches = await searching.rank_products(platform.db, shelf.server, shelved, query.vectors, k)
        n_vectors = shelved.index.facts.n_vectors
    else:
        matches, n_vectors = await _rank_living(platform, query, k)
    async with platform.db.transaction() as session:
        results = await _describe(session, matches, platform)
    return SearchOut(
        results=results,
        encoder=SearchEncoder(**query.encoder.model_dump(exclude={"weights_sha256"})),
        product_box_xyxy=query.product_box_xyxy,
        barcodes_seen=list(query.barcodes_seen),
        n_vectors=n_vectors,
        index=SearchIndex(id=shelved.id, name=shelved.name) if shelved is not None else None,
        seconds=round(time.monotonic() - started_s, 3),
    )


async def _choose(
    platform: Platform, shelf: IndexShelf, index_id: uuid.UUID | None
) -> tuple[Shelved | None, EncoderName]:
    """Return the index that was asked for, open, and the encoder that the query is to be made with."""
    async with platform.db.transaction() as session:
        if index_id is None:
            return None, await vectors_service.serving_name(session)
        index = await get_index(session, index_id)
        check_ready(index)
        encoder = await embeddings_repository.get_encoder(session, index)
    return await shelf.open(index), encoder_name(encoder)


async def _rank_living(
    platform: Platform, query: EmbedQueryResult, k: int
) -> tuple[list[vectors_repository.ProductMatch], int]:
    """Rank by the vectors in the database; return also how many there are."""
    async with platform.db.transaction() as session:
        encoder = await vectors_repository.find_encoder(session, query.encoder)
        if encoder is None:
            return [], 0
        return await vectors_service.rank_products(session, encoder, query.vectors, k)


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
        if match.product_id not in products or match.image_id not in images:
            continue  # deleted in this moment
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
