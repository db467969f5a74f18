"""Looking at what a recipe makes of a picture, while a person waits."""

import asyncio
import uuid
from collections.abc import Sequence

from buybuddy.domain.augmentation import repository
from buybuddy.domain.augmentation.rules import stem_of
from buybuddy.domain.products.images.receiving import PictureListener
from buybuddy.errors import NotFound, StageFailed, Unavailable
from buybuddy.infra.db import Session, new_id, throw_away
from buybuddy.infra.http import Platform
from buybuddy.infra.storage import object_key
from buybuddy.recipes import Recipe
from buybuddy.stages.specs import AugmentDatasetResult, AugmentDatasetSpec, AugmentSource, PictureInput

KEPT_S = 3600.0
DEADLINE_S = 60.0
NEIGHBOURS = 8
BACKGROUNDS = 24


async def make_preview(platform: Platform, image_id: uuid.UUID, recipe: Recipe, seed: int, n: int) -> Sequence[str]:
    """Make n pictures of an image and return their keys; they are kept for an hour.

    Raises: NotFound, StageFailed when the image cannot be used, Unavailable.
    """
    preview_id = new_id()
    prefix = object_key("augmented-images", "previews", preview_id) + "/"
    async with platform.db.transaction() as session:
        spec = await _plan(session, image_id, recipe, seed, n, prefix)
        throw_away(session, prefix, after_s=KEPT_S)
    try:
        async with asyncio.timeout(DEADLINE_S):
            result = await platform.queries.run(
                spec, attempt_id=f"preview/{preview_id}", listener=PictureListener(), cancel=asyncio.Event()
            )
    except TimeoutError as error:
        raise Unavailable("Making the preview took too long; try again.") from error
    if not isinstance(result, AugmentDatasetResult):
        raise StageFailed("The stage answered with something else.")
    return [image.key for image in result.images]


async def _plan(
    session: Session, image_id: uuid.UUID, recipe: Recipe, seed: int, n: int, prefix: str
) -> AugmentDatasetSpec:
    rows = await repository.sources_of(session, [image_id])
    if not rows:
        raise NotFound("There is no such image, or it was made by augmentation itself.")
    row = rows[0]
    source = AugmentSource(
        image_id=str(row.id),
        product_id=str(row.product_id),
        key=row.storage_key,
        sha256=row.sha256,
        stem=stem_of(row.frame_index, row.id),
        domain="real" if row.image_type == "real" else "synthetic",
        first_number=0,
        n_wanted=n,
        matte_key=row.matte_key,
    )
    beside = await repository.products_beside(session, row.product_id, NEIGHBOURS)
    others = await repository.pick_neighbours(session, beside)
    backgrounds = await repository.pick_backgrounds(session, BACKGROUNDS)
    return AugmentDatasetSpec(
        run_id=str(new_id()),
        shard=0,
        sources=(source,),
        recipe=recipe,
        seed=seed,
        backgrounds=tuple(PictureInput(key=one.storage_key) for one in backgrounds),
        others=tuple(PictureInput(key=key, matte_key=matte_key) for key, matte_key in others),
        output_prefix=prefix,
    )
