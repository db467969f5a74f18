"""What is known of a published index, and written beside it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from buybuddy.errors import Conflict

IndexKind = Literal["exact", "ivf", "hnsw"]
INDEX_NAME, IDS_NAME, PRODUCTS_NAME, FACTS_NAME = "index.faiss", "ids.npy", "products.npy", "facts.json"
FILE_NAMES = (INDEX_NAME, IDS_NAME, PRODUCTS_NAME)


class IndexDamaged(Conflict):
    """The files of a published index are not those that were built."""

    code = "INDEX_DAMAGED"


class IndexOrigin(BaseModel):
    """Whose vectors an index holds: those of one encoder, of the images in one frozen version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder_name: str
    encoder_weights_sha256: str
    encoder_preprocessing: str
    dataset_version_id: str
    domains: dict[str, int] = Field(description="Images of each domain.")


class IndexFacts(BaseModel):
    """A built index; its files are those of these hashes and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: IndexKind
    dim: int
    n_vectors: int
    n_products: int
    origin: IndexOrigin
    parameters: dict[str, int] = Field(description="`n_cells` and `n_probe` of ivf; `n_links`, `n_seen` of hnsw.")
    recall_at_10: float = Field(description="Against exact search; 1 for an exact index, which is not measured.")
    recall_at_50: float
    n_queries: int = Field(description="Held-out vectors that recall was measured with; 0 for an exact index.")
    build_s: float
    size_bytes: int
    sha256: dict[str, str] = Field(description="By the file's name.")
