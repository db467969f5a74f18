"""Building what the API shows of matching."""

from collections.abc import Sequence
from typing import cast

from buybuddy.domain.matching.candidates.repository import SimilarProduct
from buybuddy.domain.matching.candidates.service import Candidates
from buybuddy.domain.matching.confidence import service as confidence
from buybuddy.domain.matching.decisions import repository as decisions_repository
from buybuddy.domain.matching.rules import Decision
from buybuddy.domain.matching.schemas import CandidateOut, QueueRow, SuggestionOut, primary_barcode
from buybuddy.domain.matching.tables import MatchingQueueRow
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.products.tables import Product
from buybuddy.infra.db import Session
from buybuddy.infra.http import Platform


async def show_candidates(
    session: Session, product: Product, found: Candidates, platform: Platform, *, with_skipped: bool
) -> list[CandidateOut]:
    """Return cards with what was decided about their first photo, which only a skipped one has."""
    cards = found.cards
    known = (
        await decisions_repository.decisions_of_product(session, product.id, [card.photo.id for card in cards])
        if with_skipped
        else {}
    )
    decided = {photo_id: cast(Decision, row.decision) for photo_id, row in known.items()}
    sure = await confidence.confidences(session, product.id, cards, found.encoder)
    return [CandidateOut.from_card(card, decided.get(card.photo.id), sure[card.photo.id], platform) for card in cards]


async def show_suggestions(
    session: Session, found: Sequence[SimilarProduct], platform: Platform
) -> list[SuggestionOut]:
    """Return products with the image that is most similar to the photo; those removed meanwhile are left out."""
    products = await products_repository.products_by_id(session, [one.product_id for one in found])
    images = await products_repository.images_by_id(session, [one.image_id for one in found])
    return [
        SuggestionOut(
            product_id=product.id,
            barcode=primary_barcode(product),
            brand_name=product.brand_name,
            product_name=product.product_name,
            variant_flavor=product.variant_flavor,
            similarity=round(one.similarity, 4),
            image_url=platform.links.sign(image.storage_key),
            thumbnail_url=platform.link(image.thumbnail_key),
        )
        for one in found
        if (product := products.get(one.product_id)) is not None and (image := images.get(one.image_id)) is not None
    ]


async def show_queue(session: Session, rows: Sequence[MatchingQueueRow], platform: Platform) -> list[QueueRow]:
    """Return rows of the queue with what people know the products by; those removed meanwhile are left out."""
    products = await products_repository.products_by_id(session, [row.product_id for row in rows])
    primary_ids = [product.primary_image_id for product in products.values() if product.primary_image_id is not None]
    images = await products_repository.images_by_id(session, primary_ids)
    shown = []
    for row in rows:
        product = products.get(row.product_id)
        if product is None:
            continue
        image = images.get(product.primary_image_id) if product.primary_image_id is not None else None
        shown.append(
            QueueRow(
                product_id=product.id,
                barcode=primary_barcode(product),
                brand_name=product.brand_name,
                product_name=product.product_name,
                variant_flavor=product.variant_flavor,
                status=product.status,
                thumbnail_url=platform.link(image.thumbnail_key) if image is not None else None,
                frame_count=product.frame_count,
                real_count=product.real_count,
                n_candidates=row.n_candidates,
                expected_matches=round(row.expected_matches, 2),
                best_similarity=None if row.best_similarity is None else round(row.best_similarity, 4),
            )
        )
    return shown
