"""Making pictures out of those that there are."""

from typing import ClassVar, Literal

from pydantic import Field

from buybuddy.recipes import Recipe
from buybuddy.stages.specs.payload import ImageFailure, Payload

ImageDomain = Literal["synthetic", "real"]


class AugmentSource(Payload):
    """A picture that others are made of, and which: `n_wanted` of them, numbered from `first_number` on.

    With a matte it is not segmented again; of a real picture the whole is varied, with or without.
    """

    image_id: str
    product_id: str
    key: str
    sha256: str
    stem: str = Field(pattern=r"^[a-z0-9_]{1,64}$", description="Begins the names of what is made.")
    domain: ImageDomain
    first_number: int = Field(ge=0)
    n_wanted: int = Field(ge=0)
    matte_key: str | None = None


class PictureInput(Payload):
    """A stored picture by its key, and its matte, where there is one."""

    key: str
    matte_key: str | None = None


class AugmentDatasetSpec(Payload):
    """Make pictures of products out of those that there are: a part of a run.

    What `seed`, `recipe`, `backgrounds` and `others` say is the same in every part, so that it does not matter which
    pictures are made by which.
    """

    is_resumable: ClassVar[bool] = True
    stage: Literal["augment_dataset"] = "augment_dataset"
    run_id: str
    shard: int
    sources: tuple[AugmentSource, ...] = Field(min_length=1)
    recipe: Recipe
    seed: int = Field(ge=0)
    backgrounds: tuple[PictureInput, ...] = ()
    others: tuple[PictureInput, ...] = ()
    output_prefix: str

    @property
    def has_successor(self) -> bool:
        return True


class AugmentedImage(Payload):
    """One picture that was made; its bytes follow from source, recipe, seed and number."""

    source_image_id: str
    key: str
    number: int
    step: str = Field(description="Of the recipe; `photo` for those made of real pictures.")
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


class MadeMatte(Payload):
    """A matte that was missing, made by a segmenter."""

    image_id: str
    key: str
    segmenter: str


class AugmentDatasetResult(Payload):
    """Every picture that there is now, those that an earlier attempt has made among them."""

    stage: Literal["augment_dataset"] = "augment_dataset"
    run_id: str
    images: tuple[AugmentedImage, ...]
    mattes: tuple[MadeMatte, ...] = ()
    sheets: dict[str, str] = Field(default={}, description="Contact sheets: keys by the ids of products.")
    failures: tuple[ImageFailure, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        failures = [failure.model_dump() for failure in self.failures[:100]]
        return {"n_images": len(self.images), "n_mattes": len(self.mattes), "failures": failures}
