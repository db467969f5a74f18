"""A published index that is open: mapped into memory, searched from one thread at a time (server.py), never written."""

import uuid
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from buybuddy.infra.vectors.cells import cells_of, look_into, share
from buybuddy.infra.vectors.facts import IDS_NAME, INDEX_NAME, PRODUCTS_NAME, IndexDamaged, IndexFacts
from buybuddy.infra.vectors.faiss_library import load_faiss
from buybuddy.infra.vectors.folders import check_files, read_facts

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

NOT_FOUND = -1
IMAGES_PER_PRODUCT = 8  # looked at for each wanted product; its best image speaks for it
MOST_IMAGES = 2_048


class Found(NamedTuple):
    """What each of n queries found, nearest first.

    Args:
        rows: (n, k) int64 rows of the index; NOT_FOUND where it found fewer.
        similarities: (n, k) float32 inner products.
    """

    rows: IntArray
    similarities: FloatArray

    @property
    def is_all(self) -> bool:
        """Whether every query has found fewer than it asked for, so that asking for more would find nothing else."""
        return bool((self.rows[:, -1] == NOT_FOUND).all())


class Hit(NamedTuple):
    """An image that was found; `similarity` is its best over the query's vectors."""

    image_id: uuid.UUID
    product_id: uuid.UUID
    similarity: float


class PublishedIndex:
    """Made by `open`; closed when nobody has it any more, so that who searches in it may finish."""

    def __init__(
        self, index: Any, ids: npt.NDArray[np.uint8], products: npt.NDArray[np.uint8], facts: IndexFacts, name: str
    ) -> None:
        self._index, self._ids, self._products = index, ids, products
        self.facts, self.name = facts, name

    @classmethod
    def open(cls, folder: Path, name: str = "", expected: IndexFacts | None = None) -> Self:
        """Check every file of a folder and map it.

        Args:
            name: what answers call the index by.
            expected: what it was when it was built, where somebody else has kept that.
        Raises: IndexDamaged.
        """
        facts = expected or read_facts(folder)
        check_files(folder, facts)
        faiss = load_faiss()
        try:
            index = faiss.read_index(str(folder / INDEX_NAME), faiss.IO_FLAG_MMAP_IFC)
            ids = np.load(folder / IDS_NAME, mmap_mode="r", allow_pickle=False)
            products = np.load(folder / PRODUCTS_NAME, mmap_mode="r", allow_pickle=False)
        except (RuntimeError, ValueError, OSError) as error:
            raise IndexDamaged(f"The index cannot be opened: {error}") from error
        if not index.ntotal == len(ids) == len(products) == facts.n_vectors or index.d != facts.dim:
            raise IndexDamaged("The files of the index do not belong together.")
        if facts.kind == "ivf":
            look_into(index, facts.parameters.get("n_probe", cells_of(index).nlist))
        elif facts.kind == "hnsw":
            index.hnsw.efSearch = facts.parameters.get("n_seen", index.ntotal)
        return cls(index, ids, products, facts, name)

    def check(self, queries: FloatArray) -> None:
        """Raises: ValueError when they are not of this index's length."""
        if queries.ndim != 2 or queries.shape[1] != self.facts.dim:
            raise ValueError(f"queries of {queries.shape} for an index of dim {self.facts.dim}")

    def search(self, queries: FloatArray, k: int) -> Found:
        """Find vectors that are most similar to each query: the k nearest in an exact index, most of them in others.

        How many of them others find is in their facts (`recall_at_10`). Several queries are divided among as many
        threads as the calling one is allowed. A single one is divided by cells in an index of kind ivf; in exact ones
        and graphs it is the work of one thread, whatever is allowed.

        Args:
            queries: (n, dim) float32 unit rows.
        Returns: k of each query, nearest first; NOT_FOUND fills up where the index, or what was looked at, has fewer.
        Raises: ValueError when they are of another length.
        """
        self.check(queries)
        if self.facts.kind == "ivf":
            share(self._index, len(queries))
        similarities, rows = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), k)
        return Found(rows, similarities)

    def hits(self, found: Found) -> list[Hit]:
        """Return what a query's vectors have found together, each image once, nearest first."""
        is_there = found.rows.ravel() != NOT_FOUND
        rows, similarities = found.rows.ravel()[is_there], found.similarities.ravel()[is_there]
        order = np.argsort(-similarities, kind="stable")
        rows, similarities = rows[order], similarities[order]
        first = np.sort(np.unique(rows, return_index=True)[1])
        ids, products = self._ids[rows[first]].tobytes(), self._products[rows[first]].tobytes()
        return [
            Hit(uuid.UUID(bytes=ids[start : start + 16]), uuid.UUID(bytes=products[start : start + 16]), similarity)
            for start, similarity in zip(range(0, len(ids), 16), similarities[first].tolist(), strict=True)
        ]


def best_of_products(hits: list[Hit], k: int) -> list[Hit]:
    """Return the k nearest products, each by its best image; of equals the lower id is first."""
    best: dict[uuid.UUID, Hit] = {}
    for hit in hits:
        if hit.product_id not in best or hit.similarity > best[hit.product_id].similarity:
            best[hit.product_id] = hit
    return sorted(best.values(), key=lambda hit: (-hit.similarity, hit.product_id))[:k]
