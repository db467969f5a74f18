"""Looking at pictures as they come in: one sent for a product, photos of the pool."""

from typing import Literal

from pydantic import Field

from buybuddy.stages.specs.embedding import EncoderIdentity, EncoderName
from buybuddy.stages.specs.payload import ImageFailure, Payload


class TakeInImageSpec(Payload):
    """Look at one picture that was sent for a product. Runs while a person waits."""

    stage: Literal["take_in_image"] = "take_in_image"
    image_key: str
    output_prefix: str
    is_shop_picture: bool = Field(False, description="Cut a plain, light background away, where there is one.")


class TakeInImageResult(Payload):
    """Sizes are upright; the matte has the picture's size."""

    stage: Literal["take_in_image"] = "take_in_image"
    width_px: int
    height_px: int
    thumbnail_key: str
    matte_key: str | None = None

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        return {"width_px": self.width_px, "height_px": self.height_px, "is_cut_out": self.matte_key is not None}


class PhotoInput(Payload):
    photo_id: str
    key: str


class ReadPhotosSpec(Payload):
    """Read photos of the pool: what candidates, lists and near-duplicates are found by."""

    stage: Literal["read_photos"] = "read_photos"
    photos: tuple[PhotoInput, ...] = Field(min_length=1, max_length=200)
    output_prefix: str
    encoder: EncoderName = "auto"


class PhotoFacts(Payload):
    """One readable photo; its size is the upright one in the file."""

    photo_id: str
    width_px: int
    height_px: int
    thumbnail_key: str
    phash: int = Field(ge=-(2**63), lt=2**63, description="64 bits; ml/near_duplicates.py says which.")
    barcodes_seen: tuple[str, ...] = ()


class ReadPhotosResult(Payload):
    """The rows of both .npy files are in the order of `photos`.

    `vectors_key`: float32 (n, dim), unit rows. `scenes_key`: uint8 (n, 16, 16, 3) RGB.
    """

    stage: Literal["read_photos"] = "read_photos"
    encoder: EncoderIdentity
    vectors_key: str
    scenes_key: str
    photos: tuple[PhotoFacts, ...] = ()
    failures: tuple[ImageFailure, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        failures = [failure.model_dump() for failure in self.failures[:100]]
        return {"n_photos": len(self.photos), "encoder": self.encoder.name, "failures": failures}
