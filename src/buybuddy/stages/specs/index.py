"""Building a published index."""

from typing import Literal

from pydantic import Field

from buybuddy.infra.vectors import IndexFacts
from buybuddy.stages.specs.embedding import EncoderIdentity
from buybuddy.stages.specs.payload import Payload


class BuildIndexSpec(Payload):
    """Build a published index of gathered vectors; they come in parts, each an .npz.

    A part holds `vectors` float32 (n, dim) unit rows, `ids` and `products` uint8 (n, 16), the UUIDs of each vector's
    image and product, and `domains` (n,) texts. All together hold `n_vectors`, where it is known how many.
    """

    stage: Literal["build_index"] = "build_index"
    part_keys: tuple[str, ...] = Field(min_length=1)
    n_vectors: int | None = Field(None, ge=1)
    kind: Literal["auto", "exact", "ivf", "hnsw"] = "auto"
    encoder: EncoderIdentity
    dataset_version_id: str
    output_prefix: str


class BuildIndexResult(Payload):
    """The folder below `index_prefix` holds the files that the facts name, and the facts."""

    stage: Literal["build_index"] = "build_index"
    index_prefix: str
    facts: IndexFacts

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        shown = {"kind", "n_vectors", "n_products", "parameters", "recall_at_10", "recall_at_50", "size_bytes"}
        return self.facts.model_dump(mode="json", include=shown)
