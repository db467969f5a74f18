"""Building what the API shows of matching."""

from collections.abc import Sequence
from typing import cast

from buybuddy.domain.matching.candidates.repository import SimilarProduct
from buybuddy.domain.matching.candidates.service import Candidate
from buybuddy.domain.matching.decisions import repository as decisions_repository
from buybuddy.domain.matching.rules import Decision
from buybuddy.domain.matching.schemas import CandidateOut, SuggestionOut, primary_barcode
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.products.tables import Product
from buybuddy.infra.db import Session
from buybuddy.infra.http import Platform


async def show_candidates(
    session: Session, product: Product, cards: Sequence[Candidate], platform: Platform
) -> list[CandidateOut]:
    """Return cards with what was decided about their first photo, which only a skipped one has."""
    known = await decisions_repository.decisions_of_product(session, product.id, [card.photo.id for card in cards])
    decided = {photo_id: cast(Decision, row.decision) for photo_id, row in known.items()}
    return [CandidateOut.from_card(card, decided.get(card.photo.id), platform) for card in cards]


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
