"""Which photos come up for a product, and which products for a photo."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from buybuddy.domain.matching.candidates import repository
from buybuddy.domain.matching.candidates.repository import PhotoFilters, SimilarProduct
from buybuddy.domain.matching.rules import Found, Tier, barcode_variants, rank_key, tier_of
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.products.tables import Product
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.domain.vectors.views import NO_VIEWS, Views, views_of_product
from buybuddy.errors import NotFound
from buybuddy.infra.db import Session

OVER_FETCH = 2  # photos for each card, as several may be one card


@dataclass(frozen=True)
class Candidate:
    """One card: the photo of a group that speaks most for the product, and the open photos that are decided with it."""

    photo: Photo
    tier: Tier
    similarity: float | None
    members: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class Candidates:
    """Cards, the best first.

    Args:
        n_views: pictures of the product that photos were compared with; with none, only barcodes find photos.
        goes_on: there are more than were asked for.
    """

    cards: list[Candidate]
    encoder: Encoder | None
    n_views: int
    goes_on: bool


async def find_candidates(
    session: Session,
    product: Product,
    *,
    threshold: float,
    limit: int,
    filters: PhotoFilters,
    with_skipped: bool = False,
) -> Candidates:
    """Find open photos for a product that nobody has decided about, by its barcodes and its views.

    Args:
        threshold: the least cosine to the most similar view; a photo with one of its barcodes needs none.
        limit: how many cards.
    """
    decided = await repository.decided_photos(session, product.id, with_skipped=with_skipped)
    encoder = await vectors_repository.find_serving(session)
    views = await views_of_product(session, encoder.id, product.id) if encoder is not None else NO_VIEWS
    similarities = await _similarities(session, encoder, views, decided, filters, limit * OVER_FETCH + 1)
    with_barcode = set(
        await repository.photos_with_barcode(session, barcode_variants(product.barcodes), decided, filters)
    )
    unseen = with_barcode - similarities.keys()
    if encoder is not None and len(views) and unseen:
        vectors = await repository.photo_vectors(session, encoder.id, unseen)
        similarities |= {photo_id: float((views.vectors @ vector).max()) for photo_id, vector in vectors.items()}
    found = {}
    for photo_id in similarities.keys() | with_barcode:
        similarity = similarities.get(photo_id)
        tier = tier_of(has_barcode=photo_id in with_barcode, similarity=similarity, threshold=threshold)
        if tier is not None:
            found[photo_id] = Found(tier, similarity)
    cards, goes_on = await _fold(session, found, decided, limit)
    return Candidates(cards, encoder, len(views), goes_on)


async def _similarities(
    session: Session,
    encoder: Encoder | None,
    views: Views,
    decided: Sequence[uuid.UUID],
    filters: PhotoFilters,
    n: int,
) -> dict[uuid.UUID, float]:
    if encoder is None or not len(views):
        return {}
    rows = await repository.similar_photos(session, encoder, views, decided, filters, n)
    return {row.photo_id: row.similarity for row in rows}


async def _fold(
    session: Session, found: dict[uuid.UUID, Found], decided: Sequence[uuid.UUID], limit: int
) -> tuple[list[Candidate], bool]:
    """Make one card of each group of near-duplicates; return the first ones and whether there are more."""
    groups = await repository.groups_of(session, found)
    first_of: dict[uuid.UUID, uuid.UUID] = {}
    for photo_id in sorted(groups, key=lambda one: (rank_key(found[one]), one)):
        first_of.setdefault(groups[photo_id], photo_id)
    shown = dict(list(first_of.items())[:limit])
    photos = await repository.photos_by_id(session, shown.values())
    members = await repository.open_members(session, shown, decided)
    cards = [
        Candidate(
            photos[photo_id],
            found[photo_id].tier,
            found[photo_id].similarity,
            tuple(dict.fromkeys([photo_id, *members.get(group_id, [])])),
        )
        for group_id, photo_id in shown.items()
        if photo_id in photos
    ]
    return cards, len(first_of) > limit


async def suggest_products(session: Session, photo_id: uuid.UUID, limit: int) -> tuple[Photo, list[SimilarProduct]]:
    """Find products that a photo may show: the owners of its barcodes first, none that it was rejected for.

    Only products that have a vector, and none before the photo has one. Raises: NotFound.
    """
    photo = (await repository.photos_by_id(session, [photo_id])).get(photo_id)
    if photo is None:
        raise NotFound("There is no such photo.")
    encoder = await vectors_repository.find_serving(session)
    vectors = await repository.photo_vectors(session, encoder.id, [photo_id]) if encoder is not None else {}
    if encoder is None or photo_id not in vectors:
        return photo, []
    vector, rejected = vectors[photo_id], await repository.rejected_products(session, photo_id)
    barcodes = [*photo.barcodes_seen, *([photo.barcode] if photo.barcode is not None else [])]
    owners = await repository.products_with_barcode(session, barcode_variants(barcodes)) - rejected
    first = (await repository.compare_with(session, encoder, vector, owners))[:limit] if owners else []
    n_left = limit - len(first)
    rest = await repository.similar_products(session, encoder, vector, rejected | owners, n_left) if n_left else []
    return photo, [*first, *rest]


async def get_product(session: Session, product_id: uuid.UUID) -> Product:
    """Raises: NotFound."""
    product = await products_repository.find_product(session, product_id)
    if product is None:
        raise NotFound("There is no such product.")
    return product
