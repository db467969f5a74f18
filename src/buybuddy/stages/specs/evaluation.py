"""Ranking products for photos and photos for products."""

from typing import Literal

from pydantic import Field

from buybuddy.stages.specs.payload import Payload


class EvaluateMatchingSpec(Payload):
    """Rank products for photos and photos for products; the vectors come in parts, each an .npz.

    A part of photos holds `vectors` float32 (n, dim) unit rows, `products` (n,) the id of the product that each shows,
    and `groups` (n,) equal for near-duplicates. A part of products holds `vectors` float32 (m, dim) and `products` (m,)
    ascending: all pictures of a product are in one part, and parts are ascending, too.
    """

    stage: Literal["evaluate_matching"] = "evaluate_matching"
    photo_keys: tuple[str, ...] = Field(min_length=1)
    product_keys: tuple[str, ...] = Field(min_length=1)
    output_prefix: str


class MatchingFigures(Payload):
    """Shares in [0, 1] by their names, such as `cmc@1` and `map@r`."""

    photo_to_product: dict[str, float]
    product_to_photo: dict[str, float]


class ConfusedPair(Payload):
    """How many photos of a product are most similar to another one."""

    product_id: str
    found_product_id: str
    n_photos: int


class EvaluateMatchingResult(Payload):
    """How often photos find their product first, and products their photos."""

    stage: Literal["evaluate_matching"] = "evaluate_matching"
    photo_to_product: dict[str, float] = Field(description="`cmc@1`, `cmc@5`, `cmc@10`, of all photos alike.")
    product_to_photo: dict[str, float] = Field(description="`cmc@1`, `map@r`, of the products that have photos.")
    macro: MatchingFigures = Field(description="The same averaged per product.")
    queries: int = Field(description="Photos that products were ranked for.")
    products: int = Field(description="Products that were ranked for each of them.")
    products_with_photos: int = Field(description="Products that photos were ranked for.")
    n_folded: int = Field(description="Photos for which a near-duplicate stands in the ranking of photos.")
    n_without_picture: int = Field(description="Photos whose product has no picture with a vector any more.")
    confused: tuple[ConfusedPair, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        return self.model_dump(mode="json", exclude={"stage", "confused"})
