"""Pictures to vectors: many stored ones, or the photo that a person searches with."""

from typing import Literal

from pydantic import Field

from buybuddy.stages.specs.payload import ImageFailure, Payload


class EncoderIdentity(Payload):
    """Vectors may be compared only when all of this is equal."""

    name: str
    weights_sha256: str
    preprocessing: str = Field(description="Versioned name of everything done to a picture before the network.")
    dim: int


class ImageInput(Payload):
    """A picture to embed; with a matte, the matte is used instead of segmenting again."""

    image_id: str
    key: str
    matte_key: str | None = None


EncoderName = Literal["auto", "efficientnet-lite0", "efficientnet-lite0-whole"]


class FillPart(Payload):
    """A part of all ids, whose pictures an encoder is filled in with: images first, then photos, from `begin` again."""

    kind: Literal["images", "photos"]
    begin: str
    after: str = Field(description="Where the next job of the chain goes on.")
    until: str


class DatasetPart(Payload):
    """The images of a dataset's products that have no vector yet: the job after this one goes on after an image."""

    dataset_id: str
    after: str


class EmbedImagesSpec(Payload):
    """Embed many stored pictures with one encoder."""

    stage: Literal["embed_images"] = "embed_images"
    images: tuple[ImageInput, ...]
    output_prefix: str
    encoder: EncoderName = "auto"
    fill: FillPart | None = None
    dataset: DatasetPart | None = None

    @property
    def has_successor(self) -> bool:
        return self.fill is not None or self.dataset is not None


class EmbedImagesResult(Payload):
    """`vectors_key` holds a float32 .npy of shape (len(image_ids), dim), unit rows in image_ids order."""

    stage: Literal["embed_images"] = "embed_images"
    encoder: EncoderIdentity
    vectors_key: str
    image_ids: tuple[str, ...]
    failures: tuple[ImageFailure, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        failures = [failure.model_dump() for failure in self.failures[:100]]
        return {"n_vectors": len(self.image_ids), "encoder": self.encoder.name, "failures": failures}


class EmbedQuerySpec(Payload):
    """Embed one photo, of which nothing is known, to search with it. Runs while a person waits."""

    stage: Literal["embed_query"] = "embed_query"
    photo_key: str
    output_prefix: str
    encoder: EncoderName = "auto"


class EmbedQueryResult(Payload):
    """One or more unit vectors of the photo; a product's similarity is the best over them."""

    stage: Literal["embed_query"] = "embed_query"
    encoder: EncoderIdentity
    vectors: tuple[tuple[float, ...], ...]
    product_box_xyxy: tuple[float, float, float, float] | None = None
    barcodes_seen: tuple[str, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        return {"n_vectors": len(self.vectors), "encoder": self.encoder.name}
