"""A pool of drawn photos for the browser tests, put straight into the database and the storage of a platform.

Vectors are made up, so that each photo's similarity to its product is known: the tests are about the pages.
"""

import asyncio
import hashlib
import math
import uuid
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from sqlalchemy import text

from buybuddy.connections import database_url, open_storage
from buybuddy.domain.matching.tables import MatchingQueueRow, MatchSuggestion
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products.tables import Product, ProductBarcode, ProductImage
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.infra.db import Database, Session, new_id
from buybuddy.infra.storage import Area, ObjectStorage, object_key
from buybuddy.settings import Settings
from buybuddy.stages.specs import EncoderIdentity

T = TypeVar("T")
Picture = npt.NDArray[np.uint8]

DIM = 16
ENCODER = EncoderIdentity(name="made-up", weights_sha256="0" * 64, preprocessing="none/1", dim=DIM)
SOURCES = ("shelf", "cart")


@dataclass
class Pool:
    """What was put in, the best candidates of each product first; `shared` looks like the first two products."""

    products: list[uuid.UUID] = field(default_factory=list)
    photos: list[list[uuid.UUID]] = field(default_factory=list)
    shared: uuid.UUID | None = None


def draw_pack(index: int, *, side_px: int = 240, seed: int | None = None) -> Picture:
    """Draw a pack in a colour of its own; with a seed somewhere on a shelf, without one on black."""
    rng = np.random.default_rng(seed if seed is not None else 0)
    colour = cv2.cvtColor(np.array([[[index * 47 % 180, 190, 210]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    ground = (0, 0, 0) if seed is None else tuple(int(value) for value in rng.integers(90, 200, 3))
    picture = np.full((side_px, side_px, 3), ground, np.uint8)
    shift_x, shift_y = (0, 0) if seed is None else (int(v) for v in rng.integers(-side_px // 8, side_px // 8, 2))
    x0, x1, y0, y1 = (int(side_px * share) for share in (0.3, 0.7, 0.12, 0.9))
    corners = (x0 + shift_x, y0 + shift_y), (x1 + shift_x, y1 + shift_y)
    cv2.rectangle(picture, *corners, tuple(int(value) for value in colour), -1)
    label_y = int(side_px * 0.55) + shift_y
    cv2.rectangle(picture, (corners[0][0], label_y - 34), (corners[1][0], label_y + 14), (245, 245, 240), -1)
    cv2.putText(
        picture, f"No {index}", (corners[0][0] + 8, label_y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (30, 30, 30), 2
    )  # fmt: skip
    return picture


def _vector(index: int, similarity: float = 1.0, turn: int = 0) -> list[float]:
    """Return a unit vector with this cosine to that of a product."""
    vector = np.zeros(DIM)
    vector[index] = similarity
    vector[DIM - 1 - turn % 4] = math.sqrt(max(0.0, 1 - similarity**2))
    return [float(value) for value in vector]


def run_apart(work: Coroutine[None, None, T]) -> T:
    """Run a coroutine in a thread of its own: Playwright's loop has this one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, work).result()


def fill_pool(home: Path, n_products: int, n_photos: int) -> Pool:
    """Put products with photos that look like them into the platform of a home.

    Args:
        n_products: at most 12.
        n_photos: of each product, with similarities from 0.98 downwards; the first two are near-duplicates.
    """
    settings = Settings.for_home(home)
    storage = open_storage(settings)

    async def fill() -> Pool:
        database = Database(database_url(settings))
        try:
            async with database.transaction() as session:
                return await _fill(session, storage, n_products, n_photos)
        finally:
            await database.close()

    return run_apart(fill())


async def _fill(session: Session, storage: ObjectStorage, n_products: int, n_photos: int) -> Pool:
    pool = Pool()
    encoder = await vectors_repository.get_or_add_encoder(session, ENCODER)
    for index in range(n_products):
        product_id = await _add_product(session, storage, encoder.id, index)
        pool.products.append(product_id)
        pool.photos.append([])
        for number in range(n_photos):
            similarity = 0.98 - 0.26 * number / max(1, n_photos - 1)
            group = pool.photos[-1][0] if number == 1 else None
            photo_id = await _add_photo(session, storage, index, number, group)
            await vectors_repository.add_photo_embeddings(
                session, encoder.id, [(photo_id, _vector(index, similarity, number))]
            )
            session.add(
                MatchSuggestion(photo_id=photo_id, product_id=product_id, encoder_id=encoder.id, similarity=similarity)
            )
            pool.photos[-1].append(photo_id)
        session.add(
            MatchingQueueRow(
                product_id=product_id, status="needs_matching", n_candidates=n_photos - 1,
                expected_matches=n_photos / (index + 2), best_similarity=0.98,
            )
        )  # fmt: skip
    pool.shared = await _add_photo(session, storage, 0, n_photos, None)
    between = [float(value) for value in (np.array(_vector(0)) + np.array(_vector(1))) / math.sqrt(2)]
    await vectors_repository.add_photo_embeddings(session, encoder.id, [(pool.shared, between)])
    return pool


async def _add_product(session: Session, storage: ObjectStorage, encoder_id: uuid.UUID, index: int) -> uuid.UUID:
    product = Product(
        id=new_id(), status="needs_matching", brand_name="Anadolu", product_name=f"Test pack {index}", category="Snacks"
    )
    session.add(product)
    await session.flush()
    session.add(ProductBarcode(barcode=f"869000000{index:04d}", product_id=product.id, is_primary=True))
    image_id, key, small, data = _store(storage, "frames", draw_pack(index, side_px=518))
    session.add(
        ProductImage(
            id=image_id, product_id=product.id, image_type="synthetic", source="upload", storage_key=key,
            thumbnail_key=small, width_px=518, height_px=518, size_bytes=len(data), sha256=_sha(data, image_id),
        )
    )  # fmt: skip
    await session.flush()
    product.primary_image_id = image_id
    await vectors_repository.add_embeddings(session, encoder_id, [(image_id, _vector(index))])
    return product.id


async def _add_photo(
    session: Session, storage: ObjectStorage, index: int, number: int, group_id: uuid.UUID | None
) -> uuid.UUID:
    photo_id, key, small, data = _store(storage, "real-images", draw_pack(index, seed=1000 * index + number + 1))
    session.add(
        Photo(
            id=photo_id, group_id=group_id or photo_id, name=f"{SOURCES[number % 2]}/{index}-{number:03d}.jpg",
            source=SOURCES[number % 2], status="unassigned", storage_key=key, thumbnail_key=small,
            sha256=_sha(data, photo_id), size_bytes=len(data), width_px=240, height_px=240,
            barcode=f"869000000{index:04d}" if number == 0 and group_id is None else None,
        )
    )  # fmt: skip
    await session.flush()
    await session.execute(text("UPDATE real_images SET read_at = clock_timestamp() WHERE id = :id"), {"id": photo_id})
    return photo_id


def _store(storage: ObjectStorage, area: Area, picture: Picture) -> tuple[uuid.UUID, str, str, bytes]:
    picture_id = new_id()
    data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
    key = object_key(area, picture_id, suffix=".jpg")
    small = object_key(area, picture_id, "thumbnail.jpg")
    storage.put(key, data)
    storage.put(small, data)
    return picture_id, key, small, data


def _sha(data: bytes, picture_id: uuid.UUID) -> str:
    """Return a hash that is this picture's alone, also where two drawings are the same."""
    return hashlib.sha256(data + picture_id.bytes).hexdigest()
